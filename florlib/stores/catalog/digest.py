"""What a piece of a journal says, in the form in which it goes into the tables.

It is found without a database, so that other processes can do it: that is most of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from florlib.ground.journal_format import Record
from florlib.stores.catalog.blocks import Block
from florlib.stores.catalog.compared import Again
from florlib.stores.catalog.logged import Logged
from florlib.stores.catalog.looped import Looped, LoopTally
from florlib.stores.catalog.places import Cursor


class Digest(NamedTuple):
    """A piece of a journal; what it holds can be pickled.

    Attributes:
        opening: the kind of the first record; None where there is no record.
        single: all records but those of values and loops, in order.
        blocks: the values that stand for themselves.
        again: the values that a replay came to again.
        looped: what is told of loops.
        values: how many were logged.
    """

    opening: str | None
    single: list[Record]
    blocks: list[Block]
    again: list[Again]
    looped: Looped
    values: int


def digest(records: Iterable[Record], cursor: Cursor, *, is_replay: bool) -> Digest:
    """Digest the next records of a journal, in order; the cursor moves on.

    Args:
        records: of the journal.
        cursor: where in the loops they begin.
        is_replay: whether it is the journal of a replay.
    """
    started = cursor.seq
    work = _Digesting(cursor, is_replay=is_replay)
    for record in records:
        work.take(record)
    return work.digest(cursor.seq - started)


class _Digesting:
    """One piece on its way."""

    def __init__(self, cursor: Cursor, *, is_replay: bool) -> None:
        self._cursor = cursor
        self._opening: str | None = None
        self._single: list[Record] = []
        self._loops = LoopTally()
        self._logged = Logged(is_replay=is_replay)

    def take(self, record: Record) -> None:
        kind = record.get("kind", "")
        if self._opening is None:
            self._opening = kind
        take = _TAKES.get(kind)
        if take is None:
            self._single.append(record)
        else:
            take(self, record)

    def digest(self, values: int) -> Digest:
        """All of it."""
        logged = self._logged
        looped = self._loops.looped(logged.reached)
        return Digest(self._opening, self._single, logged.blocks(), logged.again, looped, values)

    def log(self, record: Record) -> None:
        self._logged.take(record, self._cursor)

    def enter(self, record: Record) -> None:
        self._loops.meet(record)
        self.skip(record)

    def exit(self, record: Record) -> None:
        self._loops.leave(record)
        self.skip(record)

    def skip(self, record: Record) -> None:
        self._cursor.meet(record["position"], record["loop"])

    def iteration(self, record: Record) -> None:
        self._loops.iterate(record)


_TAKES: dict[str, Callable[[_Digesting, Record], None]] = {
    "log": _Digesting.log,
    "enter": _Digesting.enter,
    "exit": _Digesting.exit,
    "skip": _Digesting.skip,
    "iteration": _Digesting.iteration,
}
