"""Which earlier files a checkpoint refers to for contents that it shares with them.

Three files are looked at. The *first* of a process is never dropped, and is the keyframe of what
never changes. The *latest* is the companion of the one that follows: nothing trains between the end
of a nested loop and the boundary behind it. And where a large part of a checkpoint was found in
the latest file again, that file is *promoted* to a keyframe until as much is found elsewhere: what
was frozen later than at the first checkpoint is written once as well.

A reference always leads to the file that holds the bytes, and no further.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

Key = tuple[str, int]
"""(digest, bytes) of a content."""
Contents = Mapping[Key, tuple[str, str]]
"""Where contents lie: (file, tensor)."""

WORTH_SHARE = 0.3  # of a checkpoint's bytes, from which on it is tied to another file


@dataclass(slots=True)
class Keyframes:
    """The files of one process that its next checkpoint may refer to.

    Args:
        exists: whether a file of the folder is still there: what was promoted may be dropped.
    """

    exists: Callable[[str], bool]
    _first: Contents | None = None
    _promoted: Contents = field(default_factory=dict)
    _latest: Contents = field(default_factory=dict)

    @property
    def contents(self) -> Contents:
        """What the three files hold, all of which are there as yet."""
        return {**self._latest, **self._promoted, **(self._first or {})}

    def refer(self, keys: Collection[Key]) -> Contents:
        """What a checkpoint of these contents is to take from other files; noted for the next."""
        if not all(self.exists(file) for file in {file for file, _ in self._promoted.values()}):
            self._promoted = {}
        worth = WORTH_SHARE * sum(length for _, length in keys)
        found = _among(keys, self._first or {})
        rest = [key for key in keys if key not in found]
        promoted = _among(rest, self._promoted)
        latest = _among([key for key in rest if key not in promoted], self._latest)
        if not latest or _bytes(latest) < worth:
            latest = {}
        elif _bytes(promoted) < worth:
            self._promoted = self._latest
        return {**found, **promoted, **latest}

    def published(self, holds: Contents) -> None:
        """A checkpoint is on disk, and holds these contents itself."""
        if self._first is None:
            self._first = holds
        else:
            self._latest = holds


def _among(keys: Collection[Key], contents: Contents) -> Contents:
    return {key: contents[key] for key in keys if key in contents}


def _bytes(contents: Contents) -> int:
    return sum(length for _, length in contents)
