"""Digests of journals into the tables: what one journal says becomes rows of its process.

The caller opens the transaction, so that rows and the mark of how far was read go in together.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from florlib.ground.errors import JournalDamaged
from florlib.ground.journal_format import Record
from florlib.stores.catalog.blocks import put_blocks
from florlib.stores.catalog.compared import Comparing
from florlib.stores.catalog.digest import Digest
from florlib.stores.catalog.interned import Interned, storable
from florlib.stores.catalog.looped import put_loops


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
    connection: sqlite3.Connection, interned: Interned, journal: Journal, piece: Digest
) -> None:
    """Take in the next piece of a journal.

    Raises:
        JournalDamaged: the journal does not begin with a process record.
    """
    if piece.opening is None:
        return
    single = _Single(connection, journal)
    if single.key is None and piece.opening != "process":
        raise JournalDamaged(f"{journal.path} does not begin with a process record")
    for record in piece.single:
        take = _TAKES.get(record.get("kind", ""))
        # A kind of record that this flor does not know is left in the journal for one that does.
        if take is not None:
            take(single, record)
    assert single.key is not None
    put_blocks(connection, interned, single.key, piece.blocks)
    if piece.again:
        Comparing(connection, single.stands_for, journal.tolerance).compare(piece.again)
    put_loops(connection, single.key, piece.looped)


class _Single:
    """Takes in single records of one journal.

    Attributes:
        key: of the process; None as long as it is not known.
        stands_for: key of the recorded process that one of a replay stands for.
    """

    def __init__(self, connection: sqlite3.Connection, journal: Journal) -> None:
        self._sql = connection.execute
        self._many = connection.executemany
        self._journal = journal
        self.key: int | None = None
        self.stands_for: int | None = None
        found = self._sql(
            "SELECT key, stands_for FROM process WHERE journal = ?", (journal.path,)
        ).fetchone()
        if found:
            self.key, self.stands_for = found

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
        (self.key,) = self._sql("SELECT last_insert_rowid()").fetchone()
        self.stands_for = stands_for

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
                self.key,
                storable(record["name"]),
                _json(record.get("value")),
                record.get("source"),
            ),
        )

    def overhead(self, record: Record) -> None:
        self._sql(
            "UPDATE process SET stall_s = ?, slowed_s = ?, longest_s = ?, expected_s = ?"
            " WHERE key = ?",
            (
                *(float(record[name]) for name in ("stall_s", "slowed_s")),
                *(float(record[name]) for name in ("longest_s", "expected_s")),
                self.key,
            ),
        )

    def checkpoint(self, record: Record) -> None:
        self._sql(
            "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                self.key,
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
            row = (self.key, *what, storable(name.get("file")), name.get("line"))
            # Not left to the UNIQUE constraint: it holds two nulls for different.
            self._sql(
                "INSERT INTO missing SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM missing"
                " WHERE process = ? AND name = ? AND reason = ? AND path IS ? AND line IS ?)",
                row + row,
            )

    def dropped(self, record: Record) -> None:
        self._sql(
            "UPDATE checkpoint SET dropped = 1 WHERE process = ? AND file = ?",
            (self.key, record["file"]),
        )

    def warning(self, record: Record) -> None:
        self._sql(
            "INSERT INTO warning VALUES (?, ?, ?, ?)",
            (self._journal.run, self.key, storable(record["code"]), storable(record["text"])),
        )

    def files(self, record: Record) -> None:
        self._many(
            "INSERT OR IGNORE INTO file VALUES (?, ?, ?)",
            [
                (self.key, mode, storable(path))
                for mode in ("read", "written")
                for path in record.get(mode, [])
            ],
        )

    def captured(self, record: Record) -> None:
        self._many(
            "INSERT OR IGNORE INTO captured VALUES (?, ?)",
            [(self.key, storable(name)) for name in record["names"]],
        )

    def end(self, record: Record) -> None:
        self._sql(
            "UPDATE process SET ended = 1, exit_status = ?, signal = ? WHERE key = ?",
            (record.get("exit_status"), record.get("signal"), self.key),
        )


_TAKES: dict[str, Callable[[_Single, Record], None]] = {
    "process": _Single.process,
    "arg": _Single.arg,
    "overhead": _Single.overhead,
    "checkpoint": _Single.checkpoint,
    "dropped": _Single.dropped,
    "warning": _Single.warning,
    "files": _Single.files,
    "captured": _Single.captured,
    "end": _Single.end,
}


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))
