"""Catalogs of earlier formats, brought up to date where they lie."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from florlib.stores.catalog.connection import open_catalog
from florlib.stores.catalog.schema import VERSION


def test_a_catalog_of_format_1_gets_marks(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    open_catalog(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP VIEW logs")
        connection.execute("CREATE VIEW logs AS SELECT verified FROM log")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm002%'")
        connection.execute("PRAGMA user_version = 1")

    with closing(open_catalog(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(logs)")]

        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert {"verified", "mark", "hindsight"} <= set(columns)


def test_a_catalog_of_format_2_gets_measured_overheads(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    open_catalog(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP VIEW runs")
        connection.execute("CREATE VIEW runs AS SELECT stall_s AS overhead FROM run")
        connection.execute("ALTER TABLE run DROP COLUMN slowed_s")
        for column in ("stall_s", "slowed_s", "longest_s", "expected_s"):
            connection.execute(f"ALTER TABLE process DROP COLUMN {column}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm003%'")
        connection.execute("PRAGMA user_version = 2")

    with closing(open_catalog(path)) as connection:
        connection.execute("SELECT stall_s, slowed_s, overhead FROM runs")
        connection.execute("SELECT stall_s, slowed_s, longest_s, expected_s FROM process")

        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_catalog_of_format_3_learns_of_dropped_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    open_catalog(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP VIEW checkpoints")
        connection.execute("ALTER TABLE checkpoint DROP COLUMN dropped")
        connection.execute("CREATE VIEW checkpoints AS SELECT file FROM checkpoint")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm004%'")
        connection.execute("PRAGMA user_version = 3")

    with closing(open_catalog(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(checkpoint)")]

        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert columns[-1] == "dropped"
        assert connection.execute("SELECT bytes FROM checkpoints").fetchall() == []
