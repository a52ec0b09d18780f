"""Marks of a harvest: which runs are known, and how far each of their files has been read."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

Watch = tuple[int, int, int]
"""(settled, folder_mtime_ns, replays_mtime_ns) of a run; settled is 1 where nothing but a folder's mtime
can tell of news."""


class Mark(NamedTuple):
    """How far a file has been read: its size and mtime then, and where a journal goes on."""

    size: int
    mtime_ns: int
    offset: int = 0
    cursor: str | None = None


def stamps(connection: sqlite3.Connection) -> dict[str, int]:
    """Every known run by its folder below FLOR_HOME, with that folder's mtime; 0 of one that is not settled."""
    settled = "CASE WHEN settled THEN folder_mtime_ns ELSE 0 END"
    return dict(connection.execute(f"SELECT folder, {settled} FROM run"))  # noqa: S608


def replays_stamps(connection: sqlite3.Connection) -> dict[str, int]:
    """The mtime of the folder of replays of each run that has one."""
    return dict(
        connection.execute("SELECT folder, replays_mtime_ns FROM run WHERE replays_mtime_ns > 0")
    )


def watch_of(connection: sqlite3.Connection, key: int) -> Watch:
    """What is remembered of one run's folder."""
    found: Watch = connection.execute(
        "SELECT settled, folder_mtime_ns, replays_mtime_ns FROM run WHERE key = ?", (key,)
    ).fetchone()
    return found


def watch(connection: sqlite3.Connection, key: int, seen: Watch) -> None:
    """Remember a run's folder."""
    connection.execute(
        "UPDATE run SET settled = ?, folder_mtime_ns = ?, replays_mtime_ns = ? WHERE key = ?",
        (*seen, key),
    )


def key_at(connection: sqlite3.Connection, folder: str) -> list[int]:
    """The key of the run in a folder below FLOR_HOME; none where it is not known."""
    rows = connection.execute("SELECT key FROM run WHERE folder = ?", (folder,))
    return [key for (key,) in rows]


def mark_of(connection: sqlite3.Connection, path: str) -> Mark | None:
    """How far a file below FLOR_HOME has been read."""
    row = connection.execute(
        "SELECT size, mtime_ns, offset, cursor FROM harvested WHERE path = ?", (path,)
    ).fetchone()
    return Mark(*row) if row else None


def set_mark(connection: sqlite3.Connection, path: str, run: int, mark: Mark) -> None:
    """Remember how far a file has been read."""
    connection.execute(
        "INSERT OR REPLACE INTO harvested VALUES (?, ?, ?, ?, ?, ?)",
        (path, run, mark.size, mark.mtime_ns, mark.offset, mark.cursor),
    )


def forget_journal(connection: sqlite3.Connection, path: str) -> None:
    """Drop all rows of one journal, to read it anew."""
    connection.execute("DELETE FROM process WHERE journal = ?", (path,))
    connection.execute("DELETE FROM harvested WHERE path = ?", (path,))


def forget_run(connection: sqlite3.Connection, key: int) -> None:
    """Drop all rows of a run whose folder is gone."""
    connection.execute("DELETE FROM run WHERE key = ?", (key,))


def forget_everything(connection: sqlite3.Connection) -> None:
    """Empty the catalog."""
    for table in ("run", "place", "name", "site"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names from the line above
