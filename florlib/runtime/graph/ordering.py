"""Sets that are gone through in a given order.

The order is that of the hash table (CPython, Objects/setobject.c): it depends on how large the
table is, on which of two values that want one place came first, and on what was there before.
All three are chosen anew here, and the outcome is looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

# How CPython 3.7 and later look for a place.
_LINEAR_PROBES, _PERTURB_SHIFT, _HASH_MASK = 9, 5, (1 << 64) - 1
_PROBES_TRIED = 40
_LARGEST_SHRINK = 64  # a table so many times larger than its content needs is not looked for


def fill_in_order(target: set[Any], values: list[Any]) -> bool:
    """Make a set hold these values and be gone through in their order; whether it is.

    >>> made = set()
    >>> fill_in_order(made, [0, 35, 8, 17, 26]), list(made)
    (True, [0, 35, 8, 17, 26])
    >>> fill_in_order(made, [0, 17, 35, 8, 26]), list(made)
    (True, [0, 17, 35, 8, 26])
    """
    if list(target) == values:
        return True
    for first, rest, fillers in _ways(values):
        target.clear()
        target.update(dict.fromkeys(first))
        target.update(rest)
        for filler in fillers:
            target.discard(filler)
        if list(target) == values:
            return True
    return False


class _Filler:
    """Takes a place while a set is made."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __hash__(self) -> int:
        return self._place


def _ways(values: list[Any]) -> Iterator[tuple[list[Any], list[Any], list[_Filler]]]:
    """(added at once, added one by one, taken out again) of promising ways to make a set."""
    yield [], values, []
    size, count = 8, len(values)
    while size <= _LARGEST_SHRINK * (2 * count + 8):
        layout = _layout(values, size) if 5 * count < 3 * size else None
        if layout is not None:
            order, holes = layout
            added = [*map(_Filler, holes), *order]
            # A dictionary makes the table large enough at once.
            room = size // 2 - 1 if size > 8 else 0
            late = [_Filler(0) for _ in range(room - len(added))]
            fillers = [item for item in added if type(item) is _Filler] + late
            yield [*added[:room], *late], added[room:], fillers
        size *= 2


def _layout(values: list[Any], size: int) -> tuple[list[Any], list[int]] | None:
    """(order of adding, places that something took that is gone) for a table of this size."""
    for found in _places([hash(value) for value in values], size):
        taken = {place: n for n, (place, _) in enumerate(found)}
        passed = [before for _, before in found]
        holes = {place for before in passed for place in before if place not in taken}
        if 5 * (len(values) + len(holes)) < 3 * (size - 1):
            order = _sorted_by([[taken[p] for p in before if p in taken] for before in passed])
            if order is not None:
                return [values[n] for n in order], sorted(holes)
    return None


_Choice = tuple[int, list[int]]
"""A place, and the places that are asked for before it."""


def _places(homes: list[int], size: int) -> Iterator[list[_Choice]]:
    """Places for the hashes, rising; those first that ask for the fewest places left empty."""
    chosen: list[_Choice] = []
    open_choices: list[list[_Choice]] = []
    taken: set[int] = set()
    for _ in range(10 * len(homes) + 500):
        n = len(chosen)
        if n == len(homes):
            yield chosen
        elif len(open_choices) == n:
            last = chosen[-1][0] if chosen else -1
            highest = size - (len(homes) - n)
            open_choices.append(_choices(homes[n], size, last, highest, taken))
        if n < len(homes) and open_choices[n]:
            chosen.append(open_choices[n].pop())
            taken.add(chosen[-1][0])
            continue
        del open_choices[n:]
        if not chosen:
            return
        taken.discard(chosen.pop()[0])


def _choices(home: int, size: int, last: int, highest: int, taken: set[int]) -> list[_Choice]:
    """Places behind `last` that a hash leads to, the likeliest at the end."""
    way: list[int] = []
    straight: list[_Choice] = []
    others: list[_Choice] = []
    settled = True  # whether all places passed so far are taken, or may yet be
    for place in itertools.islice(_probes(home, size), _PROBES_TRIED):
        if last < place <= highest:
            (straight if settled else others).append((place, list(way)))
        if place <= last and place not in taken:
            settled = False
        way.append(place)
    return [*sorted(others, reverse=True)[-2:], *reversed(straight[:3])]


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
