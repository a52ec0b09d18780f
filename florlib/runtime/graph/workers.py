"""The worker processes of DataLoaders, seen from the main process: what each of them drew last.

This leans on private parts of torch (2.4 to 2.13); where they are not as they are known here,
nothing is installed, and checkpoints name the workers as what they lack.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.graph.generators import (
    generator_state,
    global_states,
    set_generator_state,
    set_global_states,
)
from florlib.runtime.graph.shipping import Shipped, WorkerStart, WorkerState

LoaderState = tuple[int, tuple[WorkerState | None, ...]]
"""The base seed of an iterator, and the state of each of its workers; None before its first."""

MAP_STYLE = 0  # torch.utils.data.dataloader._DatasetKind.Map
_FETCH = ["self", "possibly_batched_index"]
_PARTS = {
    "_process_data": (["self", "data"], ["self", "data", "worker_idx"]),
    "_try_put_index": (["self"],),
    "_reset": (["self", "loader", "first_iter"],),
    "__init__": (["self", "loader"],),
}


@dataclass(slots=True)
class Workers:
    """What is known of the workers of one iterator.

    Attributes:
        states: by worker, behind the last batch of it that was consumed.
        unknown: workers that have drawn what no consumed batch has told of.
        lost: something in a worker has changed that cannot be restored.
        reused: the record had an iterator already, which went on: this one is to do the same.
        seed: that the iterator is to have; None for the one that it draws.
    """

    states: dict[int, WorkerState | None]
    unknown: set[int] = field(default_factory=set)
    lost: bool = False
    reused: bool = False
    seed: int | None = None

    def note(self, batch: Shipped) -> None:
        """A batch is consumed: its states are now those of its worker."""
        self.lost = self.lost or batch.changed
        if batch.state is not None:
            self.states[batch.worker] = batch.state
            self.unknown.discard(batch.worker)


_watched: weakref.WeakKeyDictionary[Any, Workers] = weakref.WeakKeyDictionary()
_latest: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
_expected: weakref.WeakKeyDictionary[Any, tuple[LoaderState, bool]] = weakref.WeakKeyDictionary()
_times: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
_installed: list[type] = []


def watch_workers() -> bool:
    """Watch all DataLoaders that start workers from now on; whether that is possible."""
    module = sys.modules.get("torch.utils.data.dataloader")
    if module is None or _installed:
        return bool(_installed)
    iterator = getattr(module, "_MultiProcessingDataLoaderIter", None)
    base = getattr(module, "_BaseDataLoaderIter", None)
    if iterator is None or base is None or not _is_known(iterator):
        return False
    _install(iterator, base)
    _installed.append(iterator)
    return True


def _is_known(iterator: type) -> bool:
    fetch = sys.modules.get("torch.utils.data._utils.fetch")
    fetcher = getattr(fetch, "_MapDatasetFetcher", None)
    if list(inspect.signature(getattr(fetcher, "fetch", len)).parameters) != _FETCH:
        return False
    return all(
        list(inspect.signature(getattr(iterator, name, len)).parameters) in known
        for name, known in _PARTS.items()
    )


def _install(iterator: Any, base: Any) -> None:
    begin, begin_base = iterator.__init__, base.__init__
    process, reset = iterator._process_data, iterator._reset

    def init(self: Any, loader: Any) -> None:
        if not _is_watched(loader):
            begin(self, loader)
            return
        _watched[self] = workers = _started(loader)
        _latest[loader] = weakref.ref(self)
        own = loader.worker_init_fn
        object.__setattr__(loader, "worker_init_fn", WorkerStart(own, dict(workers.states)))
        try:
            begin(self, loader)
        finally:
            object.__setattr__(loader, "worker_init_fn", own)

    def init_base(self: Any, loader: Any) -> None:
        workers = _watched.get(self)
        if workers is None or not workers.reused:
            begin_base(self, loader)
            return
        with _undrawn(loader):
            begin_base(self, loader)
        self._base_seed = workers.seed

    def process_data(self: Any, data: Any, *more: Any) -> Any:
        workers = _watched.get(self)
        if type(data) is Shipped:
            if workers is not None:
                workers.note(data)
            data = data.batch
        elif workers is not None:
            workers.lost = True
        return process(self, data, *more)

    def reset_all(self: Any, loader: Any, first_iter: bool = False) -> None:
        workers = _watched.get(self)
        _times[loader] = times_begun(loader) + 1
        if workers is not None and not first_iter and self._send_idx != self._rcvd_idx:
            workers.unknown = set(range(loader.num_workers))  # they have fetched what is dropped
        reset(self, loader, first_iter)

    iterator.__init__, base.__init__ = init, init_base
    iterator._process_data, iterator._reset = process_data, reset_all


def _is_watched(loader: Any) -> bool:
    ordered = getattr(loader, "in_order", True)
    pinned = getattr(loader, "pin_memory_device", "")
    kind = getattr(loader, "_dataset_kind", None)
    return bool(kind == MAP_STYLE and ordered and not pinned)


def _started(loader: Any) -> Workers:
    """What is known of workers that are about to be started."""
    expected = _expected.pop(loader, None)
    every = range(loader.num_workers)
    if expected is None:
        unknown = set() if loader.worker_init_fn is None else set(every)
        return Workers(dict.fromkeys(every), unknown)
    (seed, states), reused = expected
    return Workers(dict(zip(every, states, strict=True)), reused=reused, seed=seed)


@contextmanager
def _undrawn(loader: Any) -> Iterator[None]:
    """Undo what an iterator draws for itself, as it stands for one that was there already."""
    owners = [
        loader,
        loader.sampler,
        loader.batch_sampler,
        getattr(loader.batch_sampler, "sampler", None),
    ]
    own = [
        one for one in (getattr(owner, "generator", None) for owner in owners) if one is not None
    ]
    states, owned = global_states(), [generator_state(one) for one in own]
    yield
    set_global_states(states)
    for generator, state in zip(own, owned, strict=True):
        set_generator_state(generator, state)


# ------------------------------------------------------------------ states of a DataLoader


def loader_of(iterator: Any) -> Any:
    """The DataLoader whose workers an iterator keeps from epoch to epoch; None if it does not."""
    for loader in list(_latest):
        if getattr(loader, "_iterator", None) is iterator:
            return loader
    return None


def known_loaders() -> list[Any]:
    """DataLoaders that have had workers, or are expected to go on with some."""
    return list({id(one): one for one in (*_latest, *_expected)}.values())


def times_begun(loader: Any) -> int:
    """How often a DataLoader's workers have begun to go through it."""
    return _times.get(loader, 0)


