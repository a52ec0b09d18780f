"""Memory that snapshots are copied into: reserved once, touched before it is needed, used again.

A copy into fresh memory costs seven times as much as one into memory that was written before, as
the system has to find and clear each page. So there are at most two arenas, which the writer gives
back when it has written them; where none is free, no snapshot is taken.
"""

from __future__ import annotations

import ctypes
import mmap
import operator
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from florlib.runtime.devices import Copies, Copying, Part
from florlib.runtime.graph.memory import Block, Live, Remote
from florlib.runtime.graph.together import Move, move
from florlib.runtime.guard import guarded

SMALL_BYTES = 4 << 20  # snapshots up to here get memory of their own: the pages are few
WAITING_SMALL_BYTES = 64 << 20  # of which so much may wait to be written
MOST_ARENAS = 2
_SPARE = 16  # an arena is a sixteenth larger than what it was made for
_HUGE_PAGE = 2 << 20
_SHARE_OF_FREE = 4  # both arenas together take a quarter of the free memory


class Arena:
    """A piece of memory of this process alone.

    Args:
        size: in bytes.

    Attributes:
        size: at least what was asked for.
        is_small: it serves one snapshot alone.
        is_pinned: devices write into it by themselves.
    """

    def __init__(self, size: int) -> None:
        unit = mmap.PAGESIZE if size < _HUGE_PAGE else _HUGE_PAGE
        self.size = max(-(-size // unit), 1) * unit
        self.is_small = self.is_pinned = False
        memory = mmap.mmap(-1, self.size)
        for advice in ("MADV_HUGEPAGE", "MADV_DONTFORK"):
            with suppress(AttributeError, OSError):  # not Linux, or built without
                memory.madvise(getattr(mmap, advice))
        self._view = memoryview(memory)
        self.address = ctypes.addressof(ctypes.c_ubyte.from_buffer(memory))

    def touch(self) -> None:
        """Have the system find all pages now; the GIL is let go meanwhile."""
        ctypes.memset(self.address, 0, self.size)

    def copy_in(self, blocks: Iterable[Block]) -> list[Part]:
        """Copy what is live memory, and have the blocks lie here from now on.

        They lie in the order in which a file has them, so that they are written as one.

        Returns:
            What lies on devices, and is yet to be copied to where its block says.
        """
        at = self.address
        parts: list[Part] = []
        moves: list[Move] = []
        moving = [block for block in blocks if type(block.data) in _COPIED]
        moving.sort(key=_width, reverse=True)
        for block in moving:
            data, length = block.data, len(block.data)
            if type(data) is Live:
                moves.append((at, data.address, length))
            elif isinstance(data, Remote):
                parts.append((data, at))
            block.data = Live(at, length)
            at += length
        move(moves)
        return parts


_width = operator.attrgetter("width")
_COPIED = (Live, Remote)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Blocks that nothing changes any more.

    Attributes:
        size: how many bytes were copied.
        arena: where the copies lie.
        copying: what of it is still on its way from devices.
    """

    blocks: dict[str, Block]
    size: int
    arena: Arena
    copying: Copying | None = None


def live_bytes(blocks: dict[str, Block]) -> int:
    """How much of these blocks has to be copied."""
    return sum(len(block.data) for block in blocks.values() if type(block.data) in _COPIED)


def make_private(blocks: dict[str, Block]) -> Arena:
    """Copy what is live memory into memory of its own, which is given back."""
    for block in blocks.values():
        if isinstance(block.data, Remote):
            block.data = block.data.view()
    arena = Arena(live_bytes(blocks))
    arena.copy_in(blocks.values())
    return arena


class Arenas:
    """Hands out arenas, and makes them larger where snapshots have grown.

    Args:
        in_background: has a function called soon, on another thread.
        free: bytes of memory that are free; None where that cannot be told.
        copies: queues what is to be copied from devices.
    """

    def __init__(
        self,
        in_background: Callable[[Callable[[], None]], None],
        free: Callable[[], int | None],
        copies: Copies,
    ) -> None:
        self._in_background = in_background
        self._free_memory = free
        self.copies = copies
        self._device: str | None = None  # for which arenas are pinned
        self._change = threading.Condition()
        self._free: list[Arena] = []
        self._taken = 0
        self._growing = False
        self._small_bytes = 0

    def has_free(self, size: int) -> bool:
        """Whether a snapshot of this size would find an arena now."""
        with self._change:
            if self._is_small(size):
                return self._small_bytes + size <= WAITING_SMALL_BYTES
            return any(arena.size >= size for arena in self._free) or not self._taken

    def prepare(self, size: int) -> None:
        """Have room for a snapshot of this size soon, if there may be more of it."""
        with self._change:
            if not self._is_small(size):
                self._grow(size)

    def snapshot(
        self, blocks: dict[str, Block], size: int, *, must: bool, make: bool = False
    ) -> Snapshot | None:
        """Copy what is live memory; None where that would take time.

        Args:
            blocks: of which some are live.
            size: bytes of these.
            must: wait for an arena, or make one, rather than go without; but never take more than
                half of the memory that is free.
            make: make one where there may be another, but do not wait.
        """
        remote = next((one.data for one in blocks.values() if isinstance(one.data, Remote)), None)
        self._device = self._device if remote is None else remote.device
        arena = self._take(size, must, make)
        if arena is None:
            return None
        try:
            parts = arena.copy_in(blocks.values())
            copying = self.copies.start(parts) if parts else None
        except BaseException:
            self.give_back(Snapshot({}, size, arena))
            raise
        return Snapshot(blocks, size, arena, copying)

    def _is_small(self, size: int) -> bool:
        """Whether a snapshot gets memory of its own; not where that would have to be pinned."""
        return size <= SMALL_BYTES and self._device is None

    def _take(self, size: int, must: bool, make: bool) -> Arena | None:
        with self._change:
            if self._is_small(size):
                return self._take_small(size, must)
            found = self._take_free(size)
            while found is None and must and self._taken:
                self._change.wait()
                found = self._take_free(size)
            if found is None and (must or (make and not self._growing)):
                if self._taken >= self._most(size):
                    return None
                self._let_go(len(self._free))
                found = self._new(size)
            elif found is None:
                self._grow(size)
                return None
            self._taken += 1
            return found

    def _take_small(self, size: int, must: bool) -> Arena | None:
        while self._small_bytes and self._small_bytes + size > WAITING_SMALL_BYTES:
            if not must:
                return None
            self._change.wait()
        arena = Arena(size)
        arena.is_small = True
        self._small_bytes += arena.size
        return arena

    def _take_free(self, size: int) -> Arena | None:
        for number, arena in enumerate(self._free):
            if arena.size >= size:
                return self._free.pop(number)
        return None

    def _grow(self, size: int) -> None:
        """Have an arena of this size made; too small ones make room for it."""
        most = self._most(size)
        self._let_go(self._taken + len(self._free) + 1 - most)
        if not self._growing and self._taken + len(self._free) < most:
            self._growing = True
            self._in_background(lambda: self._make(size + size // _SPARE))

    def _most(self, size: int) -> int:
        """How many arenas of this size there may be."""
        free = self._free_memory()
        if free is None or MOST_ARENAS * size * _SHARE_OF_FREE <= free:
            return MOST_ARENAS
        return 1 if 2 * size <= free else 0

    def _let_go(self, count: int) -> None:
        for arena in self._free[: max(count, 0)]:
            if arena.is_pinned:
                with guarded("let go of pinned memory"):
                    self.copies.unpin(arena.address)
        del self._free[: max(count, 0)]

    def _new(self, size: int) -> Arena:
        arena = Arena(size)
        if self._device is not None:
            # Copies into memory that is not pinned are as right, and slower.
            with guarded("pin memory"):
                self.copies.pin(arena.address, arena.size, self._device)
                arena.is_pinned = True
        return arena

    def _make(self, size: int) -> None:
        arena = self._new(size)
        arena.touch()
        with self._change:
            self._growing = False
            self._free.append(arena)
            self._change.notify_all()

    def give_back(self, snapshot: Snapshot) -> None:
        """Use an arena again whose snapshot is written."""
        with self._change:
            if snapshot.arena.is_small:
                self._small_bytes -= snapshot.arena.size
            else:
                self._taken -= 1
                self._free.append(snapshot.arena)
            self._change.notify_all()
