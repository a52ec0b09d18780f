"""The parts of a nested loop's course: sequences, DataLoaders, and what may stand around them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from florlib.runtime.graph.generators import frozen_state, generator_state, global_states

_MAP_STYLE = 0  # torch.utils.data.dataloader._DatasetKind.Map
_SEQUENCES = (list, tuple, range, str)
_NO_OBJECTS = (range, str)
_SEQUENCE_ITERATORS: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter(range(0))),
    type(iter("")),
)
# What these draw from a generator of the process, they draw for their first item.
_SAMPLERS = frozenset(
    {
        "BatchSampler",
        "DistributedSampler",
        "RandomSampler",
        "SequentialSampler",
        "SubsetRandomSampler",
        "WeightedRandomSampler",
    }
)


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

    def replace(self, roots: Iterator[Any]) -> None:
        if type(self._items) not in _NO_OBJECTS:
            self._items = next(roots)

    def rest(self) -> Iterator[Any]:
        # Looked up when it is asked for: training may lengthen a list that it goes over.
        index = self._start + self.at
        while index < len(self._items):
            yield self._items[index]
            index += 1


class Loader(Part):
    """A DataLoader that loads in this process: its sampler alone is driven."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._iterator: Any = None

    @property
    def total(self) -> int | None:  # type: ignore[override]
        return len(self._loader)

    @property
    def roots(self) -> list[Any]:
        return [self._loader]

    def replace(self, roots: Iterator[Any]) -> None:
        if next(roots) is not self._loader:
            raise NotEntered("its DataLoader had to be made anew")

    @property
    def generators(self) -> list[Any]:
        return sampler_generators(self._loader)

    def begin(self, index: int) -> None:
        self._iterator = iter(self._loader)

    def drive(self, start: int, stop: int, watch: DrawWatch) -> None:
        if start < stop:
            next(self._iterator._sampler_iter, None)
            watch.first_item()
            for _ in itertools.islice(self._iterator._sampler_iter, stop - start - 1):
                pass
            self._iterator._num_yielded += stop - start

    def rest(self) -> Iterator[Any]:
        return iter(self._iterator)


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


def part_of(iterable: Any) -> Part | None:
    """The part that an iterable is; None where it has to be gone through from its start."""
    cls = type(iterable)
    if cls in _SEQUENCES or (_is_array(cls) and iterable.ndim):
        return Sequence(iterable)
    if cls in (enumerate, zip) or cls in _SEQUENCE_ITERATORS:
        return _begun(iterable)
    if cls.__module__.partition(".")[0] == "tqdm" and hasattr(iterable, "iterable"):
        inner = part_of(iterable.iterable)
        return None if inner is None else Bar(iterable, inner)
    return _loader_part(iterable)


def _is_array(cls: type) -> bool:
    return (cls.__module__, cls.__name__) in (("torch", "Tensor"), ("numpy", "ndarray"))


def _begun(iterator: Any) -> Part | None:
    """The part of an iterator that was just made, by what its pickling tells of it."""
    _, arguments, *state = iterator.__reduce__()
    if type(iterator) is enumerate:
        inner = part_of(arguments[0])
        return None if inner is None else Enumerated(inner, arguments[1])
    if type(iterator) is zip:
        return zipped(arguments, strict=bool(state and state[0]))
    return Sequence(arguments[0], *state)


def zipped(iterables: tuple[Any, ...], *, strict: bool) -> Part | None:
    """The part that `zip(*iterables)` is."""
    inners = [part for part in map(part_of, iterables) if part is not None]
    if not inners or len(inners) < len(iterables):
        return None
    return Zipped(inners, strict=strict)


def _loader_part(iterable: Any) -> Part | None:
    dataloader = sys.modules.get("torch.utils.data.dataloader")
    loader = getattr(dataloader, "DataLoader", None)
    if loader is None or not isinstance(iterable, loader):
        return None
    own: Callable[..., Any] = type(iterable).__iter__
    if own is not loader.__iter__ or type(iterable)._get_iterator is not loader._get_iterator:
        return None
    if getattr(iterable, "_dataset_kind", None) != _MAP_STYLE or not _known_samplers(iterable):
        return None
    return Loader(iterable) if iterable.num_workers == 0 else None


def _known_samplers(loader: Any) -> bool:
    """Whether what decides on a DataLoader's order is torch's own, which is known to draw first."""
    return all(
        type(one).__name__ in _SAMPLERS and type(one).__module__.startswith("torch.utils.data.")
        for one in _samplers(loader)
    )


def _samplers(loader: Any) -> Iterator[Any]:
    sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    while sampler is not None:
        yield sampler
        sampler = getattr(sampler, "sampler", None)


def sampler_generators(loader: Any) -> list[Any]:
    """The generators of a DataLoader and its samplers, each once."""
    owners = (loader, *_samplers(loader))
    found = {id(one): one for one in (getattr(owner, "generator", None) for owner in owners)}
    return [one for one in found.values() if one is not None]