def loader_state(loader: Any, *, under_way: bool = False) -> LoaderState | None:
    """The states of a DataLoader's workers; None where they are not known, or there are none.

    Args:
        loader: the DataLoader.
        under_way: it is being gone through, so its workers may be ahead of what was consumed.
    """
    expected = _expected.get(loader)
    if expected is not None:
        return expected[0]
    reference = _latest.get(loader)
    iterator = None if reference is None else reference()
    workers = None if iterator is None else _watched.get(iterator)
    if iterator is None or workers is None or workers.lost or workers.unknown:
        return None
    if not under_way and iterator._send_idx != iterator._rcvd_idx:
        return None
    return (iterator._base_seed, tuple(workers.states[n] for n in sorted(workers.states)))


def expect(loader: Any, state: LoaderState, *, reused: bool) -> None:
    """Have the next iterator of a DataLoader begin with these states of its workers.

    Args:
        loader: the DataLoader; workers that it has now are ended.
        state: what `loader_state` gave.
        reused: the record's iterator was there already, and drew no base seed.
    """
    if getattr(loader, "_iterator", None) is not None:
        loader._iterator = None
    _latest.pop(loader, None)
    _expected[loader] = (state, reused)


def expects_reuse(loader: Any) -> bool:
    """Whether the record's DataLoader has an iterator at this point that goes on."""
    expected = _expected.get(loader)
    there = getattr(loader, "_iterator", None) is not None
    return there or (expected is not None and expected[1])


def expect_none_but(loaders: list[Any]) -> None:
    """Forget what was expected of all other DataLoaders."""
    for loader in list(_expected):
        if not any(loader is one for one in loaders):
            del _expected[loader]
