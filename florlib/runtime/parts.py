"""The parts of a nested loop's course: sequences, and what may stand around parts; loaders elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from florlib.runtime.graph.generators import frozen_state, generator_state, global_states

_NO_OBJECTS = (range, str)


class NotEntered(Exception):
    """A course cannot be entered in its middle as the record went through it."""


class Part:
    """A part of a course; this one counts, as the turns of a `while` loop do."""

    total: int | None = None
    at = 0  # the item that comes next

    @property
    def parts(self) -> list[Part]:
        """Those that it stands around."""
        return []

    @property
    def roots(self) -> list[Any]:
        """The objects that its items come from, for a checkpoint to hold."""
        return [root for part in self.parts for root in part.roots]

    def replace(self, roots: Iterator[Any]) -> None:
        """Take the objects that a restore has put in the place of `roots`."""
        for part in self.parts:
            part.replace(roots)

    @property
    def generators(self) -> list[Any]:
        """Random generators that deciding on the next item may draw from."""
        return [one for part in self.parts for one in part.generators]

    @property
    def is_drawn(self) -> bool:
        """Whether the order of its items may be drawn, from its generators or from torch's own."""
        return any(part.is_drawn for part in self.parts)

    @property
    def is_ready(self) -> bool:
        """Whether a checkpoint would hold all that going on from here takes."""
        return all(part.is_ready for part in self.parts)

    @property
    def goes_on(self) -> bool:
        """Whether it can be driven on once it has begun."""
        return all(part.goes_on for part in self.parts)

    def prepare(self, values: Iterator[Any]) -> None:
        """Learn, before it begins, what the checkpoint says of the roots that are plain values."""
        for part in self.parts:
            part.prepare(values)

    def begin(self, index: int) -> None:
        """Begin as the loop does, where its first items up to `index` are not wanted."""
        for part in self.parts:
            part.begin(index)

    def drive(self, start: int, stop: int, watch: DrawWatch) -> None:
        """Pass over the items from `start` up to `stop` without loading them."""
        self.at = stop
        for part in self.parts:
            part.drive(start, stop, watch)

    def rest(self) -> Iterator[Any]:
        """The items that are left."""
        return itertools.count(self.at)


class DrawWatch:
    """Sees whether driving draws random numbers, which training may have drawn in between.

    Args:
        part: whose own generators are watched as well.
        begun: the first item was there before; nothing may be drawn any more.
    """

    def __init__(self, part: Part, *, begun: bool) -> None:
        self._part = part
        self._may_draw = not begun
        self._states = self._present()

    def first_item(self) -> None:
        """The first part that is driven has decided on its first item, and may have drawn."""
        if self._may_draw:
            self._may_draw = False
            self._states = self._present()

    def check(self) -> None:
        """Look whether anything was drawn since.

        Raises:
            NotEntered: it was.
        """
        if self._present() != self._states:
            raise NotEntered("its order is drawn bit by bit, while training draws as well")

    def _present(self) -> Any:
        own = [frozen_state(generator_state(one)) for one in self._part.generators]
        return [frozen_state(global_states()), own]


class Sequence(Part):
    """Items that are asked for by their number, as a list's iterator does."""

    def __init__(self, items: Any, start: int = 0) -> None:
        self._items = items
        self._start = start

    @property
    def total(self) -> int:  # type: ignore[override]
        return len(self._items) - self._start

    @property
    def roots(self) -> list[Any]:
        return [] if type(self._items) in _NO_OBJECTS else [self._items]

    def prepare(self, values: Iterator[Any]) -> None:
        if self.roots:
            next(values)

    def replace(self, roots: Iterator[Any]) -> None:
        if self.roots:
            self._items = next(roots)

    def rest(self) -> Iterator[Any]:
        # Looked up when it is asked for: training may lengthen a list that it goes over.
        index = self._start + self.at
        while index < len(self._items):
            yield self._items[index]
            index += 1


class Enumerated(Part):
    """`enumerate` around a part."""

    def __init__(self, inner: Part, start: int) -> None:
        self._inner = inner
        self._start = start

    @property
    def parts(self) -> list[Part]:
        return [self._inner]

    @property
    def total(self) -> int | None:  # type: ignore[override]
        return self._inner.total

    def rest(self) -> Iterator[Any]:
        return enumerate(self._inner.rest(), self._start + self.at)


class Zipped(Part):
    """`zip` around parts."""

    def __init__(self, inners: list[Part], *, strict: bool) -> None:
        self._inners = inners
        self._strict = strict

    @property
    def parts(self) -> list[Part]:
        return self._inners

    @property
    def total(self) -> int | None:  # type: ignore[override]
        totals = [part.total for part in self._inners]
        return min((total for total in totals if total is not None), default=None)

    def rest(self) -> Iterator[Any]:
        return zip(*[part.rest() for part in self._inners], strict=self._strict)


class Bar(Part):
    """A tqdm bar around a part."""

    def __init__(self, bar: Any, inner: Part) -> None:
        self._bar = bar
        self._inner = inner
        self._first = bar.n

    @property
    def parts(self) -> list[Part]:
        return [self._inner]

    @property
    def total(self) -> int | None:  # type: ignore[override]
        return self._inner.total

    def rest(self) -> Iterator[Any]:
        bar, whole = self._bar, self._bar.iterable
        bar.iterable, bar.n = self._inner.rest(), self._first + self.at
        try:
            yield from bar
        finally:
            bar.iterable = whole
