"""Opening the catalog: its journal mode, its schema, and the one way to write to it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from florlib.ground.errors import FlorError, FormatTooNew, HomeNotWritable, Locked
from florlib.stores.catalog import schema
from florlib.stores.mounts import NETWORK, file_system

WAIT_S = 30.0  # for another writer; a harvest holds the lock for a fraction of a second at a time
ASK_S = 0.002
"""How often a writer asks for the lock. SQLite asks every 100 ms after a while, and so may never
meet the moment at which a long harvest lets others in."""
CACHE_KIB = 64 << 10  # of pages: a harvest of millions of values goes back to the same ones
CHECKPOINT_PAGES = 8192  # 32 MB of write-ahead log; a page that changes often is copied once


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
            if file_system(path.parent) in NETWORK:
                _stop_writing_ahead(connection)
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
    begin(connection)
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
    connection.commit()


def begin(connection: sqlite3.Connection) -> None:
    """Begin a write transaction, once no other writer is in one.

    Raises:
        sqlite3.OperationalError: one was for longer than WAIT_S.
    """
    until = time.monotonic() + WAIT_S
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(ASK_S)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {WAIT_S * 1000:.0f}")


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
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES:d}")
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


def _stop_writing_ahead(connection: sqlite3.Connection) -> None:
    """Have a catalog that came from a local disk be safe on a network file system.

    Write-ahead logging shares memory between processes, which those on two machines do not have:
    each would think it alone.
    """
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        connection.execute("PRAGMA journal_mode = DELETE")


def _create(path: Path) -> None:
    """Publish an empty catalog whole; nothing happens where another process was first.

    It is made under another name, because a database that others see cannot change its journal
    mode while they look. File systems that are not known for it may accept write-ahead logging and
    fail at the first write: this first write tells.
    """
    import tempfile

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".catalog-") as folder:
        made = Path(folder) / "wal.db"
        try:
            _make(made, "DELETE" if file_system(path.parent) in NETWORK else "WAL")
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
