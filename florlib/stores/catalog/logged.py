"""Logged values on their way into the catalog, in blocks: of one name, at one place, from one line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from florlib.ground.journal_format import Record
from florlib.stores.catalog.compared import Comparing
from florlib.stores.catalog.interned import Interned
from florlib.stores.catalog.places import HINDSIGHT, NO_INDEX, Cursor

Row = tuple[int, int, int, int, int, str, float | None]
"""(iteration, step, seq, occurrence, turn, value, number)"""
Head = tuple[int, int, int | None, int]
"""What the values of a block share: the keys of name, place and site, and the flags."""

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
        self._blocks: dict[Head, list[Row]] = {}

    def take(self, record: Record, cursor: Cursor) -> None:
        """Take in one record; the cursor moves on.

        Of all that a harvest does, this alone is done for each value: it calls little.
        """
        positions, sites = record["positions"], record["sites"]
        site_keys = [self._interned.site(path, line) for path, line in sites]
        names, places, comparing = self._interned.name, self._interned.place, self._comparing
        blocks: dict[tuple[Any, ...], list[Row]] = {}
        seq, last = cursor.seq, NO_INDEX
        for at, name, value, site, flags in record["rows"]:
            if at != last:
                position, last = positions[at], at
                frame = cursor.at(position)
                iteration, step = self._reach(position)
            seq += 1
            place = frame.place()
            occurrence, turn = frame.count(name, flags)
            if comparing is not None and not flags & HINDSIGHT:
                where = (iteration, step, occurrence)
                comparing.compare(place, name, where, value, flags, sites[site][1])
                continue
            kind = type(value)
            if kind is float:
                row = (iteration, step, seq, occurrence, turn, repr(value), value)
            else:
                text = encode_basestring_ascii(value) if kind is str else _encode(value)
                row = (iteration, step, seq, occurrence, turn, text, number_of(value))
            head = (name, place, site, flags)
            rows = blocks.get(head)
            if rows is None:
                key = (names(name), places(place), site_keys[site], flags)
                rows = blocks[head] = self._blocks.setdefault(key, [])
            rows.append(row)
        cursor.seq = seq

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
        blocks = []
        for head, rows in self._blocks.items():
            # Keys go up by one, as this transaction alone writes.
            self._connection.executemany(
                "INSERT INTO log VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, NULL)", rows
            )
            stop = first + len(rows)
            blocks.append((process, *head, first, stop - 1, *_summary(rows)))
            first = stop
        self._connection.executemany(
            "INSERT INTO block VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", blocks
        )
        self._blocks.clear()
        if self._comparing is not None:
            self._comparing.flush()


def _summary(rows: Sequence[Row]) -> tuple[int, int, float | None, float | None]:
    """Of a block: the last value's seq, how many numbers there are, the least and the greatest."""
    numbers = [row[6] for row in rows if row[6] is not None]
    return (rows[-1][2], len(numbers), min(numbers, default=None), max(numbers, default=None))


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
