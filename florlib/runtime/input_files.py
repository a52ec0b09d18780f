"""The project files that a run reads and did not write: what they were when it opened them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from xxhash import xxh3_128_hexdigest

from florlib.ground.stamp import SMALL_INPUT_BYTES, Stamp, stamp
from florlib.runtime.guard import open_file, os

MOST_INPUTS = 10_000  # a folder of a million images is known by its first ones
DIGESTED_BYTES = 16 << 20  # in all: training waits for it, ten milliseconds or so


class InputFiles:
    """Notes what files were when they were first opened to be read.

    Args:
        root: of the project.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._stamps: dict[str, Stamp] = {}
        self._told = 0
        self._left_bytes = DIGESTED_BYTES

    def note(self, name: str) -> None:
        """A file of the project is about to be read, by its path from the root."""
        if name not in self._stamps and len(self._stamps) < MOST_INPUTS:
            found = stamp(os.path.join(self._root, name))
            if found is not None:
                self._stamps[name] = found

    def news(self) -> list[list[Any]]:
        """[path, bytes, time of change, digest of a small one] of those that were not told yet."""
        stamps = list(self._stamps.items())
        fresh, self._told = stamps[self._told :], len(stamps)
        return [[name, *found, self._digest(name, found)] for name, found in fresh]

    def _digest(self, name: str, found: Stamp) -> str | None:
        """Of a file that is still as it was opened."""
        path = os.path.join(self._root, name)
        if found[0] > min(SMALL_INPUT_BYTES, self._left_bytes):
            return None
        self._left_bytes -= found[0]
        with suppress(OSError):
            with open_file(path, "rb") as file:
                digest = xxh3_128_hexdigest(file.read())
            return str(digest) if stamp(path) == found else None
        return None
