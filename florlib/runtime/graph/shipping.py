"""In a DataLoader's worker process: each batch takes the worker's random states along.

The main process cannot look into a worker, which runs ahead of what training consumes. So the
states behind a batch travel with it, and count from when the batch is consumed.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from florlib.runtime.graph.generators import frozen_state, generator_state
from florlib.runtime.graph.kinds import kind_of

WorkerState = tuple[Any, ...]
"""States of `random`, numpy and torch as bytes and numbers."""

MOST_PARTS = 500  # of what a dataset holds, looked at after each batch
MOST_ITEMS = 64  # of one container, or elements of one array
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class Shipped:
    """A batch on its way to the main process.

    Attributes:
        worker: the number of the worker.
        state: of its generators behind the batch; None where the batch before left the same.
        changed: what a dataset holds has changed in the worker, which nothing can restore.
    """

    __slots__ = ("batch", "changed", "state", "worker")

    def __init__(self, batch: Any, worker: int, state: WorkerState | None, changed: bool) -> None:
        self.batch = batch
        self.worker = worker
        self.state = state
        self.changed = changed

    def __reduce__(self) -> Any:
        return (Shipped, (self.batch, self.worker, self.state, self.changed))

    def pin_memory(self) -> Shipped:
        """Called by torch's thread that pins what is on its way."""
        pin = sys.modules["torch.utils.data._utils.pin_memory"].pin_memory
        return Shipped(pin(self.batch), self.worker, self.state, self.changed)


class WorkerStart:
    """Takes the place of a DataLoader's `worker_init_fn`: calls it, then prepares the worker.

    Args:
        own: the user's, which may be None.
        states: by worker, the states that it is to begin with.
    """

    def __init__(
        self, own: Callable[[int], Any] | None, states: dict[int, WorkerState | None]
    ) -> None:
        self._own = own
        self._states = states

    def __call__(self, worker: int) -> None:
        if self._own is not None:
            self._own(worker)
        try:
            state = self._states.get(worker)
            if state is not None:
                set_worker_state(state)
            ship(worker)
        except Exception as error:  # noqa: BLE001  # the batches are to come all the same
            sys.stderr.write(f"warning: flor cannot watch worker {worker} ({error!r})\n")


def ship(worker: int) -> None:
    """Have each batch that this process fetches take its generators' states along."""
    fetcher = sys.modules["torch.utils.data._utils.fetch"]._MapDatasetFetcher
    own = fetcher.fetch
    last: WorkerState | None = None
    before: Any = None
    worker_state()  # if this cannot be, no batch is touched

    def fetch(self: Any, index: Any) -> Any:
        nonlocal last, before
        if before is None:
            before = _seen(self)
        batch = own(self, index)
        state = worker_state()
        fresh, last = (None if state == last else state), state
        return Shipped(batch, worker, fresh, _seen(self) != before)

    fetcher.fetch = fetch


def _seen(fetcher: Any) -> Any:
    """What a fetcher's dataset and collate function hold; unlike itself where that is not seen."""
    try:
        return held_by(fetcher.dataset, fetcher.collate_fn)
    except Exception:  # noqa: BLE001  # attributes run code of any library
        return object()


def worker_state() -> WorkerState:
    """The states of this process's generators, in little room."""
    numpy, torch = sys.modules["numpy"], sys.modules["torch"]
    version, words, gauss = random.getstate()
    legacy = numpy.random.get_state(legacy=False)
    own = numpy.asarray(words, dtype=numpy.uint32).tobytes()
    key = legacy["state"]
    return (
        (version, own, gauss),
        (key["key"].tobytes(), int(key["pos"]), legacy["has_gauss"], legacy["gauss"]),
        torch.get_rng_state().numpy().tobytes(),
    )


def set_worker_state(state: WorkerState) -> None:
    """Put back what `worker_state` gave."""
    numpy, torch = sys.modules["numpy"], sys.modules["torch"]
    (version, own, gauss), (key, position, has_gauss, cached), cpu = state
    words = numpy.frombuffer(own, dtype=numpy.uint32)
    random.setstate((version, tuple(words.tolist()), gauss))
    key = numpy.frombuffer(key, dtype=numpy.uint32)
    numpy.random.set_state(("MT19937", key, position, has_gauss, cached))
    torch.set_rng_state(torch.frombuffer(bytearray(cpu), dtype=torch.uint8))


def held_by(*objects: Any) -> list[Any]:
    """What objects hold, as far as can be seen quickly: equal where nothing has changed."""
    found: list[Any] = []
    seen: set[int] = set()
    queue: deque[Any] = deque(objects)
    while queue and len(found) < MOST_PARTS:
        value = queue.popleft()
        if type(value) in _PLAIN:
            found.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            found.append(id(value))
            found.extend(_contents(value))
            queue.extend(_parts(value))
    return found


def _contents(value: Any) -> Iterator[Any]:
    """What a value is, apart from the objects that it leads to."""
    kind = kind_of(value)
    if kind == "tensor":
        yield value._version
    elif kind == "array":
        step = max(1, value.size // MOST_ITEMS)
        yield value.flat[::step].tobytes() if value.dtype != object else value.size
    elif kind == "generator":
        yield frozen_state(generator_state(value))
    elif hasattr(type(value), "__len__") and kind in ("list", "dict", "set", "deque", "bytearray"):
        yield len(value)


def _parts(value: Any) -> Iterator[Any]:
    """The objects that a value leads to: items, attributes, and globals that its code names."""
    kind = kind_of(value)
    if kind in ("list", "tuple", "deque"):
        yield from value if len(value) <= MOST_ITEMS else [value[0], value[-1]]
    elif kind == "dict" and len(value) <= MOST_ITEMS:
        yield from value.values()
    elif kind == "function":
        yield from (cell.cell_contents for cell in value.__closure__ or () if _is_bound(cell))
        names = value.__code__.co_names
        yield from (value.__globals__[name] for name in names if name in value.__globals__)
    elif kind == "method":
        yield from (value.__self__, value.__func__)
    elif kind == "class" and not value.__module__.startswith(("torch", "numpy", "builtins")):
        yield from vars(value).values()
    elif kind in ("object", "list", "dict", "holder"):
        yield type(value)
    yield from getattr(value, "__dict__", {}).values() if kind == "object" else ()


def _is_bound(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
