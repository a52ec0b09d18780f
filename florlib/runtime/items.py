"""What a main loop goes over in a replay, where it may begin anywhere.

Sequences and ranges are asked for their n-th item. Of everything else a fresh iterator is
driven to the place: a single-process DataLoader by its sampler alone, so that no skipped batch
is loaded.
"""

from __future__ import annotations

import collections.abc
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from florlib.runtime.loops import Items


class NoSuchItem(Exception):
    """The iterable ended before the asked item."""


_NOTHING = object()


class ItemDriver:
    """Gives the n-th item of a loop's iterable, forward or backward.

    Args:
        items: what the loop goes over.
        counted: a `while` loop, whose items are the numbers of its turns.
    """

    def __init__(self, items: Items, *, counted: bool) -> None:
        self._items = items
        self._counted = counted
        self._sequence: Any = None
        self._iterator: Iterator[Any] | None = None
        self._next = 0

    def needs_driving(self, index: int) -> bool:
        """Whether reaching an item consumes others, under the generators of the loop's start."""
        if self.goes_anywhere:
            return False
        return index != self._next if self._iterator is not None else index > 0

    @property
    def goes_anywhere(self) -> bool:
        """Whether any item can be asked for without those before it."""
        return self._counted or self._is_sequence()

    @property
    def count(self) -> int | None:
        """How many items there are, where that is known without asking for them."""
        return len(self._sequence) if self._is_sequence() else None

    def _is_sequence(self) -> bool:
        if self._sequence is None and not self._items.arguments:
            iterable = self._items.evaluate()
            if isinstance(iterable, collections.abc.Sequence):
                self._sequence = iterable
        return self._sequence is not None

    def drive(self, index: int, passing: Callable[[int], None]) -> None:
        """Start anew and pass over the items before `index`, loading as few as possible.

        Args:
            index: of the item that comes next.
            passing: is told the number of each item before it is asked for, as the code of an
                iterable may train, log and go through loops of its own.

        Raises:
            NoSuchItem: the iterable gives its items once, and has given this one.
        """
        if self._once:
            if index < self._next:
                raise NoSuchItem
            self._iterator = iter(self._items)
            _pass_over(self._iterator, range(self._next, index), passing)
        else:
            self._iterator = self._start(index, passing)
        self._next = index

    @functools.cached_property
    def _once(self) -> bool:
        iterable = None if self._items.arguments else self._items.evaluate()
        return isinstance(iterable, collections.abc.Iterator)

    def _start(self, index: int, passing: Callable[[int], None]) -> Iterator[Any]:
        numbered = self._items.call is enumerate and len(self._items.arguments) == 1
        iterator = iter(self._items.arguments[0] if numbered else self._items)
        _pass_over(iterator, range(index), passing)
        if numbered:
            return enumerate(iterator, self._items.keywords.get("start", 0) + index)
        return iterator

    def at(self, index: int) -> Any:
        """The item of a turn.

        Raises:
            NoSuchItem: the iterable has ended.
        """
        if self._counted:
            return index
        if self._is_sequence():
            if index >= len(self._sequence):
                raise NoSuchItem
            return self._sequence[index]
        if self._iterator is None:
            self._iterator = iter(self._items)
        try:
            item = next(self._iterator)
        except StopIteration:
            raise NoSuchItem from None
        self._next = index + 1
        return item


def _pass_over(iterator: Iterator[Any], numbers: range, passing: Callable[[int], None]) -> None:
    dataloader = sys.modules.get("torch.utils.data.dataloader")
    single = getattr(dataloader, "_SingleProcessDataLoaderIter", None)
    passed = iterator
    if single is not None and isinstance(iterator, single):
        # The sampler decides what is loaded: advancing it is all that skipping a batch means.
        passed = iterator._sampler_iter
        iterator._num_yielded += len(numbers)
    for number in numbers:
        passing(number)
        if next(passed, _NOTHING) is _NOTHING:
            return
