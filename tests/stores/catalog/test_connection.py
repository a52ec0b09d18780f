"""Opening the catalog: its schema, its journal mode, and what happens when others hold it."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from florlib.ground.errors import FlorError, Locked
from florlib.stores.catalog import batches
from florlib.stores.catalog import connection as catalog
from florlib.stores.catalog.schema import TABLES, VERSION, VIEWS, document


def test_a_new_catalog_has_its_schema_and_is_written_ahead(tmp_path: Path):
    with closing(catalog.open_catalog(tmp_path / "home" / "catalog.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        kinds = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
        assert {name for (name,) in kinds} == set(VIEWS)

    assert [path.name for path in (tmp_path / "home").iterdir()] == ["catalog.db"]


def test_many_may_create_it_at_once(tmp_path: Path):
    def one(_: int) -> None:
        catalog.open_catalog(tmp_path / "catalog.db").close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(16)))

    with closing(catalog.open_readonly(tmp_path / "catalog.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_an_empty_file_becomes_a_catalog(tmp_path: Path):
    (tmp_path / "catalog.db").write_bytes(b"")

    with closing(catalog.open_catalog(tmp_path / "catalog.db")) as connection:
        assert connection.execute("SELECT count(*) FROM logs").fetchone() == (0,)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path):
    with closing(catalog.open_catalog(tmp_path / "catalog.db")) as connection:
        with pytest.raises(ZeroDivisionError), catalog.writing(connection):
            connection.execute("INSERT INTO name (name) VALUES ('loss')")
            raise ZeroDivisionError

        assert connection.execute("SELECT count(*) FROM name").fetchone() == (0,)


def test_reading_cannot_write(tmp_path: Path):
    catalog.open_catalog(tmp_path / "catalog.db").close()

    with (
        closing(catalog.open_readonly(tmp_path / "catalog.db")) as connection,
        pytest.raises(sqlite3.OperationalError),
    ):
        connection.execute("INSERT INTO name (name) VALUES ('loss')")


def test_a_catalog_that_is_held_is_told_as_locked(tmp_path, monkeypatch):
    path = tmp_path / "catalog.db"
    monkeypatch.setattr(catalog, "WAIT_S", 0.01)
    with (
        closing(catalog.open_catalog(path)) as holder,
        closing(catalog.open_catalog(path)) as other,
    ):
        holder.execute("BEGIN IMMEDIATE")

        with pytest.raises(Locked), catalog.translated(path), catalog.writing(other):
            pass


def mode_of(path: Path) -> str:
    with closing(catalog.open_catalog(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_on_a_network_file_system_nothing_is_written_ahead(tmp_path, monkeypatch):
    brought = tmp_path / "brought" / "catalog.db"
    assert mode_of(brought) == "wal"

    monkeypatch.setattr(catalog, "file_system", lambda folder: "nfs4")

    assert mode_of(tmp_path / "new" / "catalog.db") == "delete"
    assert mode_of(brought) == "delete"
    assert sorted(path.name for path in brought.parent.iterdir()) == ["catalog.db"]


def test_a_writer_that_waits_is_let_in_between_pieces(tmp_path, monkeypatch):
    path, let_in = tmp_path / "catalog.db", Event()
    monkeypatch.setattr(batches, "SHARED_S", 0.01)
    catalog.open_catalog(path).close()

    def wait() -> None:
        with closing(catalog.open_catalog(path)) as connection, catalog.writing(connection):
            let_in.set()

    with closing(catalog.open_catalog(path)) as connection, ThreadPoolExecutor(1) as pool:
        batch, pieces = batches.Batch(connection), 0
        with batch.writing():
            pool.submit(wait)
        while not let_in.is_set():
            with batch.writing():
                pieces += 1
                connection.execute("INSERT INTO name (name) VALUES (?)", (f"x{pieces}",))
        batch.commit()

        assert connection.execute("SELECT count(*) FROM name").fetchone() == (pieces,)


def test_a_name_of_all_runs_is_found_run_by_run(tmp_path: Path):
    sql = "SELECT run, max(number) FROM logs WHERE name = 'acc' GROUP BY run"
    with closing(catalog.open_catalog(tmp_path / "catalog.db")):
        pass

    with closing(catalog.open_readonly(tmp_path / "catalog.db")) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    assert "SEARCH block USING INDEX block_by_name (process=? AND name=?)" in plan
    assert "SEARCH log USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan


def test_damage_names_the_way_out(tmp_path: Path):
    (tmp_path / "catalog.db").write_bytes(b"no database" * 1000)

    with pytest.raises(FlorError, match="damaged") as caught:
        catalog.open_catalog(tmp_path / "catalog.db")

    assert caught.value.hint == "flor store rebuild"


def test_every_table_is_commented():
    tables = [text for text in TABLES if "CREATE TABLE" in text or "CREATE VIEW" in text]

    assert all(text.startswith("-- ") for text in tables)
    assert document().count(";") == len(TABLES) + sum(text.count(";") for text in TABLES)
