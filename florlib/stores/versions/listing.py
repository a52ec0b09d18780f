"""What a walk over a working tree finds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import NamedTuple

from florlib.stores.versions.looked import Looked
from florlib.stores.versions.tracked import Entry
from florlib.stores.versions.treecache import CachedFolder
from florlib.stores.versions.version import Skip


class WorkFile(NamedTuple):
    """A regular file or a symbolic link.

    Attributes:
        path: relative to the root.
        status: of the link itself where it is one.
        included: `.florignore` asks for it by name.
    """

    path: bytes
    status: os.stat_result
    included: bool

    @property
    def size(self) -> int:
        """In bytes."""
        return self.status.st_size


@dataclass(slots=True)
class Listing:
    """What a walk found.

    Attributes:
        unchanged: paths of tracked files that are as they were staged.
        tracked: other files that git tracks.
        untracked: files that git does not track and no rule ignores.
        entries: tree entries that need no file: nested repositories, and what was staged below
            folders that cannot be read.
        skips: what was not entered.
        has_attributes: some folder holds a .gitattributes.
        cached: folders that are as the last version found them, but for files that are listed here.
        settled: untracked files that are in the trees of those.
        touched: paths of files in those that are not as they were.
        stats: of those folders in which some are.
        looked: the other folders.
        gone: folders that are there no more, or cannot be read.
    """

    unchanged: list[bytes] = field(default_factory=list)
    tracked: list[WorkFile] = field(default_factory=list)
    untracked: list[WorkFile] = field(default_factory=list)
    entries: dict[bytes, Entry] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    has_attributes: bool = False
    cached: dict[bytes, CachedFolder] = field(default_factory=dict)
    settled: set[bytes] = field(default_factory=set)
    touched: set[bytes] = field(default_factory=set)
    stats: dict[bytes, bytes] = field(default_factory=dict)
    looked: dict[bytes, Looked] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
