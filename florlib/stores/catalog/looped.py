"""Loops on their way into the catalog: how often each was gone through, added up a journal at a time."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from florlib.ground.journal_format import Record
from florlib.stores.catalog.interned import storable

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class LoopTally:
    """What one journal tells of loops since the last flush."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._many = connection.executemany
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
        chain = _encode([*(name for name, _ in record["position"]), loop])
        if chain not in self._met:
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

    def flush(self, process: int, reached: dict[str, int]) -> None:
        """Into the tables with it.

        Args:
            process: its key.
            reached: by main loop, the last iteration in which something was logged. That many were
                completed before it, also where the record of the last one was lost.
        """
        self._many(
            "INSERT OR IGNORE INTO loop VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            [(process, chain, *row) for chain, row in self._met.items()],
        )
        self._many(
            "UPDATE loop SET iterations = CASE role WHEN 'main' THEN max(iterations, ?)"
            " ELSE iterations + ? END WHERE process = ? AND chain = ?",
            [(*counts, process, chain) for chain, counts in self._left.items()],
        )
        self._many(
            "UPDATE loop SET iterations = max(iterations, ?)"
            " WHERE process = ? AND role = 'main' AND main = ?",
            [(count, process, main) for main, count in self._completed.items()],
        )
        self._many(
            "UPDATE loop SET iterations = max(iterations, ?)"
            " WHERE process = ? AND chain = ? AND role = 'main'",
            [(index, process, _encode([loop])) for loop, index in reached.items()],
        )
        if self._training_s:
            self._many(
                "UPDATE process SET training_s = training_s + ? WHERE key = ?",
                [(self._training_s, process)],
            )
        self._met.clear()
        self._left.clear()
        self._completed.clear()
        self._training_s = 0.0
