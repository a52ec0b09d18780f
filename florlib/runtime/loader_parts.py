"""DataLoaders as parts of a nested loop's course: driven by their samplers, loading nothing."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from florlib.runtime.graph.workers import (
    MAP_STYLE,
    expect,
    expects_reuse,
    loader_state,
    times_begun,
    watch_workers,
)
from florlib.runtime.parts import DrawWatch, NotEntered, Part

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


class Loader(Part):
    """A DataLoader that loads in this process: its sampler alone is driven."""

    is_drawn = True

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._iterator: Any = None

    @property
    def total(self) -> int | None:  # type: ignore[override]
        return len(self._loader)

    @property
    def roots(self) -> list[Any]:
        return [self._loader]

    def prepare(self, values: Iterator[Any]) -> None:
        next(values)

    def replace(self, roots: Iterator[Any]) -> None:
        if next(roots) is not self._loader:
            raise NotEntered("its DataLoader had to be made anew")

    @property
    def generators(self) -> list[Any]:
        return _generators(itertools.chain([self._loader], _samplers(self._loader)))

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


class BegunLoader(Loader):
    """The iterator of a DataLoader that loads in this process, made before the loop began."""

    def __init__(self, iterator: Any) -> None:
        super().__init__(iterator)
        self._iterator = iterator

    @property
    def roots(self) -> list[Any]:
        return [self._iterator._dataset, self._iterator._index_sampler]

    def prepare(self, values: Iterator[Any]) -> None:
        for _ in self.roots:
            next(values)

    def replace(self, roots: Iterator[Any]) -> None:
        if any(next(roots) is not present for present in self.roots):
            raise NotEntered("its DataLoader had to be made anew")

    @property
    def generators(self) -> list[Any]:
        return _generators(_inward(self._iterator._index_sampler))

    def begin(self, index: int) -> None:
        """It has begun."""


class WorkersLoader(Loader):
    """A DataLoader with worker processes, which are started in the states that they were in.

    Its batches go to the workers in turn, and so they do from its middle.
    """

    goes_on = False

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._state: Any = None
        self._times = times_begun(loader)

    @property
    def roots(self) -> list[Any]:
        return [self._loader, loader_state(self._loader, under_way=True)]

    @property
    def is_ready(self) -> bool:
        # Where it is gone through again inside of the loop, the workers of this one are not told apart.
        alone = times_begun(self._loader) == self._times + 1
        return alone and loader_state(self._loader, under_way=True) is not None

    def prepare(self, values: Iterator[Any]) -> None:
        next(values)
        self._state = next(values)

    def replace(self, roots: Iterator[Any]) -> None:
        super().replace(roots)
        next(roots)

    def begin(self, index: int) -> None:
        if index:
            if self._state is None or not watch_workers():
                raise NotEntered("the states of its workers are not known")
            expect(self._loader, self._state, reused=expects_reuse(self._loader))
        with _first_batch(self._loader, index):
            self._iterator = iter(self._loader)

    def drive(self, start: int, stop: int, watch: DrawWatch) -> None:
        """Nothing: the batches are asked for as soon as it begins."""


@contextmanager
def _first_batch(loader: Any, index: int) -> Iterator[None]:
    """Have a DataLoader's workers asked for a batch as the first, and for none before it."""
    cls = sys.modules["torch.utils.data.dataloader"]._MultiProcessingDataLoaderIter
    put = cls._try_put_index

    def put_first(iterator: Any) -> None:
        cls._try_put_index = put
        watch = DrawWatch(Loader(loader), begun=False)
        next(iterator._sampler_iter, None)
        watch.first_item()
        for _ in itertools.islice(iterator._sampler_iter, index - 1):
            pass
        watch.check()
        for _ in range(index % loader.num_workers):
            next(iterator._worker_queue_idx_cycle)
        iterator._num_yielded = index
        put(iterator)

    if index:
        cls._try_put_index = put_first
    try:
        yield
    finally:
        cls._try_put_index = put


def loader_part(iterable: Any) -> Part | None:
    dataloader = sys.modules.get("torch.utils.data.dataloader")
    if type(iterable) is getattr(dataloader, "_SingleProcessDataLoaderIter", None):
        begun = iterable._dataset_kind == MAP_STYLE and _are_known(_inward(iterable._index_sampler))
        return BegunLoader(iterable) if begun else None
    loader = getattr(dataloader, "DataLoader", None)
    if loader is None or not isinstance(iterable, loader):
        return None
    cls = type(iterable)
    for method in ("__iter__", "_get_iterator"):
        if getattr(cls, method, None) is not getattr(loader, method, None):
            return None
    if getattr(iterable, "_dataset_kind", None) != MAP_STYLE or not _are_known(_samplers(iterable)):
        return None
    if iterable.num_workers == 0:
        return Loader(iterable)
    return WorkersLoader(iterable) if getattr(iterable, "in_order", True) else None


def _are_known(samplers: Iterator[Any]) -> bool:
    """Whether samplers are torch's own, which are known to draw for their first item alone."""
    return all(
        type(one).__name__ in _SAMPLERS and type(one).__module__.startswith("torch.utils.data.")
        for one in samplers
    )


def _samplers(loader: Any) -> Iterator[Any]:
    return _inward(loader.sampler if loader.batch_sampler is None else loader.batch_sampler)


def _inward(sampler: Any) -> Iterator[Any]:
    """A sampler, and those that it takes its indices from."""
    while sampler is not None:
        yield sampler
        sampler = getattr(sampler, "sampler", None)


def _generators(owners: Iterator[Any]) -> list[Any]:
    """The generators of some objects, each once."""
    found = {id(one): one for one in (getattr(owner, "generator", None) for owner in owners)}
    return [one for one in found.values() if one is not None]
