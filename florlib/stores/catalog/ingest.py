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
from florlib.ground.likeness import likeness
from florlib.ground.position import Position, position_from_json
from florlib.stores.catalog.interned import Names, storable
from florlib.stores.catalog.places import HINDSIGHT, Cursor

VOLATILE = 2
"""Flag of a row that a wall clock or its like went into: never compared."""

UNCOMPARED_NAMES = frozenset({"stderr"})
"""Progress bars and warnings: timing shows in them, so they prove nothing."""

_OF_KEY = (
    "WHERE process = ? AND name = ? AND place IN (SELECT key FROM place WHERE path = ?)"
    " AND occurrence = ? AND flags & 3 = 0"
)


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
    work = _Ingest(connection, journal, cursor)
    for record in records:
        work.take(record)
    work.flush()
    return cursor.seq - started


class _Ingest:
    """One batch of records on its way into the tables."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal, cursor: Cursor) -> None:
        self._sql = connection.execute
        self._many = connection.executemany
        self._journal = journal
        self._cursor = cursor
        self._rows: list[tuple[Any, ...]] = []
        self._names = Names(connection)
        self._places: dict[tuple[str, bytes], int] = {}
        self._reached: dict[str, int] = {}
        found = self._sql(
            "SELECT key, stands_for FROM process WHERE journal = ?", (journal.path,)
        ).fetchone()
        self._process: int | None = found[0] if found else None
        self._stands_for: int | None = found[1] if found else None

    def take(self, record: Record) -> None:
        if self._process is None and record.get("kind") != "process":
            raise JournalDamaged(f"{self._journal.path} does not begin with a process record")
        take = _TAKES.get(record.get("kind", ""))
        # A kind of record that this flor does not know is left in the journal for one that does.
        if take is not None:
            take(self, record)

    def flush(self) -> None:
        self._many("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", self._rows)
        self._rows.clear()
        # A value logged in iteration i shows that i iterations were completed before it, also
        # where the record of the last one was lost.
        self._many(
            "UPDATE loop SET iterations = max(iterations, ?)"
            " WHERE process = ? AND chain = ? AND role = 'main'",
            [(index, self._process, chain) for chain, index in self._reached.items()],
        )
        self._reached.clear()

    def process(self, record: Record) -> None:
        argv = json.dumps(record.get("argv", []))
        rank = int(record.get("rank", 0))
        if self._journal.replay is not None:
            self._stands_for = self._recorded_process(rank, record.get("script"), argv)
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
                self._stands_for,
            ),
        )
        (self._process,) = self._sql("SELECT last_insert_rowid()").fetchone()

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
        self._loop(record)

    def exit(self, record: Record) -> None:
        self._loop(record)
        count = int(record.get("iterations") or 0)
        chain = _chain(position_from_json(record["position"]), record["loop"])
        self._sql(
            "UPDATE loop SET iterations = CASE role WHEN 'main' THEN max(iterations, ?)"
            " ELSE iterations + ? END WHERE process = ? AND chain = ?",
            (count, count, self._process, chain),
        )

    def _loop(self, record: Record) -> None:
        """Note a loop; of a nested one the journal may tell only that it was left."""
        position = position_from_json(record["position"])
        self._cursor.meet(position, record["loop"])
        self._sql(
            "INSERT OR IGNORE INTO loop VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (
                self._process,
                _chain(position, record["loop"]),
                storable(record["loop"]),
                record.get("role", "nested"),
                record.get("main"),
                storable(record.get("path")),
                record.get("line"),
            ),
        )

    def skip(self, record: Record) -> None:
        self._cursor.meet(position_from_json(record["position"]), record["loop"])

    def iteration(self, record: Record) -> None:
        self._sql(
            "UPDATE loop SET iterations = max(iterations, ?)"
            " WHERE process = ? AND role = 'main' AND main = ?",
            (int(record["index"]) + 1, self._process, record.get("main", 0)),
        )
        self._sql(
            "UPDATE process SET training_s = training_s + ? WHERE key = ?",
            (float(record.get("seconds") or 0.0), self._process),
        )

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
        paths = [_json(pairs) for pairs in record["positions"]]
        positions = [position_from_json(pairs) for pairs in record["positions"]]
        sites = [self._names.site(path, line) for path, line in record["sites"]]
        for position in positions:
            if position:
                loop, index = position[0]
                chain = _json([loop])
                self._reached[chain] = max(index, self._reached.get(chain, 0))
        for at, name, value, site, flags in record["rows"]:
            standing = self._cursor.stand(positions[at], name, flags)
            text = _json(value)
            if self._journal.replay is not None and not flags & HINDSIGHT:
                line = record["sites"][site][1]
                self._compare(paths[at], name, standing.occurrence, text, flags, line)
                continue
            self._rows.append(
                (
                    self._process,
                    self._cursor.seq,
                    self._place(paths[at], standing.sort, positions[at]),
                    self._names.name(name),
                    standing.occurrence,
                    standing.turn,
                    text,
                    _number(value),
                    sites[site],
                    flags,
                )
            )

    def _compare(
        self, path: str, name: str, occurrence: int, text: str, flags: int, line: int
    ) -> None:
        if self._stands_for is None or flags & VOLATILE or name in UNCOMPARED_NAMES:
            return
        key = (self._stands_for, self._names.name(name), path, occurrence)
        found = self._sql(
            "SELECT value, (SELECT line FROM site WHERE site.key = log.site)"  # noqa: S608
            f" FROM log {_OF_KEY}",
            key,
        ).fetchone()
        if found is None:
            return
        same = found[0] == text
        if not same:
            lines, tolerance = (found[1] or 0, line), self._journal.tolerance
            like = likeness(json.loads(found[0]), json.loads(text), lines, tolerance)
            same = like != "different"
        self._sql(f"UPDATE log SET verified = ? {_OF_KEY}", (int(same), *key))  # noqa: S608

    def _place(self, path: str, sort: bytes, position: Position) -> int:
        key = self._places.get((path, sort))
        if key is None:
            iteration = position[0][1] if position else None
            step = position[-1][1] if len(position) > 1 else None
            self._sql(
                "INSERT OR IGNORE INTO place (path, sort, iteration, step) VALUES (?, ?, ?, ?)",
                (path, sort, iteration, step),
            )
            (key,) = self._sql(
                "SELECT key FROM place WHERE path = ? AND sort = ?", (path, sort)
            ).fetchone()
            self._places[path, sort] = key
        return key

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


def _chain(parent: Position, loop: str) -> str:
    return _json([*(name for name, _ in parent), loop])


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))


def _number(value: Any) -> float | None:
    """The value as SQLite's REAL, where it is a number that fits; NaN has no such form."""
    if isinstance(value, dict):
        value = value.get("$float")
        return float(value) if value in ("Infinity", "-Infinity") else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
