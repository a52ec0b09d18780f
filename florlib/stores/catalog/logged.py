"""Logged values on their way into the catalog, in blocks: of one name, at one place, from one line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from florlib.ground.journal_format import Record
from florlib.stores.catalog.compared import Comparing
from florlib.stores.catalog.interned import Interned
from florlib.stores.catalog.places import HINDSIGHT, NO_INDEX, Cursor, Frame, Nest, Place

Head = tuple[int, int, int | None, int]
"""What the values of a block share: the keys of name, place and site, and the flags."""

WIDTH = 7
"""Of a row: iteration, step, seq, occurrence, turn, value, number. The rows of a block are one list."""

TOGETHER = 40
"""Rows of one statement: beside a statement for each, that takes half the time."""

_ROW = "(NULL, ?, ?, ?, ?, ?, ?, ?, NULL)"
_INSERT = f"INSERT INTO log VALUES {_ROW}"  # noqa: S608  # the row above
_INSERT_TOGETHER = f"{_INSERT}{f', {_ROW}' * (TOGETHER - 1)}"

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Logged:
    """Takes in the log records of one journal.

    Attributes:
        reached: by the outermost loop, the last iteration in which something was logged.
    """

    def __init__(
        self, connection: sqlite3.Connection, interned: Interned, comparing: Comparing | None
    ) -> None:
        self.reached: dict[str, int] = {}
        self._connection = connection
        self._interned = interned
        self._comparing = comparing
        self._blocks: dict[Head, list[Any]] = {}

    def take(self, record: Record, cursor: Cursor) -> None:
        """Take in one record, whose floats may be texts; the cursor moves on.

        Of all that a harvest does, this alone is done for each value: it calls little.
        """
        positions, sites, comparing = record["positions"], record["sites"], self._comparing
        by_place: dict[Place, dict[tuple[str, int, int], list[Any]]] = {}
        seq, last = cursor.seq, NO_INDEX
        frame, slots = Frame(Nest()), 0
        for at, name, value, site, flags in record["rows"]:
            if at != last:
                position, last, before = positions[at], at, frame
                frame = cursor.at(position)
                is_turn = frame is before and len(frame.slots) == slots
                if not is_turn:
                    place, slots = frame.place(), len(frame.slots)
                    blocks = by_place.setdefault(place, {})
                if is_turn and len(position) > 1:
                    step = frame.index
                else:
                    iteration, step = self._reach(position)
            seq += 1
            occurrence, turn = frame.count(name, flags)
            kind = type(value)
            if kind is bytes:
                text = value.decode()
            else:
                text = quoted(value) if kind is str else _encode(_with_floats(value))
            if comparing is not None and not flags & HINDSIGHT:
                where = (iteration, step, occurrence)
                comparing.compare(place, name, where, text, flags, sites[site][1])
                continue
            number = float(text) if kind is bytes else number_of(value)
            rows = blocks.get((name, site, flags))
            if rows is None:
                rows = blocks[name, site, flags] = self._rows(place, name, sites[site], flags)
            rows += (iteration, step, seq, occurrence, turn, text, number)
        cursor.seq = seq

    def _rows(self, place: Place, name: str, site: Sequence[Any], flags: int) -> list[Any]:
        """The rows so far of a block."""
        interned = self._interned
        head = (interned.name(name), interned.place(place), interned.site(*site), flags)
        return self._blocks.setdefault(head, [])

    def _reach(self, position: Sequence[Any]) -> tuple[int, int]:
        """The first and the last index of a position, of which the first is noted."""
        if not position:
            return NO_INDEX, NO_INDEX
        loop, index = position[0]
        if index > self.reached.get(loop, NO_INDEX):
            self.reached[loop] = index
        return index, position[-1][1] if len(position) > 1 else NO_INDEX

    def flush(self, process: int) -> None:
        """Into the tables with what was gathered."""
        ((first,),) = self._connection.execute("SELECT coalesce(max(key), 0) + 1 FROM log")
        blocks, every = [], []
        for head, rows in self._blocks.items():
            # Keys go up by one, as this transaction alone writes.
            stop = first + len(rows) // WIDTH
            blocks.append((process, *head, first, stop - 1, *_summary(rows)))
            every += rows
            first = stop
        self._insert(every)
        self._connection.executemany(
            "INSERT INTO block VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", blocks
        )
        self._blocks.clear()
        if self._comparing is not None:
            self._comparing.flush()

    def _insert(self, rows: list[Any]) -> None:
        many = WIDTH * TOGETHER
        whole = len(rows) - len(rows) % many
        parts = (rows[at : at + many] for at in range(0, whole, many))
        self._connection.executemany(_INSERT_TOGETHER, parts)
        rest = (rows[at : at + WIDTH] for at in range(whole, len(rows), WIDTH))
        self._connection.executemany(_INSERT, rest)


def _summary(rows: Sequence[Any]) -> tuple[int, int, float | None, float | None]:
    """Of a block: the last value's seq, how many numbers there are, the least and the greatest."""
    numbers = [number for number in rows[WIDTH - 1 :: WIDTH] if number is not None]
    return rows[2 - WIDTH], len(numbers), min(numbers, default=None), max(numbers, default=None)


def _with_floats(content: Any) -> Any:
    """A value with its floats that are texts as numbers."""
    if isinstance(content, list):
        return [_with_floats(item) for item in content]
    if isinstance(content, dict):
        return {key: _with_floats(item) for key, item in content.items()}
    return float(content) if isinstance(content, bytes) else content


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
