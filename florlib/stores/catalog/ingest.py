"""Journal records into rows: what one journal says becomes rows of its process.

The caller opens the transaction, so that rows and the mark of how far was read go in together.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from florlib.ground.errors import JournalDamaged
from florlib.ground.journal_format import Record
from florlib.stores.catalog.compared import Comparing
from florlib.stores.catalog.interned import Interned, storable
from florlib.stores.catalog.logged import Logged
from florlib.stores.catalog.looped import LoopTally
from florlib.stores.catalog.places import Cursor


@dataclass(frozen=True, slots=True)
class Journal:
    """Whose journal it is.

    Attributes:
        path: below FLOR_HOME.
        run: key of the run.
        replay: key of the replay, or None for a recording.
        tolerance: relative difference of numbers that still passes in that replay.
    """

    path: str
    run: int
    replay: int | None = None
    tolerance: float = 0.0


def ingest(
    connection: sqlite3.Connection,
    interned: Interned,
    journal: Journal,
    records: Iterable[Record],
    cursor: Cursor,
) -> int:
    """Take in the next records of a journal, in order; the cursor moves on.

    Returns:
        How many values were added or compared.

    Raises:
        JournalDamaged: the journal does not begin with a process record.
    """
    started = cursor.seq
    work = _Ingest(connection, interned, journal, cursor)
    for record in records:
        work.take(record)
    work.flush()
    return cursor.seq - started


class _Ingest:
    """One batch of records on its way into the tables."""

    def __init__(
        self, connection: sqlite3.Connection, interned: Interned, journal: Journal, cursor: Cursor
    ) -> None:
        self._connection = connection
        self._sql = connection.execute
        self._many = connection.executemany
        self._interned = interned
        self._journal = journal
        self._cursor = cursor
        self._loops = LoopTally(connection)
        self._logged: Logged | None = None
        self._process: int | None = None
        found = self._sql(
            "SELECT key, stands_for FROM process WHERE journal = ?", (journal.path,)
        ).fetchone()
        if found:
            self._begin(*found)

    def _begin(self, process: int, stands_for: int | None) -> None:
        self._process = process
        comparing = None
        if self._journal.replay is not None:
            comparing = Comparing(self._connection, stands_for, self._journal.tolerance)
        self._logged = Logged(self._connection, self._interned, comparing)

    def take(self, record: Record) -> None:
        if self._process is None and record.get("kind") != "process":
            raise JournalDamaged(f"{self._journal.path} does not begin with a process record")
        take = _TAKES.get(record.get("kind", ""))
        # A kind of record that this flor does not know is left in the journal for one that does.
        if take is not None:
            take(self, record)

    def flush(self) -> None:
        """Into the tables with what was gathered."""
        if self._process is None or self._logged is None:
            return
        self._logged.flush(self._process)
        self._loops.flush(self._process, self._logged.reached)

    def process(self, record: Record) -> None:
        argv = json.dumps(record.get("argv", []))
        rank = int(record.get("rank", 0))
        stands_for = None
        if self._journal.replay is not None:
            stands_for = self._recorded_process(rank, record.get("script"), argv)
        self._sql(
            "INSERT INTO process (run, replay, journal, rank, pid, script, argv, started,"
            " stands_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._journal.run,
                self._journal.replay,
                self._journal.path,
                rank,
                int(record.get("pid", 0)),
                storable(record.get("script")),
                argv,
                record.get("started"),
                stands_for,
            ),
        )
        (key,) = self._sql("SELECT last_insert_rowid()").fetchone()
        self._begin(key, stands_for)

    def _recorded_process(self, rank: int, script: str | None, argv: str) -> int | None:
        """The recorded process of the rank; the one with equal words, where a shell started many."""
        found = self._sql(
            "SELECT key FROM process WHERE run = ? AND replay IS NULL AND rank = ?"
            " ORDER BY script IS ? DESC, argv = ? DESC, started, key LIMIT 1",
            (self._journal.run, rank, storable(script), argv),
        ).fetchone()
        return found[0] if found else None

    def arg(self, record: Record) -> None:
        self._sql(
            "INSERT OR REPLACE INTO arg VALUES (?, ?, ?, ?)",
            (
                self._process,
                storable(record["name"]),
                _json(record.get("value")),
                record.get("source"),
            ),
        )

    def enter(self, record: Record) -> None:
        self._loops.meet(record)
        self.skip(record)

    def exit(self, record: Record) -> None:
        self._loops.leave(record)
        self.skip(record)

    def skip(self, record: Record) -> None:
        self._cursor.meet(record["position"], record["loop"])

    def iteration(self, record: Record) -> None:
        self._loops.iterate(record)

    def overhead(self, record: Record) -> None:
        self._sql(
            "UPDATE process SET stall_s = ?, slowed_s = ?, longest_s = ?, expected_s = ?"
            " WHERE key = ?",
            (
                *(float(record[name]) for name in ("stall_s", "slowed_s")),
                *(float(record[name]) for name in ("longest_s", "expected_s")),
                self._process,
            ),
        )

    def checkpoint(self, record: Record) -> None:
        self._sql(
            "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                self._process,
                record["file"],
                _json(record.get("position", [])),
                record.get("role"),
                record.get("main"),
                record.get("index"),
                record.get("block"),
                int(record.get("bytes") or 0),
                float(record.get("stall_s") or 0.0),
                int(bool(record.get("complete", True))),
            ),
        )
        for name in record.get("missing", []):
            what = (storable(name.get("name", "")), storable(name.get("reason", "")))
            row = (self._process, *what, storable(name.get("file")), name.get("line"))
            # Not left to the UNIQUE constraint: it holds two nulls for different.
            self._sql(
                "INSERT INTO missing SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM missing"
                " WHERE process = ? AND name = ? AND reason = ? AND path IS ? AND line IS ?)",
                row + row,
            )

    def dropped(self, record: Record) -> None:
        self._sql(
            "UPDATE checkpoint SET dropped = 1 WHERE process = ? AND file = ?",
            (self._process, record["file"]),
        )

    def log(self, record: Record) -> None:
        assert self._logged is not None
        self._logged.take(record, self._cursor)

    def warning(self, record: Record) -> None:
        self._sql(
            "INSERT INTO warning VALUES (?, ?, ?, ?)",
            (self._journal.run, self._process, storable(record["code"]), storable(record["text"])),
        )

    def files(self, record: Record) -> None:
        self._many(
            "INSERT OR IGNORE INTO file VALUES (?, ?, ?)",
            [
                (self._process, mode, storable(path))
                for mode in ("read", "written")
                for path in record.get(mode, [])
            ],
        )

    def captured(self, record: Record) -> None:
        self._many(
            "INSERT OR IGNORE INTO captured VALUES (?, ?)",
            [(self._process, storable(name)) for name in record["names"]],
        )

    def end(self, record: Record) -> None:
        self._sql(
            "UPDATE process SET ended = 1, exit_status = ?, signal = ? WHERE key = ?",
            (record.get("exit_status"), record.get("signal"), self._process),
        )


_TAKES: dict[str, Callable[[_Ingest, Record], None]] = {
    "process": _Ingest.process,
    "arg": _Ingest.arg,
    "enter": _Ingest.enter,
    "exit": _Ingest.exit,
    "skip": _Ingest.skip,
    "iteration": _Ingest.iteration,
    "overhead": _Ingest.overhead,
    "checkpoint": _Ingest.checkpoint,
    "dropped": _Ingest.dropped,
    "log": _Ingest.log,
    "warning": _Ingest.warning,
    "files": _Ingest.files,
    "captured": _Ingest.captured,
    "end": _Ingest.end,
}


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))
