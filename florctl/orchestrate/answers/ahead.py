"""What a harvest has done ahead: other processes digest the journals that it will come to.

Reading a journal is most of the work, and needs no database. So where there is much to read, this
process only puts into the tables what others have digested.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from florctl.orchestrate.answers.pieces import Piece
from florlib.ground.layout import REPLAYS, journals_among, names_in
from florlib.stores.catalog import marks

if TYPE_CHECKING:
    from florctl.orchestrate.answers.digester import Digester, Written

MUCH_BYTES = 16 << 20
"""Of journals that were never read: 400,000 values, over two seconds. To start a process takes 0.1."""

MOST_PROCESSES = 4
"""More would have to wait for the one that writes."""

IN_LINE = 64
"""Journals that a process is given beyond the one that is waited for."""


class _Journal(NamedTuple):
    path: str
    is_replay: bool


class Ahead:
    """Hands journals to other processes, in the order in which they will be asked for.

    Args:
        home: FLOR_HOME.
        connection: the catalog.
        folders: of the runs that will be taken in, below FLOR_HOME, in order.
    """

    def __init__(self, home: Path, connection: sqlite3.Connection, folders: Iterable[str]) -> None:
        self._home = home
        self._connection = connection
        self._further = self._unread(folders)
        self._line: dict[str, _Journal] = {}  # looked at, and handed to nobody
        self._holders: dict[str, Digester] = {}
        self._digesters: list[Digester] = []
        self._bytes = 0
        self._cores = _usable_cores()

    def close(self) -> None:
        """End the other processes, whatever they are at."""
        for digester in self._digesters:
            digester.close()

    def pieces(self, path: str, written: Written) -> Iterator[Piece]:
        """The pieces of a journal from its beginning, as far as they were digested ahead.

        Args:
            path: of the journal.
            written: its size [bytes] and mtime [ns]; of one that was written to since, none come.
        """
        self._hand_out()
        digester = self._holders.pop(path, None)
        if digester is not None:
            yield from digester.pieces(path, written)
        elif path in self._line:
            # What stands before it in line is not asked for any more.
            while self._line.pop(next(iter(self._line))).path != path:
                pass

    def _hand_out(self) -> None:
        if not self._digesters:
            self._see_whether_much()
        while self._digesters:
            digester = min(self._digesters, key=lambda one: one.waiting)
            journal = self._next() if digester.waiting < IN_LINE else None
            if journal is None:
                return
            digester.ask(journal.path, is_replay=journal.is_replay)
            self._holders[journal.path] = digester

    def _see_whether_much(self) -> None:
        if self._cores < 2:
            return
        while self._bytes < MUCH_BYTES:
            journal = next(self._further, None)
            if journal is None:
                return
            self._line[journal.path] = journal
        from florctl.orchestrate.answers.digester import Digester

        try:
            for _ in range(min(MOST_PROCESSES, self._cores)):
                self._digesters.append(Digester())
        except OSError:  # no further process can be had: those that there are do it, or this one
            self._cores = 1

    def _next(self) -> _Journal | None:
        if self._line:
            return self._line.pop(next(iter(self._line)))
        return next(self._further, None)

    def _unread(self, folders: Iterable[str]) -> Iterator[_Journal]:
        """The journals that were never read; as long as it matters, their size is added up."""
        for folder in folders:
            for name, is_replay in _journals(self._home, folder):
                if marks.mark_of(self._connection, name) is None:
                    path = f"{self._home}/{name}"
                    self._bytes += 0 if self._digesters else _size(path)
                    yield _Journal(path, is_replay)


def _journals(home: Path, folder: str) -> Iterator[tuple[str, bool]]:
    """The journals of a run and of its replays, named from FLOR_HOME on, in the order of their intake."""
    names = names_in(f"{home}/{folder}")
    for name in journals_among(names):
        yield f"{folder}/{name}", False
    if REPLAYS in names:
        for replay in sorted(names_in(f"{home}/{folder}/{REPLAYS}")):
            below = f"{folder}/{REPLAYS}/{replay}"
            for name in journals_among(names_in(f"{home}/{below}")):
                yield f"{below}/{name}", True


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # it is gone
        return 0


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
