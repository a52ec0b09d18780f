"""Which files were written while a prompt was open, by what was typed there."""

from __future__ import annotations

from collections.abc import Sequence

from florlib.runtime.guard import os

_Stamps = dict[str, tuple[int, int, int]]


class Written:
    """Looks at the sandboxes of a replay as its prompt opens and as the script goes on.

    Not by what is opened: libraries write by ways of their own.

    Args:
        folders: the sandboxes.

    Attributes:
        paths: absolute, of what was written at the prompt.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self.paths: dict[str, None] = {}
        self._folders = folders
        self._before: _Stamps = {}

    def opens(self) -> None:
        """The prompt opens."""
        self._before = self._stamps()

    def goes_on(self) -> None:
        """The prompt is left, or the script goes on."""
        for path, stamp in self._stamps().items():
            if self._before.get(path) != stamp:
                self.paths[path] = None

    def _stamps(self) -> _Stamps:
        found = {}
        for folder in self._folders:
            for root, _, names in os.walk(folder):
                for name in names:
                    path = os.path.join(root, name)
                    stat = os.lstat(path)
                    found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return found
