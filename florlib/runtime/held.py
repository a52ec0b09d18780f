"""Logged tensors of a device until they are read, which the script does not wait for.

A device executes what is queued on a stream in order. The copy of a value that is logged is queued
on the script's own stream, with a mark behind it; the thread that writes the journal waits for the
mark, and brings the copy here on a stream of its own. So a value is the one of the moment at which it
was logged, whatever the script queues next, on this stream or on others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Queue(Protocol):
    """The work of one device; `cuda.CudaQueue` asks torch, tests have one of their own."""

    def mark(self) -> Any:
        """A mark behind all that the script has queued.

        Raises:
            RuntimeError: what it queues now is not done yet, but only noted down.
        """

    def fetch(self, tensor: Any, mark: Any) -> Any:
        """The tensor in this process's memory, once the mark is reached.

        Raises:
            RuntimeError: the device has failed.
        """


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor that nothing changes any more, on a device that has yet to come to it."""

    tensor: Any
    mark: Any
    queue: Queue

    def read(self) -> Any:
        """The tensor in this process's memory; waits for the device.

        Raises:
            RuntimeError: the device has failed.
        """
        return self.queue.fetch(self.tensor, self.mark)


def held(copy: Any) -> Any:
    """A copy that was just queued, with its mark; itself where nothing has to be waited for.

    Raises:
        RuntimeError: see `Queue.mark`.
    """
    device = copy.device
    make = QUEUES.get(device.type)
    if make is None:
        return copy
    name = str(device)
    if name not in _made:
        _made[name] = make(name)
    queue = _made[name]
    return Held(copy, queue.mark(), queue)


def _cuda(name: str) -> Queue:
    from florlib.runtime.cuda import CudaQueue

    return CudaQueue(name)


QUEUES: dict[str, Callable[[str], Queue]] = {"cuda": _cuda}
"""By the kind of device. Tensors of others are read as they are, when they are written."""
_made: dict[str, Queue] = {}
