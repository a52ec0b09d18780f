"""The course of a nested loop: what it goes over, where that can be entered in its middle.

Sequences are asked for their items by number, DataLoaders are driven by their samplers;
`enumerate`, `zip` and tqdm may stand around them. Everything else (a generator, an
IterableDataset, a sampler of the user's own) has to be gone through from its start.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from ctypes import string_at
from typing import Any

from florlib.ground.checkpoint_format import digest
from florlib.runtime.graph.generators import generator_state
from florlib.runtime.loader_parts import loader_part
from florlib.runtime.loops import Items, Turns
from florlib.runtime.parts import Bar, DrawWatch, Enumerated, Part, Sequence, Zipped

_SEQUENCES = (list, tuple, range, str)
_SEQUENCE_ITERATORS: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter(range(0))),
    type(iter("")),
)


class Course:
    """What a nested loop goes over, entered at any of its items.

    Attributes:
        drawn_from: a digest of the generators that the order of the items is going to be drawn from,
            as they are before it is; None where it is not drawn.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._begun = False
        self.drawn_from = _generators_digest(part) if part.is_drawn else None

    @classmethod
    def found(cls, items: Items) -> tuple[Course | None, Items]:
        """The course of a loop, and what it goes over; a call that is its course is not made."""
        course = cls.of_call(items)
        if course is not None:
            return course, items
        iterable = items.evaluate()
        return cls.over(iterable), Items.of(iterable)

    @classmethod
    def of_call(cls, items: Items) -> Course | None:
        """The course of what a call would give, which is not made; None where that is not known."""
        part = _part_of_call(items)
        return None if part is None else cls(part)

    @classmethod
    def over(cls, iterable: Any) -> Course | None:
        """The course of an iterable; None where it has to be gone through from its start."""
        part = part_of(iterable)
        return None if part is None else cls(part)

    @property
    def total(self) -> int | None:
        """How many items there are, as far as is known."""
        return self._part.total

    def roots(self, name: str) -> dict[str, Any]:
        """The objects that the items come from, for a checkpoint to hold, by name."""
        return {f"{name}[{n}]": root for n, root in enumerate(self._part.roots)}

    @property
    def is_ready(self) -> bool:
        """Whether a checkpoint would hold all that going on from here takes."""
        return self._part.is_ready

    @property
    def goes_on(self) -> bool:
        """Whether it can be driven on from an item to a later one."""
        return self._part.goes_on

    def enter(self, at: int, index: int, values: Mapping[str, Any], name: str) -> None:
        """Begin as the loop does, or go on from where it stands, up to an item.

        Args:
            at: the item that would come next.
            index: the one that is to come.
            values: roots that the checkpoint there has as plain values, by name.
            name: of the loop.

        Raises:
            NotEntered: the items between cannot be passed over.
        """
        begun, self._begun = self._begun, True
        if not begun:
            self._part.prepare(values.get(key) for key in self.roots(name))
            self._part.begin(index)
        watch = DrawWatch(self._part, begun=begun)
        self._part.drive(at, index, watch)
        watch.check()

    def rest(self, roots: Mapping[str, Any], name: str) -> Iterator[Any]:
        """The items that are left, from the objects that a restore has left in place.

        Raises:
            NotEntered: an object that cannot be exchanged had to be made anew.
        """
        present = self.roots(name)
        self._part.replace(iter([roots.get(key, one) for key, one in present.items()]))
        return self._part.rest()


def _generators_digest(part: Part) -> str:
    # torch's, whose DataLoader it is: a tensor of bytes each, which needs no numpy to be looked at.
    states = [sys.modules["torch"].get_rng_state(), *map(generator_state, part.generators)]
    return digest(b"".join(string_at(one.data_ptr(), one.numel()) for one in states))


def _part_of_call(items: Items) -> Part | None:
    """The part that a call would make, without making it: so its arguments can be driven."""
    if items.call is enumerate and items.arguments and not items.keywords.keys() - {"start"}:
        first, *start = items.arguments
        inner = part_of(first)
        number = start[0] if start else items.keywords.get("start", 0)
        return None if inner is None else Enumerated(inner, number)
    if items.call is zip:
        return _zipped(items.arguments, strict=bool(items.keywords.get("strict")))
    return None


def part_of(iterable: Any) -> Part | None:
    """The part that an iterable is; None where it has to be gone through from its start."""
    cls = type(iterable)
    if cls is Turns:
        return Part()
    if cls in _SEQUENCES or (_is_array(cls) and iterable.ndim):
        return Sequence(iterable)
    if cls in (enumerate, zip) or cls in _SEQUENCE_ITERATORS:
        return _begun(iterable)
    if cls.__module__.partition(".")[0] == "tqdm" and hasattr(iterable, "iterable"):
        inner = part_of(iterable.iterable)
        return None if inner is None else Bar(iterable, inner)
    return loader_part(iterable)


def _is_array(cls: type) -> bool:
    return (cls.__module__, cls.__name__) in (("torch", "Tensor"), ("numpy", "ndarray"))


def _begun(iterator: Any) -> Part | None:
    """The part of an iterator that was just made, by what its pickling tells of it."""
    _, arguments, *state = iterator.__reduce__()
    if type(iterator) is enumerate:
        inner = part_of(arguments[0])
        return None if inner is None else Enumerated(inner, arguments[1])
    if type(iterator) is zip:
        return _zipped(arguments, strict=bool(state and state[0]))
    # A range that is left over begins where it stands, and has no state (None, from Python 3.13 on).
    return Sequence(arguments[0], *(at for at in state if at is not None))


def _zipped(iterables: tuple[Any, ...], *, strict: bool) -> Part | None:
    """The part that `zip(*iterables)` is."""
    inners = [part for part in map(part_of, iterables) if part is not None]
    if not inners or len(inners) < len(iterables):
        return None
    return Zipped(inners, strict=strict)
