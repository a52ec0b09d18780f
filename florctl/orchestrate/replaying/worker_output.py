"""What a replayed script printed before it failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TAIL_LINES = 12  # shown to explain a failure
# What torch, numpy and Python say where memory was asked for in vain.
_MEMORY = re.compile(r"OutOfMemoryError|MemoryError|can't allocate memory|out of memory")


def tail(path: Path) -> list[str]:
    """The last lines of a worker's output."""
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")
        return text.splitlines()[-TAIL_LINES:]
    return []


def tells_of_memory(lines: Iterable[str]) -> bool:
    """Whether a script failed for want of memory."""
    return any(_MEMORY.search(line) for line in lines)
