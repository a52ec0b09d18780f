"""Copies of the files that an interrupted run wrote, made before it goes on and may write them anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 1 << 30  # in all; larger files are left out, and named


@dataclass(slots=True)
class Keepsakes:
    """The copies.

    Attributes:
        project: whose files they are.
        folder: where they lie, by their paths.
        sizes: by path, bytes of each copy.
        left_out: those that were too large.
    """

    project: Path
    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, project: Path, paths: Iterable[str], folder: Path) -> Keepsakes:
        """Copy files, as far as they are there; none is copied twice.

        Raises:
            OSError: one cannot be copied.
        """
        made, free = cls(project, folder), MOST_BYTES
        for path in sorted(set(paths)):
            source, target = project / path, folder / path
            if not source.is_file() or source.is_symlink():
                continue
            size = source.stat().st_size
            if size > free:
                made.left_out.append(path)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            made.sizes[path], free = size, free - size
        return made

    def shorter_now(self) -> list[str]:
        """The files that have lost something of what they held, as by being opened to be written."""
        return [path for path, size in self.sizes.items() if self._size(path) < size]

    def _size(self, path: str) -> int:
        with suppress(OSError):
            return (self.project / path).stat().st_size
        return 0
