"""Work on memory that several cores share: what lets the GIL go, a piece at a time.

The thread that asks does its part, and waits for no helper that has not come to begin: where the
other cores are busy, it does all of it. The helpers are no threads of `threading`, so the script
neither counts them nor traces them, and none is left when the call returns.
"""

from __future__ import annotations

import ctypes
from _thread import start_new_thread
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Condition
from typing import Any

from florlib.runtime.cores import usable_cores

MOST_THREADS = 4
"""Memory is read and written about as fast by this many cores as by all."""

SHARED_FROM_BYTES = 16 << 20
"""To copy; less is done by one thread sooner than others begin."""

PIECE_BYTES = 2 << 20
"""A fifth of a millisecond of copying, which is the longest that is waited for a helper."""

Move = tuple[int, int, int]
"""(address to, address from, bytes)"""

_NONE_LEFT = object()


def move(moves: list[Move]) -> None:
    """Copy memory of this process to other places of it."""
    if sum(length for _, _, length in moves) < SHARED_FROM_BYTES:
        for one in moves:
            ctypes.memmove(*one)
    else:
        in_threads(lambda one: ctypes.memmove(*one), _pieces(moves))


def _pieces(moves: Iterable[Move]) -> list[Move]:
    return [
        (target + at, source + at, min(PIECE_BYTES, length - at))
        for target, source, length in moves
        for at in range(0, length, PIECE_BYTES)
    ]


def in_threads(do: Callable[[Any], object], items: list[Any]) -> None:
    """Do something that lets the GIL go with each item, on several cores.

    Raises:
        Exception: the first that was raised; what other threads had begun is done.
    """
    work = _Work(do, iter(items))
    for _ in range(min(MOST_THREADS, len(items), usable_cores()) - 1):
        with suppress(RuntimeError):  # no more threads can be had: it takes longer
            start_new_thread(work.help, ())
    try:
        work.do_all()
    finally:
        work.settle()
    if work.error is not None:
        raise work.error


class _Work:
    """Items that several threads take from.

    Attributes:
        error: the first that was raised.
    """

    def __init__(self, do: Callable[[Any], object], items: Iterator[Any]) -> None:
        self.error: Exception | None = None
        self._do = do
        self._items = items
        self._helping = 0  # helpers that are at an item
        self._change = Condition()

    def do_all(self) -> None:
        """Do what is left, on the thread that asked."""
        # The iterator of a list gives each item to one thread.
        while (item := next(self._items, _NONE_LEFT)) is not _NONE_LEFT:
            self._do_one(item)

    def help(self) -> None:
        """Do what is left, on another thread."""
        while True:
            with self._change:
                item = next(self._items, _NONE_LEFT)
                self._helping += item is not _NONE_LEFT
            if item is _NONE_LEFT:
                return
            try:
                self._do_one(item)
            finally:
                with self._change:
                    self._helping -= 1
                    self._change.notify()

    def settle(self) -> None:
        """Have nothing more begun, and wait for what helpers have begun.

        What interrupts this waits, too: helpers read memory that the script may free.
        """
        interrupt: BaseException | None = None
        while True:
            try:
                with self._change:
                    self._items = iter(())
                    while self._helping:
                        self._change.wait()
                break
            except BaseException as error:  # noqa: BLE001  # raised again below
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _do_one(self, item: Any) -> None:
        try:
            self._do(item)
        except Exception as error:  # noqa: BLE001  # raised again by the thread that asked
            self.error = self.error or error
            self._items = iter(())
