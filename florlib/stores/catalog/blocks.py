"""Blocks of logged values, of one name, at one place, from one line: how they go into the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from florlib.stores.catalog.interned import Interned
from florlib.stores.catalog.places import Place

Head = tuple[str, Place, "str | None", int, int]
"""What the values of a block share: name, place, path and number of the line, and the flags."""

Summary = tuple[int, int, "float | None", "float | None"]
"""Of a block: the last value's seq, how many numbers there are, the least and the greatest."""

Block = tuple[Head, list[Any], Summary]
"""Values of one name: what they share, their rows (see WIDTH), and what can be said of them."""

WIDTH = 7
"""Of a row: iteration, step, seq, occurrence, turn, value, number. The rows of a block are one list."""

TOGETHER = 40
"""Rows of one statement: beside a statement for each, that takes half the time."""

_ROW = "(NULL, ?, ?, ?, ?, ?, ?, ?, NULL)"
_INSERT = f"INSERT INTO log VALUES {_ROW}"  # noqa: S608  # the row above
_INSERT_TOGETHER = f"{_INSERT}{f', {_ROW}' * (TOGETHER - 1)}"


def summary_of(rows: Sequence[Any]) -> Summary:
    """The summary of a block's rows."""
    numbers = [number for number in rows[WIDTH - 1 :: WIDTH] if number is not None]
    return rows[2 - WIDTH], len(numbers), min(numbers, default=None), max(numbers, default=None)


def put_blocks(
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
