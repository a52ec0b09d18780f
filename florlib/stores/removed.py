"""The highest number of a name's removed runs, in `removed.json`: no later run gets it again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from florlib.stores.atomic import write_json

VERSION = 1


def last_removed(path: Path) -> int:
    """The highest number of a removed run; 0 where none was, or where the file cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(path.read_text(encoding="utf-8"))["last_ordinal"])
    return 0


def note_removed(path: Path, ordinal: int) -> None:
    """Note that the run of a number goes; the caller keeps others from it meanwhile.

    Raises:
        OSError: see `write_json`.
    """
    if ordinal > last_removed(path):
        write_json(path, {"format": VERSION, "last_ordinal": ordinal})
