"""A process that digests journals for a harvest: both ends of the connection to it.

It is a child of its own and no fork, as a harvest may be a small part of a process with threads. It
ends when the other end is closed, and touches nothing but the journals, which it only reads.

Per journal, what comes back is (size [bytes], mtime [ns]) as it was found, its pieces, and None; only
None where the journal cannot be read. Whoever asked then reads it, and so learns why.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.pieces import Piece, read_pieces
from florlib.ground.errors import FlorError
from florlib.ground.launch import VARIABLE
from florlib.stores.collecting import uncollected

Written = tuple[int, int]
"""(size [bytes], mtime [ns]) of a journal."""

NICER = 5
"""Than the one that writes: with fewer cores than processes, that one has to come first."""

AHEAD_BYTES = 4 << 20
"""Of pieces that nobody has taken yet, where the system allows that many: as long as the one that writes
waits for the disk, nobody takes any."""

_ROOT = str(Path(__file__).resolve().parents[3])
# The folder in front, so that no module of the present folder stands in for one of ours.
_PROGRAM = "import sys; sys.path[0] = {root!r}; from florctl.orchestrate.answers.digester import main; main({fd})"


class Digester:
    """The end that asks.

    Raises:
        OSError: no process can be had.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD_BYTES)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(root=_ROOT, fd=theirs.fileno())],
                # It is no part of a run, also where this process is.
                env={name: value for name, value in os.environ.items() if name != VARIABLE},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._talk = Connection(ours.detach())
        self._asked: deque[str] = deque()

    @property
    def waiting(self) -> int:
        """How many journals were asked for and have not come back whole."""
        return len(self._asked)

    def ask(self, path: str, *, is_replay: bool) -> None:
        """Have a journal digested behind those that were asked for before."""
        self._asked.append(path)
        try:
            self._talk.send((path, is_replay))
        except OSError:  # it has ended, and nothing will come
            pass

    def pieces(self, path: str, written: Written) -> Iterator[Piece]:
        """The pieces of a journal that was asked for; what was asked for before it is lost.

        None come where it was written to since; those that do not are for the caller to read.
        """
        while self._asked[0] != path:
            self._skip()
        if self._next() != written:
            return
        while (piece := self._next()) is not None:
            yield piece

    def close(self) -> None:
        """End it, also in the middle of a journal."""
        self._talk.close()
        self._process.kill()
        self._process.wait()

    def _skip(self) -> None:
        while self._next() is not None:
            pass

    def _next(self) -> Any:
        """What comes next of the journal that is first in line; None behind its end."""
        try:
            found = self._talk.recv()
        except (EOFError, OSError):
            found = None
        if found is None:
            self._asked.popleft()
        return found


def main(descriptor: int) -> None:
    """Be the end that is asked, at a descriptor."""
    # Of the same session, as priorities count only there; Ctrl-C ends the harvest, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICER)
    try:
        with Connection(descriptor) as talk, uncollected():
            while True:
                _answer(talk, *talk.recv())
    except (EOFError, OSError):
        return  # the other end is closed


def _answer(talk: Connection, path: str, is_replay: bool) -> None:
    for message in _told(path, is_replay):
        talk.send(message)
    talk.send(None)


def _told(path: str, is_replay: bool) -> Iterator[Written | Piece]:
    try:
        stat = os.stat(path)
        yield stat.st_size, stat.st_mtime_ns
        yield from read_pieces(path, is_replay=is_replay)
    except (OSError, FlorError, ValueError, KeyError, TypeError, IndexError):
        return
