"""Sets that are gone through in the order in which they were, also after more is added.

The order is that of the hash table (CPython, Objects/setobject.c): it depends on how large the
table is, on which of two values that want one place came first, and on what was there before. As
nothing tells where values lie, that is read from the memory of the set.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# How CPython 3.7 and later look for a place.
_LINEAR_PROBES, _PERTURB_SHIFT, _HASH_MASK = 9, 5, (1 << 64) - 1
_SMALLEST = 8  # places of a table that lies in the set itself
_REMOVED = -1  # what stands for the hash of a value that was there


@dataclass(frozen=True, slots=True)
class Table:
    """How the values of a set lie.

    Attributes:
        size: number of places.
        places: of the values, in the order in which they are gone through.
        removed: places of values that were there since the table was made.
    """

    size: int
    places: list[int]
    removed: list[int]


class _Set(ctypes.Structure):
    """PySetObject of a build without debugging aids."""

    _fields_ = (
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("filled", ctypes.c_ssize_t),
        ("used", ctypes.c_ssize_t),
        ("mask", ctypes.c_ssize_t),
        ("table", ctypes.POINTER(ctypes.c_ssize_t)),  # a key's address, its hash, and so on
    )


def table_of(values: set[Any]) -> Table | None:
    """The hash table of a set; None where it may not be read.

    Another thread could exchange it meanwhile; our own look at no sets of the script.

    >>> table_of(set(iter([16, 1, 8])))
    Table(size=8, places=[0, 1, 6], removed=[])
    """
    return _read(values) if are_readable() else None


def form_of(values: set[Any]) -> tuple[int, int]:
    """Size of the table, and places in it that are taken or were; to be asked where it may be read.

    As long as a set is gone through in the same order and has this form, its table is the same:
    what was added since would have taken a place.
    """
    seen = _Set.from_address(id(values))
    return seen.mask + 1, seen.filled


def are_readable() -> bool:
    """Whether tables of sets may be read: no other thread of the script can change them."""
    others = [one for one in threading.enumerate() if not one.name.startswith("flor-")]
    return _READABLE and len(others) <= 1


def _read(values: set[Any]) -> Table:
    seen = _Set.from_address(id(values))
    words = seen.table[: 2 * (seen.mask + 1)]
    held = [(n, words[2 * n + 1]) for n in range(len(words) // 2) if words[2 * n]]
    return Table(
        len(words) // 2,
        [place for place, number in held if number != _REMOVED],
        [place for place, number in held if number == _REMOVED],
    )


def _is_readable() -> bool:
    """Whether the memory of sets is laid out as it is known to be."""
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    if sys.implementation.name != "cpython" or set.__basicsize__ != 200 or not has_lock:
        return False
    known = set(iter([0, 3, 8, 9, 40]))
    known.discard(3)
    return _read(known) == Table(32, [0, 8, 9, 10], [3])


_READABLE = _is_readable()


def fill_in_order(target: set[Any], values: list[Any], table: Table | None) -> bool:
    """Make a set hold these values and be gone through in their order; whether it is.

    Args:
        target: what is changed.
        values: in the wanted order.
        table: where they lay; None where that is not known.

    >>> made = set()
    >>> fill_in_order(made, [16, 1, 8], Table(16, [0, 1, 8], [2])), table_of(made)
    (True, Table(size=16, places=[0, 1, 8], removed=[2]))
    """
    order = None if table is None else _order(values, table)
    target.clear()
    if table is None or order is None:
        target.update(iter(values))
    else:
        _fill(target, order, table)
    if list(target) == values:
        return True
    target.clear()
    target.update(iter(values))
    return False


def _fill(target: set[Any], order: list[Any], table: Table) -> None:
    fillers = [_Filler(place) for place in table.removed]
    added = [*fillers, *order]
    if table.size > _SMALLEST and added:
        # A dictionary that comes to an empty set makes the table twice as large as itself, and more.
        at_once = dict.fromkeys(added[: table.size // 2 - 1])
        missing = range(max(table.size // 4, 5) - len(at_once))
        twins = [_Twin(added[n % len(added)]) for n in missing]
        at_once.update(dict.fromkeys(twins))
        for twin in twins:
            twin.same = True
        target.update(at_once)
    target.update(iter(added))
    for filler in fillers:
        target.discard(filler)


class _Filler:
    """Takes a place while a set is made."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __hash__(self) -> int:
        return self._place


class _Twin:
    """A key of its own at first, then the same as another one: counted, and not added."""

    def __init__(self, other: Any) -> None:
        self._hash = hash(other)
        self.same = False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self.same or self is other


def _order(values: list[Any], table: Table) -> list[Any] | None:
    """The values in an order in which each comes to its place; None where their hashes do not
    lead there, as those of objects that were made anew."""
    taken = {place: n for n, place in enumerate(table.places)}
    removed = set(table.removed)
    passed = []
    for value, place in zip(values, table.places, strict=True):
        probes = itertools.islice(_probes(hash(value), table.size), 10 * table.size)
        before = list(itertools.takewhile(lambda one: one != place, probes))  # noqa: B023
        if any(one not in taken and one not in removed for one in before):
            return None
        passed.append([taken[one] for one in before if one in taken])
    order = _sorted_by(passed)
    return None if order is None else [values[n] for n in order]


def _probes(number: int, size: int) -> Iterator[int]:
    """The places that a hash asks for, in turn."""
    mask = size - 1
    perturb = number & _HASH_MASK
    at = number & mask
    while True:
        yield from range(at, at + 1 + (_LINEAR_PROBES if at + _LINEAR_PROBES <= mask else 0))
        perturb >>= _PERTURB_SHIFT
        at = (at * 5 + 1 + perturb) & mask


def _sorted_by(after: list[list[int]]) -> list[int] | None:
    """Numbers in an order in which each comes after those in its list; None for a circle."""
    waiting = {n: set(others) for n, others in enumerate(after)}
    followers: dict[int, list[int]] = {}
    for n, others in waiting.items():
        for other in others:
            followers.setdefault(other, []).append(n)
    ready = [n for n, others in waiting.items() if not others]
    order: list[int] = []
    while ready:
        n = ready.pop()
        order.append(n)
        for follower in followers.get(n, ()):
            waiting[follower].discard(n)
            if not waiting[follower]:
                ready.append(follower)
    return order if len(order) == len(after) else None
