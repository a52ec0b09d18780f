"""What git tracks, read from the user's index, which is never written here."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dulwich.errors import ChecksumMismatch
from dulwich.index import (
    EXTENDED_FLAG_INTEND_TO_ADD,
    FLAG_VALID,
    ConflictedIndexEntry,
    Index,
    IndexEntry,
    UnsupportedIndexFormat,
)
from dulwich.objects import ObjectID
from dulwich.repo import Repo

from florlib.ground.errors import VersionNotSaved
from florlib.stores.versions.configuration import configuration
from florlib.stores.versions.gitcli import git
from florlib.stores.versions.staged import Staged, TrackedPath, read_staged

FOLDER, GITLINK, LINK, EXECUTABLE, PLAIN = 0o040000, 0o160000, 0o120000, 0o100755, 0o100644

ATTRIBUTES = b".gitattributes"

Entry = tuple[int, ObjectID]
"""Mode and object id of one path in a tree."""

# A file written this shortly before the index may have been written again in the same tick of the
# clock, with neither its size nor its times changed; the coarsest common tick is 10 ms (HZ=100).
RACY_MARGIN_NS = 20_000_000

_KIND = 0o170000  # of the bits of a mode, those that stat.S_IFMT takes

_UNREADABLE = (ChecksumMismatch, UnsupportedIndexFormat, ValueError, AssertionError, struct.error)


class Tracked:
    """All paths of the index, and the settings by which they are compared with files.

    The index is read when one of its paths is asked for first, which may raise `VersionNotSaved`.

    Args:
        read: gives the entries.
        stamp: what tells one state of the index file from another.
        written_ns: when the index file was written.
        file_mode: core.filemode: the executable bit counts.
        trust_ctime: core.trustctime.
    """

    def __init__(
        self,
        read: Callable[[], Staged],
        stamp: tuple[int, ...],
        written_ns: int,
        file_mode: bool,
        trust_ctime: bool,
    ) -> None:
        self._read = read
        self.stamp, self.written_ns = stamp, written_ns
        self.file_mode, self.trust_ctime = file_mode, trust_ctime

    @cached_property
    def _staged(self) -> Staged:
        return self._read()

    @property
    def paths(self) -> dict[bytes, TrackedPath]:
        """By path relative to the root."""
        return self._staged.paths

    @property
    def trees(self) -> dict[bytes, ObjectID]:
        """Of folders that git has written as they are staged now."""
        return self._staged.trees

    @cached_property
    def folders(self) -> frozenset[bytes]:
        """Every folder with a tracked path somewhere below it."""
        return frozenset(folders_of(self.paths))

    @cached_property
    def sparse(self) -> dict[bytes, TrackedPath]:
        """What a sparse checkout leaves out of the working tree."""
        return {path: known for path, known in self.paths.items() if known.sparse}

    @cached_property
    def has_attributes(self) -> bool:
        """Whether one of them is a .gitattributes."""
        return hold_attributes(self.paths)

    def below(self, folder: bytes) -> Iterator[tuple[bytes, Entry]]:
        """The tracked paths below a folder."""
        prefix = folder + b"/"
        for path, known in self.paths.items():
            if path.startswith(prefix):
                yield path, (known.mode, known.sha)

    def mode(self, path: bytes, status: os.stat_result) -> int:
        """The mode that git gives to a regular file or a symbolic link."""
        if stat.S_ISLNK(status.st_mode):
            return LINK
        if self.file_mode:
            return EXECUTABLE if status.st_mode & stat.S_IXUSR else PLAIN
        known = self.paths.get(path)
        return known.mode if known and stat.S_ISREG(known.mode) else PLAIN

    def unchanged(self, known: TrackedPath, status: os.stat_result) -> bool:
        """Whether the stat data of a file have not changed since it was staged.

        The comparison is git's (read-cache.c, ie_match_stat), with a margin for racy timestamps.
        """
        modified = known.modified_ns
        differs = known.mode ^ status.st_mode
        return (
            modified == status.st_mtime_ns
            and modified + RACY_MARGIN_NS < self.written_ns
            and (known.changed_ns == status.st_ctime_ns or not self.trust_ctime)
            and known.size == status.st_size & 0xFFFFFFFF
            and known.size > 0
            and known.inode == status.st_ino & 0xFFFFFFFF
            and known.comparable
            and not differs & _KIND
            and not (differs & stat.S_IXUSR and self.file_mode and known.mode != LINK)
        )


NOTHING_TRACKED = Tracked(lambda: Staged({}, {}), (), 0, True, True)


def tracked_by(repo: Repo, root: Path) -> Tracked:
    """The index of a work tree."""
    index = Path(repo.controldir()) / "index"
    stamp: tuple[int, ...] = ()
    with suppress(OSError):
        status = index.stat()
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
    config = configuration(repo)
    return Tracked(
        lambda: _read(index, repo, root) if stamp else Staged({}, {}),
        stamp,
        stamp[0] if stamp else 0,
        config.get_boolean((b"core",), b"filemode", True) is True,
        config.get_boolean((b"core",), b"trustctime", True) is True,
    )


def hold_attributes(paths: Iterable[bytes]) -> bool:
    """Whether one of the paths is a .gitattributes.

    >>> hold_attributes([b"a", b"b/.gitattributes"]), hold_attributes([b"a.gitattributes"])
    (True, False)
    """
    ending = b"/" + ATTRIBUTES
    return any(path == ATTRIBUTES or path.endswith(ending) for path in paths)


def folders_of(paths: Iterable[bytes]) -> set[bytes]:
    """Every folder above some of the paths, the root left out.

    >>> sorted(folders_of([b"a/b/c", b"a/d", b"e"]))
    [b'a', b'a/b']
    """
    found: set[bytes] = set()
    last = b""
    for path in paths:
        folder = path.rpartition(b"/")[0]
        if folder == last:
            continue
        last = folder
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]
    return found


def _read(index: Path, repo: Repo, root: Path) -> Staged:
    """Read an index.

    Raises:
        VersionNotSaved: dulwich cannot read its format, and there is no git to do it.
    """
    algorithm = repo.object_format.new_hash

    def digest(content: bytes) -> bytes:
        state = algorithm()
        state.update(content)
        return bytes(state.digest())

    try:
        found = read_staged(index.read_bytes(), digest)
        return found or Staged(dict(_from_index(Index(str(index)), repo)), {})
    except _UNREADABLE as error:
        listed = git("ls-files", "-s", "-t", "-z", folder=root)
        if listed is None:
            raise VersionNotSaved(
                f"{index} has a format that only git itself can read",
                hint="install git, or run `git update-index --no-split-index --index-version 2`",
            ) from error
        return Staged(dict(_from_listing(listed)), {})


def _from_index(index: Index, repo: Repo) -> Iterator[tuple[bytes, TrackedPath]]:
    for path, entry in index.items():
        if isinstance(entry, ConflictedIndexEntry):
            side = entry.this or entry.other or entry.ancestor
            if side is not None:
                yield path, TrackedPath(side.mode, side.sha)
        elif entry.is_sparse_dir(path):
            for each in repo.object_store.iter_tree_contents(entry.sha):
                assert each.path is not None and each.mode is not None and each.sha is not None
                yield path + each.path, TrackedPath(each.mode, each.sha, sparse=True)
        else:
            yield path, _from_entry(entry)


def _from_entry(entry: IndexEntry) -> TrackedPath:
    # Assume-unchanged and skip-worktree tell git not to look; a version holds what is really there.
    hidden = entry.flags & FLAG_VALID or entry.skip_worktree
    pending = entry.extended_flags & EXTENDED_FLAG_INTEND_TO_ADD
    return TrackedPath(
        entry.mode,
        entry.sha,
        _nanoseconds(entry.mtime),
        _nanoseconds(entry.ctime),
        entry.ino,
        entry.size,
        comparable=not hidden and not pending,
        sparse=entry.skip_worktree,
    )


def _from_listing(listed: bytes) -> Iterator[tuple[bytes, TrackedPath]]:
    """Read `git ls-files -s -t -z`: "tag mode sha stage TAB path", S being skip-worktree."""
    for line in listed.split(b"\0"):
        if line:
            words, _, path = line.partition(b"\t")
            tag, mode, sha, _ = words.split()
            yield path, TrackedPath(int(mode, 8), ObjectID(sha), sparse=tag == b"S")


def _nanoseconds(time: float | tuple[int, int]) -> int:
    if isinstance(time, tuple):
        return time[0] * 1_000_000_000 + time[1]
    return int(time * 1_000_000_000)
