"""Copies out of a device's memory, which run while the script's thread goes on.

A device executes what is queued on a stream in order, and streams beside each other. The copies of
a snapshot are queued on a stream of their own, behind all that the script has queued so far. What
the script queues next must not change what is yet to be copied:

- In general the script's stream waits for the copies; its thread does not.
- What optimizers alone change, their parameters and their state, may be copied while the forward
  and the backward pass run: the script's stream waits before the next optimizer steps. That it
  holds is known of no script for sure. So it is relied on only where the text gives no reason to
  doubt it (`lasting`), for optimizers that stepped since the snapshot before, and the versions that
  torch counts of each tensor are compared at the end: a snapshot in which one has changed is torn,
  is not published, and was the last of its kind.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from florlib.runtime.graph.memory import Remote
from florlib.runtime.guard import guarded
from florlib.runtime.optimizers import add_hook

Part = tuple[Remote, int]
"""What to copy, and the address in this process's memory where to."""


class Device(Protocol):
    """One device; `cuda.Cuda` asks torch, and tests have one that queues in lists."""

    def pin(self, address: int, size: int) -> None:
        """Keep pages where they are, so that the device can write into them by itself."""

    def unpin(self, address: int) -> None:
        """Let go of pages that were pinned."""

    def follow(self) -> None:
        """Have the copies that come now wait for all that the script has queued."""

    def copy(self, part: Part) -> None:
        """Queue a copy; the memory copied from is not used anew before it is over."""

    def mark(self) -> Any:
        """A mark behind the copies that are queued."""

    def hold(self, mark: Any) -> None:
        """Have what the script queues from now on wait until the mark is reached."""

    def wait(self, mark: Any) -> None:
        """Wait here until the mark is reached."""


class TornSnapshot(Exception):
    """What a snapshot relied on has changed while it was copied."""


@dataclass(slots=True, eq=False)
class Copying:
    """The copies of one snapshot.

    Attributes:
        ends: (device, mark behind its last copy).
        watched: (tensor, version) of those that last until an optimizer steps.
    """

    ends: list[tuple[Device, Any]]
    watched: list[tuple[Any, int]]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_torn: bool = False

    def hold(self) -> None:
        """What is watched is about to change: have that wait for the copies."""
        with self._lock:
            if self.watched:
                self._look()
                for device, mark in self.ends:
                    device.hold(mark)

    def wait(self) -> None:
        """Wait until all is copied.

        Raises:
            TornSnapshot: something has changed before it was.
        """
        for device, mark in self.ends:
            device.wait(mark)
        with self._lock:
            self._look()
        if self._is_torn:
            raise TornSnapshot("parameters have changed while no optimizer stepped")

    def _look(self) -> None:
        self._is_torn |= any(tensor._version != version for tensor, version in self.watched)
        self.watched = []


class Copies:
    """Queues the copies of snapshots.

    Args:
        device: by name, "cuda:0".
        lasts: whether, as far as is known, nothing but optimizers changes what they hold.
    """

    def __init__(self, device: Callable[[str], Device], lasts: Callable[[], bool]) -> None:
        self._device = device
        self._lasts = lasts
        self._devices: dict[str, Device] = {}
        self._stepped: dict[int, weakref.ref[Any]] = {}
        self._under_way: list[Copying] = []
        self._hook: Any = None
        self._lock = threading.Lock()

    def start(self, parts: list[Part]) -> Copying:
        """Queue copies; what they show is the present content, whatever the script does next."""
        watched = dict(self._lasting())
        ends: list[tuple[Device, Any]] = []
        copying = Copying(ends, list(watched.values()))
        for name in dict.fromkeys(part[0].device for part in parts):
            device = self._of(name)
            own = [part for part in parts if part[0].device == name]
            device.follow()
            # What may change at once goes first: the script's stream waits for it alone.
            later = [part for part in own if part[0].address in watched]
            for part in own:
                if part[0].address not in watched:
                    device.copy(part)
            device.hold(device.mark())
            for part in later:
                device.copy(part)
            ends.append((device, device.mark()))
        with self._lock:
            self._under_way = [one for one in self._under_way if one.watched]
            self._under_way += [copying] if copying.watched else []
        self._watch_steps()
        return copying

    def torn(self) -> None:
        """A snapshot was torn: copy nothing beside the script's work from now on."""
        self._lasts = lambda: False

    def pin(self, address: int, size: int, name: str) -> None:
        """Pin memory that copies go into."""
        self._of(name).pin(address, size)

    def unpin(self, address: int) -> None:
        """Undo `pin`."""
        for device in list(self._devices.values())[:1]:
            device.unpin(address)

    def stepping(self, optimizer: Any, *arguments: Any) -> None:
        """An optimizer is about to step."""
        with guarded("copy beside a step"):
            with suppress(TypeError):  # a class without weak references
                self._stepped[id(optimizer)] = weakref.ref(optimizer)
            with self._lock:
                under_way, self._under_way = self._under_way, []
            for copying in under_way:
                copying.hold()

    def close(self) -> None:
        """Look at steps no longer, until something is copied again."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.remove()

    def _of(self, name: str) -> Device:
        if name not in self._devices:
            self._devices[name] = self._device(name)
        return self._devices[name]

    def _watch_steps(self) -> None:
        if self._hook is None and self._lasts() and "torch.optim.optimizer" in sys.modules:
            optimizer = sys.modules["torch.optim.optimizer"]
            self._hook = add_hook(optimizer.register_optimizer_step_pre_hook, self.stepping)

    def _lasting(self) -> Iterator[tuple[int, tuple[Any, int]]]:
        """(address, (tensor, version)) of what the optimizers hold that stepped since the last time."""
        stepped, self._stepped = self._stepped, {}
        if not self._lasts():
            return
        for optimizer in [one() for one in stepped.values()]:
            for tensor in _tensors_of(optimizer):
                yield tensor.untyped_storage().data_ptr(), (tensor, tensor._version)


def _tensors_of(optimizer: Any) -> Iterator[Any]:
    """The parameters of an optimizer and the tensors of its state, as far as they lie on a device."""
    held = [one for group in getattr(optimizer, "param_groups", ()) for one in group["params"]]
    for state in getattr(optimizer, "state", {}).values():
        held += state.values() if isinstance(state, dict) else ()
    for one in held:
        if hasattr(one, "untyped_storage") and one.device.type != "cpu":
            yield one
