"""What lies around a sandbox: links to what lies beside the project, and beside each folder above it.

A script that opens `../data/digits.npz`, or looks from its own `__file__` upward, finds it there.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path

MOST_NAMES = 500
"""Of a folder whose content is linked: /tmp, or the folder of all homes, can hold many thousands."""


def surround(
    standin: Path,
    folder: Path,
    around: Path,
    *,
    instead: dict[Path, Path],
    without: Collection[Path],
) -> None:
    """Link what lies beside a folder, and beside those above it.

    Args:
        standin: of the folder; it lies below `around`.
        folder: the user's own, symbolic links resolved.
        around: stands for the root of the file system.
        instead: stand-ins of other folders, to be linked in their place.
        without: folders that are left out.

    Raises:
        OSError: it cannot be written.
    """
    while standin != around and folder != folder.parent:
        for name in _names_in(folder.parent):
            path, link = folder.parent / name, standin.parent / name
            if path != folder and path not in without and not os.path.lexists(link):
                link.symlink_to(instead.get(path, path))
        standin, folder = standin.parent, folder.parent


def _names_in(folder: Path) -> list[str]:
    """The names in a folder; none where they are many, or not ours to look into."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_NAMES + 1)]
    except OSError:
        return []
    return names if len(names) <= MOST_NAMES else []


def clear_around(standin: Path, around: Path) -> None:
    """Remove the links, and folders in which nothing is left."""
    while standin != around:
        standin = standin.parent
        with suppress(OSError):  # the script took the folder away, or its permissions
            for path in standin.iterdir():
                if path.is_symlink():
                    path.unlink()
            standin.rmdir()
