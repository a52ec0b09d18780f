"""Size and time of change of a file: two that are equal tell that it is as it was."""

from __future__ import annotations

import os
import stat

Stamp = tuple[int, int]
"""Bytes, and nanoseconds since 1970."""
SMALL_INPUT_BYTES = 1 << 20
"""Files up to here that a run reads are known by their content as well."""
Left = dict[str, Stamp | bool | None]
"""What files were left as: None where there was none, False where one was written again since."""


def stamp(path: str | os.PathLike[str]) -> Stamp | None:
    """The stamp of a regular file, links followed; None where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return (about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None
