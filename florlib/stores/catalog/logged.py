"""Logged values on their way into the catalog, in blocks: of one name, at one place, from one line.

They are gathered without a database, so that this may be done anywhere, and are put into it later.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from florlib.ground.journal_format import Record
from florlib.stores.catalog.compared import Again
from florlib.stores.catalog.interned import Interned
from florlib.stores.catalog.places import HINDSIGHT, NO_INDEX, Cursor, Frame, Nest, Place

Head = tuple[str, Place, "str | None", int, int]
"""What the values of a block share: name, place, path and number of the line, and the flags."""

Summary = tuple[int, int, "float | None", "float | None"]
"""Of a block: the last value's seq, how many numbers there are, the least and the greatest."""

Block = tuple[Head, list[Any], Summary]
"""Values of one name: what they share, their rows (see WIDTH), and what can be said of them."""

_Standing = tuple[tuple[str, int, int], "list[Any] | None", int, int]
"""Where a value stands: name, site and flags; the rows of its block, where it goes into one; occurrence
and turn."""

WIDTH = 7
"""Of a row: iteration, step, seq, occurrence, turn, value, number. The rows of a block are one list."""

TOGETHER = 40
"""Rows of one statement: beside a statement for each, that takes half the time."""

_ROW = "(NULL, ?, ?, ?, ?, ?, ?, ?, NULL)"
_INSERT = f"INSERT INTO log VALUES {_ROW}"  # noqa: S608  # the row above
_INSERT_TOGETHER = f"{_INSERT}{f', {_ROW}' * (TOGETHER - 1)}"

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Logged:
    """Gathers the values of one journal.

    Attributes:
        reached: by the outermost loop, the last iteration in which something was logged.
        again: values that a replay came to again, to be held against the recorded ones.

    Args:
        is_replay: whether it is the journal of a replay.
    """

    def __init__(self, *, is_replay: bool) -> None:
        self.reached: dict[str, int] = {}
        self.again: list[Again] = []
        self._is_replay = is_replay
        self._blocks: dict[Head, list[Any]] = {}

    def take(self, record: Record, cursor: Cursor) -> None:
        """Take in one record; the cursor moves on.

        Of all that a harvest does, this alone is done for each value: it calls little. Most turns of a
        loop log the same as the one before, in the same order. So where a value stands is known from
        there, and the frame is told of those that it has not counted before something else comes.
        """
        positions, sites, is_replay = record["positions"], record["sites"], self._is_replay
        by_place: dict[Place, dict[tuple[str, int, int], list[Any]]] = {}
        seq, last = cursor.seq, NO_INDEX
        frame, slots = Frame(Nest()), 0
        pattern: list[_Standing] = []
        nth = counted = 0  # of the values at this position; how many of them the frame has counted
        for at, name, value, site, flags in record["rows"]:
            if at != last:
                position, last, before = positions[at], at, frame
                turned = cursor.turned(position)
                if turned is None:
                    _count(frame, pattern[counted:nth])
                frame = turned or cursor.at(position)
                is_turn = turned is before and not slots
                if not is_turn:
                    place, slots, pattern = frame.place(), len(frame.slots), []
                    blocks = by_place.setdefault(place, {})
                if is_turn and len(position) > 1:
                    step = frame.index
                else:
                    iteration, step = self._reach(position)
                nth = counted = 0
            seq += 1
            key = (name, site, flags)
            if nth == len(pattern) or pattern[nth][0] != key:
                _count(frame, pattern[counted:nth])
                occurrence, turn = frame.count(name, flags)
                rows = blocks.get(key)
                if rows is None and (flags & HINDSIGHT or not is_replay):
                    rows = blocks[key] = self._rows(place, name, sites[site], flags)
                pattern[nth:] = [(key, rows, occurrence, turn)]
                counted = nth + 1
            else:
                _, rows, occurrence, turn = pattern[nth]
            nth += 1
            kind = type(value)
            if kind is float:
                text = repr(value)
            else:
                text = quoted(value) if kind is str else _encode(value)
            if rows is not None:
                number = value if kind is float else number_of(value)
                rows += (iteration, step, seq, occurrence, turn, text, number)
            else:
                where = (iteration, step, occurrence)
                self.again.append((place, name, where, text, flags, sites[site][1]))
        _count(frame, pattern[counted:nth])
        cursor.seq = seq

    def _rows(self, place: Place, name: str, site: Sequence[Any], flags: int) -> list[Any]:
        """The rows so far of a block."""
        path, line = site
        return self._blocks.setdefault((name, place, path, line, flags), [])

    def _reach(self, position: Sequence[Any]) -> tuple[int, int]:
        """The first and the last index of a position, of which the first is noted."""
        if not position:
            return NO_INDEX, NO_INDEX
        loop, index = position[0]
        if index > self.reached.get(loop, NO_INDEX):
            self.reached[loop] = index
        return index, position[-1][1] if len(position) > 1 else NO_INDEX

    def blocks(self) -> list[Block]:
        """The values that stand for themselves."""
        return [(head, rows, _summary(rows)) for head, rows in self._blocks.items()]


def put_values(
    connection: sqlite3.Connection, interned: Interned, process: int, blocks: Sequence[Block]
) -> None:
    """Bring blocks into the tables, of a process by its key."""
    ((first,),) = connection.execute("SELECT coalesce(max(key), 0) + 1 FROM log")
    heads, every = [], []
    for (name, place, path, line, flags), rows, summary in blocks:
        # Keys go up by one, as this transaction alone writes.
        stop = first + len(rows) // WIDTH
        keys = (interned.name(name), interned.place(place), interned.site(path, line))
        heads.append((process, *keys, flags, first, stop - 1, *summary))
        every += rows
        first = stop
    _insert(connection, every)
    connection.executemany(
        "INSERT INTO block VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", heads
    )


def _insert(connection: sqlite3.Connection, rows: list[Any]) -> None:
    many = WIDTH * TOGETHER
    whole = len(rows) - len(rows) % many
    parts = (rows[at : at + many] for at in range(0, whole, many))
    connection.executemany(_INSERT_TOGETHER, parts)
    rest = (rows[at : at + WIDTH] for at in range(whole, len(rows), WIDTH))
    connection.executemany(_INSERT, rest)


def _count(frame: Frame, standings: Sequence[_Standing]) -> None:
    for (name, _, flags), *_ in standings:
        frame.count(name, flags)


def _summary(rows: Sequence[Any]) -> Summary:
    numbers = [number for number in rows[WIDTH - 1 :: WIDTH] if number is not None]
    return rows[2 - WIDTH], len(numbers), min(numbers, default=None), max(numbers, default=None)


def number_of(value: Any) -> float | None:
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
