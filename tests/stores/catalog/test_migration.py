"""Catalogs of earlier formats, brought up to date where they lie."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from florctl.orchestrate.answers.harvest import harvest
from florlib.stores.catalog.connection import open_catalog
from florlib.stores.catalog.schema import VERSION
from tests.homes import BOOT, HOST, NOW, Home, training


def test_a_catalog_of_before_is_read_anew_from_the_files(flor_home: Path) -> None:
    Home(flor_home).run(records=training(epochs=3))
    path = flor_home / "catalog.db"
    open_catalog(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # As format 4 had it, as far as a migration could stumble over it.
        connection.execute("DROP VIEW logs")
        connection.execute("DROP TABLE place")
        connection.execute("CREATE TABLE place (key INTEGER PRIMARY KEY, path TEXT, sort BLOB)")
        connection.execute("CREATE VIEW logs AS SELECT path FROM place")
        connection.execute("INSERT INTO place (path, sort) VALUES ('[]', x'00')")
        connection.execute(
            "INSERT INTO run (id, folder, name, ordinal, project, cwd, command, tags, environment,"
            " started, status) VALUES ('gone', 'a/gone', 'a', 1, '', '', '[]', '{}', '{}', '', 'done')"
        )
        connection.execute("DELETE FROM _sqlite_migrations")
        connection.execute("PRAGMA user_version = 4")

    harvest(flor_home, now=NOW, boot=BOOT, host=HOST)

    with closing(open_catalog(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT name FROM runs").fetchall() == [("linear",)]
        assert connection.execute("SELECT count(*) FROM logs").fetchone() == (10,)


def test_values_of_format_7_are_counted_anew(flor_home: Path) -> None:
    """It held some that share name and position for the same one of them."""
    Home(flor_home).run(records=training())
    harvest(flor_home, now=NOW, boot=BOOT, host=HOST)
    path = flor_home / "catalog.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE log SET occurrence = 1")
        connection.execute("UPDATE _sqlite_migrations SET name = 'm007_runs_by_start'")
        connection.execute("PRAGMA user_version = 7")

    harvest(flor_home, now=NOW, boot=BOOT, host=HOST)

    with closing(open_catalog(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT count(*), max(occurrence) FROM logs").fetchall() == [
            (7, 0)
        ]
