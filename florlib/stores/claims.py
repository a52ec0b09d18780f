"""What the workers of a replay have taken on: each piece of work is taken once, by whoever comes first.

A claim is a symbolic link that leads to the worker's number: the system makes one whole or not at all,
and refuses a second of the same name, on network file systems too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# Private copies, because scripts that are being replayed replace functions of os.
_listdir, _readlink, _symlink, _unlink = os.listdir, os.readlink, os.symlink, os.unlink


class Claims:
    """The claims of one replay.

    Args:
        folder: that holds them; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, piece: str, worker: int) -> bool:
        """Take a piece of work for a worker; False where one has it already."""
        try:
            _symlink(str(worker), self._folder / piece)
        except FileExistsError:
            return False
        return True

    def taken(self) -> dict[str, int]:
        """By piece, the number of the worker that has taken it."""
        found = {}
        for piece in _listdir(self._folder):
            with suppress(FileNotFoundError):  # given back meanwhile
                found[piece] = int(_readlink(self._folder / piece))
        return found

    def give_back(self, piece: str) -> None:
        """Have a piece free again, to be taken by another worker."""
        _unlink(self._folder / piece)
