"""A device of the tests' own: two streams, on which nothing happens before it has to."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.devices import Copies, Part
from florlib.runtime.graph.memory import Remote

NAME = "fake:0"


@dataclass(eq=False)
class Memory:
    """A tensor on the device, as far as copies see it.

    Attributes:
        content: what it holds, once all that was queued has happened.
        _version: how often the script has changed it, counted when that is queued.
    """

    content: bytes
    address: int = 0
    device: str = NAME
    _version: int = 0

    def __post_init__(self) -> None:
        self.address = self.address or id(self)

    def numel(self) -> int:
        return len(self.content)

    def data_ptr(self) -> int:
        return self.address

    def untyped_storage(self) -> Memory:
        return self


@dataclass(eq=False)
class Parameter(Memory):
    """One that an optimizer knows."""

    @property
    def device(self) -> Any:  # type: ignore[override]
        return type("Device", (), {"type": "fake", "__str__": lambda self: NAME})()

    @device.setter
    def device(self, name: str) -> None:
        pass


@dataclass(eq=False)
class FakeDevice:
    """Runs the script's stream as far ahead of the copies as it may.

    Attributes:
        pinned: sizes by address.
    """

    pinned: dict[int, int] = field(default_factory=dict)
    _script: list[Callable[[], None] | int] = field(default_factory=list)  # or a mark to wait for
    _copies: list[Callable[[], None]] = field(default_factory=list)
    _copied: int = 0
    _ran: int = 0

    def pin(self, address: int, size: int) -> None:
        self.pinned[address] = size

    def unpin(self, address: int) -> None:
        del self.pinned[address]

    def follow(self) -> None:
        queued = self._ran + len(self._script)
        self._copies.append(lambda: self._run_script_to(queued))

    def copy(self, part: Part) -> None:
        remote, address = part

        def happen() -> None:
            ctypes.memmove(address, remote.raw.content, len(remote))

        self._copies.append(happen)

    def mark(self) -> int:
        return self._copied + len(self._copies)

    def hold(self, mark: int) -> None:
        self._script.append(mark)

    def wait(self, mark: int) -> None:
        while self._copied < mark:
            step = self._copies.pop(0)
            self._copied += 1
            step()

    def run_script(self) -> None:
        """Have all happen that the script has queued, and of the copies what that waits for."""
        self._run_script_to(self._ran + len(self._script))

    def _run_script_to(self, count: int) -> None:
        while self._ran < count:
            step = self._script.pop(0)
            self._ran += 1
            if isinstance(step, int):
                self.wait(step)
            else:
                step()

    def change(self, memory: Memory, content: bytes, *, counted: bool = True) -> None:
        """Queue a change of memory, as the script does."""
        memory._version += counted

        def happen() -> None:
            memory.content = content

        self._script.append(happen)


class Optimizer:
    """One whose parameters lie on the device."""

    def __init__(self, *parameters: Memory) -> None:
        self.param_groups = [{"params": list(parameters)}]
        self.state: dict[Any, Any] = {}


def copies(*, lasts: bool = True) -> tuple[Copies, FakeDevice]:
    """Copies from a device."""
    device = FakeDevice()
    return Copies(lambda name: device, lambda: lasts), device


def remote(memory: Memory) -> Remote:
    """The memory as a capture finds it."""
    return Remote(memory)
