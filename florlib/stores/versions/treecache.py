"""What the last version found in each folder of the working tree, so that the next one reads only what is new.

A folder whose names and stat data are as they were has the tree that it had. Nothing here is needed:
whatever is missing, damaged or in doubt is found out anew.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from dulwich.repo import Repo

from florlib import __version__
from florlib.stores.versions.configuration import configuration
from florlib.stores.versions.tracked import RACY_MARGIN_NS, Tracked

_MAGIC = b"flor tree cache 1\n"
_STAT = attrgetter("st_mtime_ns", "st_ctime_ns", "st_size", "st_ino", "st_mode")
STAT_FIELDS = 5
STAT_BYTES = 8 * STAT_FIELDS

# Sections of git's configuration that say how files are compared and converted.
_SETTINGS = frozenset((b"core", b"extensions", b"filter"))

# What a name in a folder is to a version; the capital ones are untracked files that .florignore asks for.
TRACKED, SAVED, REFUSED, NOTHING = b"t"[0], b"u"[0], b"r"[0], b"-"[0]
SAVED_ON_REQUEST, REFUSED_ON_REQUEST = b"U"[0], b"R"[0]
UNTRACKED = bytes((SAVED, REFUSED, SAVED_ON_REQUEST, REFUSED_ON_REQUEST))
_PLAIN, _ON_REQUEST = (SAVED, REFUSED), (SAVED_ON_REQUEST, REFUSED_ON_REQUEST)
_JUDGED = {role: pair for pair in (_PLAIN, _ON_REQUEST) for role in pair}


class CachedFolder(NamedTuple):
    """One folder as it was.

    Attributes:
        names: all that it held, in the order of the file system, joined by NUL.
        watched: for each name 1 where its stat data count, else 0.
        kinds: for each other name 1 where it was a folder, else 0.
        roles: for each watched name what it was.
        stats: of the watched ones, `packed`.
        inside: folders to enter: name, whether for tracked files alone, whether asked for.
        links: nested repositories that git tracks: name, the commit that is staged.
        tracked_only: it was entered for tracked files alone.
        included: `.florignore` asks for it.
        left_out: why it was not entered, empty for a repository of its own; None where it was.
        has_attributes: a .gitattributes is in it.
        tree: None where nothing of it was saved.
    """

    names: bytes
    watched: bytes
    kinds: bytes
    roles: bytes
    stats: bytes
    inside: tuple[tuple[bytes, bool, bool], ...]
    links: tuple[tuple[bytes, bytes], ...]
    tracked_only: bool
    included: bool
    left_out: str | None
    has_attributes: bool
    tree: bytes | None

    def watched_names(self) -> list[bytes]:
        """The names whose stat data count."""
        names = self.names.split(b"\0") if self.names else []
        return list(compress(names, self.watched))

    def judged(self, refused: Set[bytes], prefix: bytes) -> CachedFolder:
        """The same with other untracked files refused.

        Args:
            refused: their paths.
            prefix: the path of the folder, with its slash.
        """
        if not self.roles.strip(b"t-"):
            return self
        roles = bytearray(self.roles)
        for at, name in enumerate(self.watched_names()):
            if roles[at] in UNTRACKED:
                saved, left = _JUDGED[roles[at]]
                roles[at] = left if prefix + name in refused else saved
        return self._replace(roles=bytes(roles))

    def stat_of(self, name: bytes) -> bytes | None:
        """The stat data of a watched name; None where there is none such."""
        try:
            at = self.watched_names().index(name) * STAT_BYTES
        except ValueError:
            return None
        return self.stats[at : at + STAT_BYTES]


def packed(statuses: Iterable[os.stat_result]) -> bytes:
    """The stat data by which git, too, takes files for unchanged: times, size, inode, mode.

    Raises:
        OverflowError: one of them needs more than 63 bits.
    """
    return array("q", list(chain.from_iterable(map(_STAT, statuses)))).tobytes()


def differing(before: bytes, now: bytes) -> list[int]:
    """The positions at which two packed sequences of equal length differ."""
    steps = range(0, len(now), STAT_BYTES)
    return [
        at // STAT_BYTES
        for at in steps
        if before[at : at + STAT_BYTES] != now[at : at + STAT_BYTES]
    ]


def is_racy(stats: bytes, begun_ns: int) -> bool:
    """Whether one of the files is so young that it may change without its stat data changing."""
    fields = array("q", stats)
    youngest = max(fields[0::STAT_FIELDS] + fields[1::STAT_FIELDS], default=0)
    return youngest + RACY_MARGIN_NS >= begun_ns


@dataclass(frozen=True, slots=True)
class TreeCache:
    """All folders of one working tree.

    Attributes:
        path: of the file.
        fingerprint: of all that decides beside the working tree; another one makes the cache void.
        folders: by path, as tuples.
        has_attributes: git tracks a .gitattributes somewhere.
    """

    path: Path
    fingerprint: bytes
    folders: Mapping[bytes, tuple[object, ...]]
    has_attributes: bool = False

    def get(self, folder: bytes) -> CachedFolder | None:
        """A folder as it was."""
        found = self.folders.get(folder)
        return None if found is None else CachedFolder(*found)  # type: ignore[arg-type]

    def emptied(self) -> TreeCache:
        """The same without anything in it."""
        return TreeCache(self.path, self.fingerprint, {})


def read_cache(repo: Repo, fingerprint: bytes) -> TreeCache:
    """What the last version left; empty where that is not to be used."""
    path = Path(repo.controldir()) / "flor" / "tree.cache"
    empty = TreeCache(path, fingerprint, {})
    try:
        content = path.read_bytes()
    except OSError:
        return empty
    start = len(_MAGIC) + 4
    checksum = int.from_bytes(content[len(_MAGIC) : start], "big")
    if not content.startswith(_MAGIC) or zlib.crc32(content[start:]) != checksum:
        return empty
    try:
        found, has_attributes, folders = marshal.loads(content[start:])
    except (EOFError, TypeError, ValueError):
        return empty
    if found != fingerprint:
        return empty
    return TreeCache(path, fingerprint, folders, has_attributes)


def write_cache(cache: TreeCache, folders: Mapping[bytes, CachedFolder], attributes: bool) -> None:
    """Put other folders in the place of those of a cache; where that cannot be, the old ones stay."""
    rows = {path: tuple(folder) for path, folder in folders.items()}
    if rows == cache.folders and attributes == cache.has_attributes:
        return
    body = marshal.dumps((cache.fingerprint, attributes, rows))
    aside = cache.path.with_name(f"{cache.path.name}.{os.getpid()}")
    with suppress(OSError):
        aside.write_bytes(_MAGIC + zlib.crc32(body).to_bytes(4, "big") + body)
        os.replace(aside, cache.path)


def clock_ns(cache: TreeCache) -> int | None:
    """The time now by the clock of the file system, which that of the processor may be ahead of.

    Returns:
        None where nothing can be written beside the cache.
    """
    aside = cache.path.with_name(f"{cache.path.name}.{os.getpid()}")
    try:
        cache.path.parent.mkdir(exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)
            os.unlink(aside)
    except OSError:
        return None


def fingerprint_of(
    repo: Repo, root: Path, tracked: Tracked, files: Sequence[str], without: frozenset[Path]
) -> bytes:
    """A digest of all that decides on a version beside what lies in the working tree.

    Args:
        repo: whose settings count.
        root: the working tree.
        tracked: whose index must be the same.
        files: with rules and attributes, outside of the working tree.
        without: folders that are left out.
    """
    settings = [
        (section, list(backend.items(section)))
        for backend in configuration(repo).backends
        for section in backend.sections()
        if section[0].lower() in _SETTINGS
    ]
    parts = (
        (__version__, sys.version_info[:2], os.fsencode(root), tracked.stamp, settings),
        [(path, _stamp(path)) for path in files],
        sorted(map(os.fsencode, without)),
    )
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogateescape")).digest()


def _stamp(path: str) -> bytes | None:
    try:
        return packed([os.stat(path)])
    except (OSError, OverflowError):
        return None
