"""The standard streams of a script that a person looks into: not shown until a prompt opens.

The descriptors are led elsewhere, and Python's own stream objects stay: what a script holds of them,
and what its libraries and children write, goes the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from florlib.runtime.guard import os

_IN, _OUT, _ERR = 0, 1, 2


class Streams:
    """The standard streams of this process.

    Args:
        output: the file that has what is not shown.
    """

    def __init__(self, output: Path) -> None:
        self._own = {number: os.dup(number) for number in (_IN, _OUT, _ERR)}
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(self._nothing, _IN)
        self._lead(output, _OUT, _ERR)

    def show(self, said: Path | None) -> None:
        """From now on, what is written is shown; standard output goes to a file where one is given."""
        _flush()
        if said is not None:
            self._lead(said, _OUT)
        else:
            os.dup2(self._own[_OUT], _OUT)
        os.dup2(self._own[_ERR], _ERR)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Read from the person meanwhile; the script itself reads nothing."""
        os.dup2(self._own[_IN], _IN)
        try:
            yield
        finally:
            _flush()
            os.dup2(self._nothing, _IN)

    def _lead(self, path: Path, *numbers: int) -> None:
        """Lead descriptors to a file."""
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        for number in numbers:
            os.dup2(opened, number)
        os.close(opened)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the script's own class, for one
            stream.flush()
