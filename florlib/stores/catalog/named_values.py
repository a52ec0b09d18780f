"""Questions on what runs have logged: its names and values, of all origins, in the order of execution."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from florlib.stores.catalog.places import Place
from florlib.stores.catalog.rows import ALTERED, SHELL, NameRow, ValueRow


def names(connection: sqlite3.Connection, run: int) -> list[NameRow]:
    """The names that were logged in a run, in the order of the alphabet."""
    rows = connection.execute(
        "SELECT name.name, sum((replay IS NULL) * (last - first + 1)),"
        " sum((status != 'shell') * (last - first + 1)), sum((status = 'shell') * (last - first + 1))"
        " FROM process JOIN block ON block.process = process.key JOIN name ON name.key = block.name"
        " LEFT JOIN replay ON replay.key = process.replay"
        " WHERE process.run = ? GROUP BY name.name ORDER BY name.name",
        (run,),
    )
    return [NameRow(name, *(count or 0 for count in counts)) for name, *counts in rows]


_VALUE = """
SELECT block.place, place.path, place.slots, iteration, step, name.name, occurrence, value, replay.id,
    verified, flags, rank, site.path, site.line, wave, turn, process.key, log.seq,
    coalesce(status = 'shell', 0)
FROM process JOIN block ON block.process = process.key
    CROSS JOIN log ON log.key BETWEEN first AND last
    JOIN place ON place.key = block.place JOIN name ON name.key = block.name
    LEFT JOIN replay ON replay.key = process.replay LEFT JOIN site ON site.key = block.site
"""


def values(
    connection: sqlite3.Connection, run: int, wanted: Sequence[str], *, every: bool = False
) -> list[ValueRow]:
    """The values of some names in a run, in the order of execution, of all origins.

    Where several replays came to a value of the same key, the newest replay's is kept, or each one's
    (`every`), and all that were logged at prompts; several workers of one replay may each have run
    what stands before the loops.
    """
    marks = ", ".join("?" * len(wanted))
    rows = connection.execute(
        f"{_VALUE} WHERE process.run = ?"  # noqa: S608
        f" AND block.name IN (SELECT key FROM name WHERE name IN ({marks}))"
        " ORDER BY process.key, log.seq",
        (run, *wanted),
    )
    return _kept(_merged([*map(_Found._make, rows)]), every=every)


def last_values(connection: sqlite3.Connection, run: int) -> dict[str, ValueRow]:
    """The last value of each name that was logged in a run, by name.

    As recorded by the lowest rank that has it; of a name that only replays have logged, theirs.
    """
    rows = connection.execute(
        f"{_VALUE} WHERE process.run = ? AND replay IS NULL AND log.key = last AND block.seq = ("  # noqa: S608
        "SELECT max(seq) FROM block AS other WHERE other.process = process.key"
        " AND other.name = block.name) ORDER BY rank DESC, wave",
        (run,),
    )
    found = {value.name: value for value in _kept([*map(_Found._make, rows)])}
    late = [row.name for row in names(connection, run) if row.name not in found and row.replayed]
    late_ones = (one for one in values(connection, run, late) if one.origin != SHELL)
    found.update((one.name, one) for one in late_ones)
    return dict(sorted(found.items()))


class _Found(NamedTuple):
    """A value as `_VALUE` gives it."""

    place_key: int
    path: str
    slots: str
    iteration: int
    step: int
    name: str
    occurrence: int
    value: str
    replay: str | None
    verified: int | None
    flags: int
    rank: int
    file: str | None
    line: int | None
    wave: int
    turn: int
    process: int
    seq: int
    typed: int  # at a prompt


def _merged(rows: list[_Found]) -> list[_Found]:
    """Values of several processes in the order in which one run would have logged them."""
    if len({row.process for row in rows}) < 2:
        return rows
    places: dict[int, Place] = {}

    def order(row: _Found) -> tuple[Any, ...]:
        place = _place_of(row, places)
        stands = place.order(place.position(row.iteration, row.step))
        return (row.wave, stands, row.rank, row.turn, row.replay or "", row.process, row.seq)

    return sorted(rows, key=order)


def _place_of(row: _Found, places: dict[int, Place]) -> Place:
    place = places.get(row.place_key)
    if place is None:
        place = places[row.place_key] = Place(row.path, tuple(json.loads(row.slots)))
    return place


def _kept(rows: Sequence[_Found], *, every: bool = False) -> list[ValueRow]:
    """Of several replays' values of one key, the newest replay's; and all recorded and typed ones."""
    newest: dict[tuple[Any, ...], int] = {}
    for at, row in enumerate(rows):
        if row.replay is not None and not row.typed:
            known = newest.setdefault(_key(row, every=every), at)
            if (rows[known].replay or "") < row.replay:
                newest[_key(row, every=every)] = at
    places: dict[int, Place] = {}
    return [
        _value(row, _place_of(row, places))
        for at, row in enumerate(rows)
        if row.replay is None or row.typed or newest[_key(row, every=every)] == at
    ]


def _key(row: _Found, *, every: bool) -> tuple[Any, ...]:
    at = (row.wave, row.rank, row.path, row.iteration, row.step)
    return (*at, row.name, row.occurrence, row.replay if every else None)


def _value(row: _Found, place: Place) -> ValueRow:
    return ValueRow(
        position=place.position(row.iteration, row.step),
        name=row.name,
        occurrence=row.occurrence,
        value=json.loads(row.value),
        origin=SHELL if row.typed else row.replay or "record",
        verified=None if row.verified is None else bool(row.verified),
        hindsight=bool(row.flags & 1),
        rank=row.rank,
        file=row.file,
        line=row.line,
        wave=row.wave,
        altered=bool(row.flags & ALTERED),
    )
