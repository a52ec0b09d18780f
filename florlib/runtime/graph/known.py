"""What the last capture has found, so that the next one takes apart only what has changed.

Numbers of nodes stay from capture to capture. An object keeps its node as long as it consists of
the very same parts: then only those of them that can change by themselves are looked at again. No
object is kept alive for that, only numbers, texts and other values that never change; an identity that
went over to another object is found out, as each object is held against what is known of it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

identity = object.__hash__
"""A number that no other living object has: `id` raises an audit event, and each hook is called."""

_POINTER_BITS = sys.maxsize.bit_length() + 1


GONE: dict[str, Any] = {}
"""Stands in the tree for a node that nothing refers to."""


@dataclass(slots=True, eq=False)
class Place:
    """Where a node was first reached: its parent's number and the step from there."""

    parent: int
    step: str
    scope: str
    name: str

    def is_same(self, other: Place) -> bool:
        """Whether it is reached in the same way, as long as its parent is."""
        return (self.parent, self.step, self.scope, self.name) == (
            other.parent,
            other.step,
            other.scope,
            other.name,
        )


@dataclass(slots=True, eq=False)
class Seen:
    """What is known of an object that has a node.

    Attributes:
        cls: its class.
        round: in which capture it was met last.
        mark: what it consisted of; None where it is to be taken apart anew in any case.
        children: (number among its parts, node) of the parts that have nodes.
        unset: parts that are empty tables, which are left out.
        is_object: whether it is an instance, whose first of a class leads to that.
        form: of a tensor that is all of its memory, the form of the block (memory.storage_form).
        held: parts that never change, kept so that no other object can have their identity.
        block: the name of its block.
    """

    cls: type
    place: Place
    round: int
    mark: Any = None
    children: tuple[tuple[int, int], ...] = ()
    unset: tuple[int, ...] = ()
    held: tuple[Any, ...] = ()
    block: str | None = None
    is_object: bool = False
    form: Any = None


@dataclass(slots=True)
class Known:
    """The nodes of the last capture.

    Attributes:
        contents: of all nodes, by number; those of a capture that is over are never changed.
        seen: by number; None for a number that is free.
        numbers: by identity, of objects.
        storages: by address of the storage object, of storages.
    """

    contents: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen | None] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    storages: dict[int, int] = field(default_factory=dict)
    round: int = 0
    _free: list[int] = field(default_factory=list)

    def begin(self) -> None:
        """Begin a capture."""
        self.round += 1

    def met(self, value: Any) -> int | None:
        """The node of an object that this capture has met."""
        number = self.numbers.get(identity(value))
        return None if number is None else self._if_met(number)

    def met_id(self, key: int) -> int | None:
        """The node of an object that this capture has met, by its id."""
        number = self.numbers.get(_identity_by_id(key))
        return None if number is None else self._if_met(number)

    def _if_met(self, number: int) -> int | None:
        seen = self.seen[number]
        return number if seen is not None and seen.round == self.round else None

    def add(self, seen: Seen) -> int:
        """A number for a node that is yet to be filled."""
        if self._free:
            number = self._free.pop()
            self.seen[number], self.contents[number] = seen, {}
        else:
            number = len(self.seen)
            self.seen.append(seen)
            self.contents.append({})
        return number

    def empty(self, number: int) -> None:
        """Have a node filled anew."""
        seen = self.seen[number]
        assert seen is not None
        seen.mark, self.contents[number] = None, {}

    def end(self) -> None:
        """Forget what this capture has not met."""
        gone = [
            number
            for number, seen in enumerate(self.seen)
            if seen is not None and seen.round != self.round
        ]
        for number in gone:
            self.seen[number], self.contents[number] = None, GONE
        self._free += gone
        if gone:
            lost = frozenset(gone)
            self.numbers = {key: n for key, n in self.numbers.items() if n not in lost}
            self.storages = {key: n for key, n in self.storages.items() if n not in lost}


def _identity_by_id(key: int) -> int:
    """The identity of the object that has an id: CPython turns its address by four bits.

    >>> thing = object()
    >>> _identity_by_id(id(thing)) == identity(thing)
    True
    """
    turned = key >> 4 | (key & 15) << (_POINTER_BITS - 4)
    return turned - (1 << _POINTER_BITS) if turned > sys.maxsize else turned
