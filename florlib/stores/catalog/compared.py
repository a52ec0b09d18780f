"""What a replay came to again, held against what its recorded process has."""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from florlib.ground.likeness import likeness
from florlib.stores.catalog.interned import storable
from florlib.stores.catalog.places import Place

VOLATILE = 2
"""Flag of a row that a wall clock or its like went into: never compared."""

UNCOMPARED_NAMES = frozenset({"stderr"})
"""Progress bars and warnings: timing shows in them, so they prove nothing."""

LOADED_BLOCKS = 32
"""Blocks whose values are in memory at once; a replay goes through a record forward."""

_Where = tuple[int, int, int]
"""(iteration, step, occurrence)"""

Again = tuple[Place, str, _Where, str, int, int]
"""What a replay came to again: place, name, where there, the value as JSON, flags, number of the line."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Values of one name that stand in a row: their keys, iterations, and line."""

    first: int
    last: int
    begins: int
    ends: int
    line: int


class Comparing:
    """Holds the values of one replaying process against those of the recorded one.

    Args:
        connection: the catalog.
        recorded: key of the process that was recorded; None where there is none, and nothing is
            compared.
        tolerance: relative difference of numbers that still passes.
    """

    def __init__(
        self, connection: sqlite3.Connection, recorded: int | None, tolerance: float
    ) -> None:
        self._connection = connection
        self._recorded = recorded
        self._tolerance = tolerance
        self._blocks: dict[tuple[str, str], list[_Block]] = {}
        self._loaded: OrderedDict[_Block, dict[_Where, tuple[int, str]]] = OrderedDict()

    def compare(self, values: Sequence[Again]) -> None:
        """Hold values against the recorded ones of the same key, and note how they came out."""
        if self._recorded is not None:
            verdicts = [verdict for value in values for verdict in self._verdicts(*value)]
            self._connection.executemany("UPDATE log SET verified = ? WHERE key = ?", verdicts)

    def _verdicts(
        self, place: Place, name: str, where: _Where, text: str, flags: int, line: int
    ) -> Iterator[tuple[int, int]]:
        """Whether one value is the recorded one, and the key of that; none where there is none."""
        if flags & VOLATILE or name in UNCOMPARED_NAMES:
            return
        for block in self._blocks_of(name, place.path):
            if not block.begins <= where[0] <= block.ends:
                continue
            key, recorded = self._values(block).get(where, (0, ""))
            if key:
                same = recorded == text or self._is_like(recorded, text, (block.line, line))
                yield int(same), key

    def _blocks_of(self, name: str, path: str) -> list[_Block]:
        """Whatever the slots of the place: a replay may have met other loops before."""
        found = self._blocks.get((name, path))
        if found is None:
            rows = self._connection.execute(
                "SELECT first, last, (SELECT iteration FROM log WHERE key = first),"
                " (SELECT iteration FROM log WHERE key = last), coalesce(site.line, 0) FROM block"
                " JOIN name ON name.key = block.name JOIN place ON place.key = block.place"
                " LEFT JOIN site ON site.key = block.site"
                " WHERE process = ? AND name.name = ? AND place.path = ? AND flags & 3 = 0",
                (self._recorded, storable(name), path),
            )
            found = self._blocks[name, path] = [_Block(*row) for row in rows]
        return found

    def _values(self, block: _Block) -> dict[_Where, tuple[int, str]]:
        found = self._loaded.get(block)
        if found is None:
            rows = self._connection.execute(
                "SELECT iteration, step, occurrence, key, value FROM log WHERE key BETWEEN ? AND ?",
                (block.first, block.last),
            )
            found = {(iteration, step, k): (key, text) for iteration, step, k, key, text in rows}
            self._loaded[block] = found
            if len(self._loaded) > LOADED_BLOCKS:
                self._loaded.popitem(last=False)
        return found

    def _is_like(self, recorded: str, text: str, lines: tuple[int, int]) -> bool:
        return (
            likeness(json.loads(recorded), json.loads(text), lines, self._tolerance) != "different"
        )
