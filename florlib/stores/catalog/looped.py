"""Loops on their way into the catalog: how often each was gone through, added up a journal at a time."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from florlib.ground.journal_format import Record
from florlib.stores.catalog.interned import storable

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Looped(NamedTuple):
    """What a piece of a journal tells of loops.

    Attributes:
        met: by chain, what stands in the table of it but its count.
        left: by chain, the most iterations that it was left with, and those of all times together.
        completed: by main loop, how many iterations are complete.
        reached: by the outermost loop, the last iteration in which something was logged. That many
            were completed before it, also where the record of the last one was lost.
        training_s: seconds of complete iterations.
    """

    met: dict[str, tuple[Any, ...]]
    left: dict[str, tuple[int, int]]
    completed: dict[int, int]
    reached: dict[str, int]
    training_s: float


class LoopTally:
    """Adds up what the records of a piece tell of loops."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, ...], str] = {}
        self._met: dict[str, tuple[Any, ...]] = {}
        self._left: dict[str, tuple[int, int]] = {}
        self._completed: dict[int, int] = {}
        self._training_s = 0.0

    def meet(self, record: Record) -> str:
        """Note a loop; of a nested one the journal may tell only that it was left.

        Returns:
            Its chain.
        """
        loop = record["loop"]
        names = (*[name for name, _ in record["position"]], loop)
        chain = self._chains.get(names)
        if chain is None:
            chain = self._chains[names] = _encode(names)
            self._met[chain] = (
                storable(loop),
                record.get("role", "nested"),
                record.get("main"),
                storable(record.get("path")),
                record.get("line"),
            )
        return chain

    def leave(self, record: Record) -> None:
        """A loop was left, with how many iterations."""
        count = int(record.get("iterations") or 0)
        chain = self.meet(record)
        most, whole = self._left.get(chain, (0, 0))
        self._left[chain] = (max(most, count), whole + count)

    def iterate(self, record: Record) -> None:
        """Iterations of a main loop are complete."""
        main = record.get("main", 0)
        self._completed[main] = max(int(record["index"]) + 1, self._completed.get(main, 0))
        self._training_s += float(record.get("seconds") or 0.0)

    def looped(self, reached: dict[str, int]) -> Looped:
        """All of it, with what the logged values tell."""
        return Looped(self._met, self._left, self._completed, reached, self._training_s)


def put_loops(connection: sqlite3.Connection, process: int, looped: Looped) -> None:
    """Bring into the tables what a piece of the journal of a process, by its key, tells of loops."""
    many = connection.executemany
    many(
        "INSERT OR IGNORE INTO loop VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [(process, chain, *row) for chain, row in looped.met.items()],
    )
    many(
        "UPDATE loop SET iterations = CASE role WHEN 'main' THEN max(iterations, ?)"
        " ELSE iterations + ? END WHERE process = ? AND chain = ?",
        [(*counts, process, chain) for chain, counts in looped.left.items()],
    )
    many(
        "UPDATE loop SET iterations = max(iterations, ?)"
        " WHERE process = ? AND role = 'main' AND main = ?",
        [(count, process, main) for main, count in looped.completed.items()],
    )
    many(
        "UPDATE loop SET iterations = max(iterations, ?)"
        " WHERE process = ? AND chain = ? AND role = 'main'",
        [(index, process, _encode([loop])) for loop, index in looped.reached.items()],
    )
    if looped.training_s:
        connection.execute(
            "UPDATE process SET training_s = training_s + ? WHERE key = ?",
            (looped.training_s, process),
        )
