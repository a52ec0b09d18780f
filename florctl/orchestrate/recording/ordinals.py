"""Ordinals: the numbers that the runs of one name have, from 1, given by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from florlib.ground.layout import RUN_FILE, HomeLayout
from florlib.stores.removed import last_removed

LAST_RUNS = 50
"""Runs that began in one second, or while a clock was put back, are not in the order of their ids."""


@contextmanager
def numbering(folder: Path) -> Iterator[None]:
    """Keep other recordings of the name waiting; where files cannot be locked, hope."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def last_ordinal(folder: Path) -> int:
    """The highest number among the last runs of a name; those of removed runs come not again."""
    found = [last_removed(HomeLayout(folder.parent).removed_file(folder.name))]
    for path in sorted(folder.glob(f"*/{RUN_FILE}"), reverse=True)[:LAST_RUNS]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(int(json.loads(path.read_text(encoding="utf-8"))["ordinal"]))
    return max(found)
