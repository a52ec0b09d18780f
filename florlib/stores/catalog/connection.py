"""Opening the catalog: its journal mode, its schema, and the one way to write to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from florlib.ground.errors import FlorError, FormatTooNew, HomeNotWritable, Locked
from florlib.stores.catalog import schema

WAIT_S = 30.0  # for another writer; a harvest holds the lock for one journal at a time


def open_catalog(path: Path) -> sqlite3.Connection:
    """Open the catalog for reading and writing; create it, or bring its schema up to date.

    Raises:
        HomeNotWritable: its folder cannot be written.
        FormatTooNew: a newer flor wrote it.
        Locked: another process held it for longer than WAIT_S.
    """
    with translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HomeNotWritable(
                f"{path.parent} cannot be created ({error.strerror})",
                hint="export FLOR_HOME=/a/folder/you/can/write",
            ) from error
        if not path.exists():
            _create(path)
        connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing catalog so that no statement can change it."""
    with translated(path):
        uri = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction: all of it or nothing.

    IMMEDIATE, because a deferred transaction that reads and then writes fails at once when another
    writer came between, whatever the time-out: 300 of 400 were lost so with four writers.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
    connection.commit()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say SQLite's complaints about the file in our words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise Locked(f"{path} is in use by another flor ({text})", hint="try again") from error
        if "readonly" in text or "unable to open" in text or "full" in text:
            raise HomeNotWritable(
                f"{path} cannot be written ({text})",
                hint="export FLOR_HOME=/a/folder/you/can/write",
            ) from error
        raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise
        raise FlorError(
            f"{path} is damaged ({error}); the runs themselves are not",
            hint="flor store rebuild",
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # What a power cut takes away is read from the journals again, so no fsync a transaction.
    connection.execute("PRAGMA synchronous = NORMAL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.VERSION:
        raise FormatTooNew(
            f"{path} was written in catalog format {version}; this flor reads {schema.VERSION}",
            hint="pip install --upgrade florctl",
        )
    if version == schema.VERSION:
        return
    with writing(connection):
        # Another process may have migrated while this one waited for the lock.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < schema.VERSION:
            schema.migrate(connection)


def _create(path: Path) -> None:
    """Publish an empty catalog whole; nothing happens where another process was first.

    It is made under another name, because a database that others see cannot change its journal
    mode while they look. Network file systems may accept write-ahead logging and fail at the first
    write: this first write tells.
    """
    import tempfile

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".catalog-") as folder:
        made = Path(folder) / "wal.db"
        try:
            _make(made, "WAL")
        except sqlite3.OperationalError:
            made = Path(folder) / "delete.db"
            _make(made, "DELETE")
        try:
            os.link(made, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(made, path)


def _make(path: Path, journal_mode: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        with writing(connection):
            schema.migrate(connection)
