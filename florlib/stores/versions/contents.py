"""The tree of a project: every file of the working tree that belongs to a version, as objects."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.repo import Repo

from florlib.stores.versions import filters, policy
from florlib.stores.versions.ignore import rule_files, rules_of
from florlib.stores.versions.listing import Listing, WorkFile
from florlib.stores.versions.nested import Commits
from florlib.stores.versions.objects import ObjectWriter, UnreadableFile, read_file
from florlib.stores.versions.tracked import FOLDER, Entry, Tracked, folders_of
from florlib.stores.versions.treecache import (
    CachedFolder,
    TreeCache,
    clock_ns,
    fingerprint_of,
    is_racy,
    read_cache,
    write_cache,
)
from florlib.stores.versions.version import Skip
from florlib.stores.versions.walk import walk

# Larger files are hashed and compressed as they are read, never held in memory.
STREAM_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Contents:
    """A saved tree, and what it lacks."""

    tree: ObjectID
    skipped: tuple[Skip, ...]


def save_contents(
    repo: Repo,
    writer: ObjectWriter,
    root: Path,
    tracked: Tracked,
    without: frozenset[Path],
    commit_of: Commits,
) -> Contents:
    """Write the working tree below `root` to the object store of `repo`.

    Args:
        repo: gives settings, outer ignore rules and filters, and takes the objects.
        writer: of the same repository.
        root: the working tree.
        tracked: its index; `NOTHING_TRACKED` where there is none.
        without: folders to leave out silently.
        commit_of: gives the commits of nested repositories.

    Raises:
        OSError: the object store cannot be written.
    """
    files = [*rule_files(repo), *filters.attribute_files(repo)]
    cache = read_cache(repo, fingerprint_of(repo, root, tracked, files, without))
    try:
        return _save(repo, writer, root, tracked, without, commit_of, cache)
    except _TreeGone:
        return _save(repo, writer, root, tracked, without, commit_of, cache.emptied())


class _TreeGone(Exception):
    """The repository no longer has a tree that the cache names, as after `git gc --prune=now`."""


def _save(
    repo: Repo,
    writer: ObjectWriter,
    root: Path,
    tracked: Tracked,
    without: frozenset[Path],
    commit_of: Commits,
    cache: TreeCache,
) -> Contents:
    begun_ns = clock_ns(cache) if writer.apart is None else None
    listing = walk(root, tracked, rules_of(repo), without, commit_of, cache)
    admitted, refused = policy.admit(listing.untracked)
    # Beside the files of this version alone, those of the last one are in its trees already.
    files = listing.tracked + [
        file
        for file in listing.untracked
        if file.path in admitted and file.path not in listing.settled
    ]
    adder = _Adder(repo, writer, root, tracked)
    adder.entries.update(listing.entries)
    has_attributes = cache.has_attributes if listing.cached else None
    adder.add(files, listing, has_attributes)
    if listing.cached:
        trees = _trees_by_cache(writer, tracked, listing, adder.entries, listing.settled - admitted)
    else:
        adder.keep_sparse(listing.unchanged)
        trees = _trees_by_index(writer, tracked, adder.entries, listing.unchanged)
    writer.flush()
    if begun_ns is not None and (listing.cached or not tracked.sparse):
        left = {file.path for file in listing.untracked if file.path not in admitted}
        unread = {os.path.dirname(os.fsencode(skip.path)) for skip in adder.skips}
        found = _found_folders(listing, trees, left, unread, begun_ns)
        if has_attributes is None:
            has_attributes = tracked.has_attributes
        write_cache(cache, found, has_attributes)
    return Contents(trees[b""], policy.by_folder(listing.skips + refused + adder.skips))


def _found_folders(
    listing: Listing,
    trees: Mapping[bytes, ObjectID],
    refused: Set[bytes],
    unread: Set[bytes],
    begun_ns: int,
) -> dict[bytes, CachedFolder]:
    """What the next version may rely on, by folder.

    Args:
        listing: of the working tree.
        trees: by folder.
        refused: untracked files that are left out.
        unread: folders in which some file could not be read.
        begun_ns: when the walk began.
    """
    found: dict[bytes, CachedFolder] = {}
    for folder, before in listing.cached.items():
        stats = listing.stats.get(folder, before.stats)
        now = before._replace(stats=stats, tree=trees.get(folder))
        found[folder] = now.judged(refused, folder + b"/" if folder else b"")
    for folder, looked in listing.looked.items():
        if looked.can_be_kept:
            with suppress(OverflowError):
                prefix = folder + b"/" if folder else b""
                found[folder] = looked.row(trees.get(folder), refused, prefix)
    renewed = listing.stats.keys() | listing.looked.keys()
    for folder in renewed & found.keys():
        if folder in unread or is_racy(found[folder].stats, begun_ns):
            del found[folder]
    return found


def _trees_by_cache(
    writer: ObjectWriter,
    tracked: Tracked,
    listing: Listing,
    looked_at: Mapping[bytes, Entry],
    dropped: Set[bytes],
) -> Mapping[bytes, ObjectID]:
    """Trees by folder, where those of folders that are as they were are taken over.

    Args:
        writer: holds them.
        tracked: the index.
        listing: of the working tree.
        looked_at: the entries that were made anew.
        dropped: untracked files that are in a tree of before, and are not to be any more.

    Raises:
        _TreeGone: it does not.
    """
    stale = listing.touched | dropped
    renewed = {path.rpartition(b"/")[0] for path in (*looked_at, *stale)}
    renewed |= listing.gone | listing.looked.keys()
    renewed |= folders_of(folder + b"/" for folder in renewed)
    if renewed:
        renewed.add(b"")
    entries: dict[bytes, Entry] = {}
    known: dict[bytes, ObjectID] = {}
    for folder, before in listing.cached.items():
        if before.tree is None:
            continue
        if folder not in renewed:
            known[folder] = ObjectID(before.tree)
            continue
        prefix = folder + b"/" if folder else b""
        for name, entry in _entries(writer, ObjectID(before.tree)):
            if entry[0] != FOLDER and prefix + name not in stale:
                entries[prefix + name] = entry
    entries |= {path: tracked.paths[path][:2] for path in listing.unchanged}
    entries |= looked_at
    trees = writer.add_trees(entries, known)
    if trees is None:
        raise _TreeGone
    return trees


def _entries(writer: ObjectWriter, tree: ObjectID) -> list[tuple[bytes, Entry]]:
    found = writer.tree(tree)
    if found is None:
        raise _TreeGone
    return found


def _trees_by_index(
    writer: ObjectWriter,
    tracked: Tracked,
    looked_at: Mapping[bytes, Entry],
    unchanged: Sequence[bytes],
) -> Mapping[bytes, ObjectID]:
    """Trees by folder, of entries that were looked at, and of files that are as they were staged."""
    if not looked_at and len(unchanged) == len(tracked.paths) and b"" in tracked.trees:
        trees = writer.add_trees({}, tracked.trees)
        if trees is not None:
            return trees
    entries = {path: tracked.paths[path][:2] for path in unchanged}
    entries.update(looked_at)
    staged = _staged_trees(tracked, entries, looked_at.keys())
    trees = writer.add_trees(entries, staged)
    if trees is None:  # git has written them, and cleared them away since
        trees = writer.add_trees(entries, {})
    assert trees is not None
    return trees


def _staged_trees(
    tracked: Tracked, entries: Mapping[bytes, Entry], looked_at: Set[bytes]
) -> dict[bytes, ObjectID]:
    """The trees of folders in which all is as git has staged and written it.

    Args:
        tracked: the index.
        entries: of the version, by path.
        looked_at: the paths whose entry need not be the staged one.
    """
    different = set(entries.keys() ^ tracked.paths.keys())
    for path in looked_at & tracked.paths.keys():
        known = tracked.paths[path]
        if entries[path] != (known.mode, known.sha):
            different.add(path)
    if not different:
        return dict(tracked.trees)
    touched = folders_of(different) | {b""}
    return {folder: sha for folder, sha in tracked.trees.items() if folder not in touched}


class _Adder:
    def __init__(self, repo: Repo, writer: ObjectWriter, root: Path, tracked: Tracked) -> None:
        self.repo, self.writer, self.root, self.tracked = repo, writer, root, tracked
        self.entries: dict[bytes, Entry] = {}
        self.skips: list[Skip] = []
        self._start = os.path.join(os.fsencode(root), b"")
        self._normalizer: filters.Normalizer | None = None

    def add(self, files: Sequence[WorkFile], listing: Listing, has_attributes: bool | None) -> None:
        """Add files by reading them.

        Args:
            files: to add.
            listing: that they are in.
            has_attributes: whether git tracks a .gitattributes, which it falls back on where the
                file is gone; None where that has to be found out.
        """
        unread = list(files)
        # A private store converts nothing: it exists to give back the same bytes.
        if unread and not self.repo.bare:
            has_some = (
                listing.has_attributes
                or has_attributes
                or (has_attributes is None and self.tracked.has_attributes)
            )
            if has_some or filters.may_apply(self.repo):
                unread = self._convert(unread)
        for file in unread:
            self._add(file)

    def keep_sparse(self, unchanged: Sequence[bytes]) -> None:
        """Keep what a sparse checkout has left out of the working tree."""
        sparse = self.tracked.sparse
        present = {*unchanged, *self.entries} if sparse else set()
        folders = folders_of(present)
        for path, known in sparse.items():
            replaced = path in present or path in folders
            if not replaced and not (folders_of([path]) & present):
                self.entries[path] = (known.mode, known.sha)

    def _convert(self, files: Sequence[WorkFile]) -> list[WorkFile]:
        """Have git add the regular files; returns those that it did not take."""
        # One file that git cannot read would make it refuse them all.
        paths = [
            file.path
            for file in files
            if stat.S_ISREG(file.status.st_mode) and _is_readable(self._full(file))
        ]
        converted = filters.convert(self.repo, self.root, paths, self.writer.apart)
        if converted is None:
            self._normalizer = filters.Normalizer(self.repo, self.writer)
            return list(files)
        self.entries.update(converted)
        return [file for file in files if file.path not in converted]

    def _add(self, file: WorkFile) -> None:
        try:
            self.entries[file.path] = (self.tracked.mode(file.path, file.status), self._blob(file))
        except FileNotFoundError:
            return  # gone since it was listed, as if it had never been there
        except UnreadableFile:
            known = self.tracked.paths.get(file.path)
            kept = "" if known is None else ", so its staged content was saved"
            if known is not None:
                self.entries[file.path] = (known.mode, known.sha)
            self.skips.append(Skip(os.fsdecode(file.path), f"not readable{kept}", file.size))

    def _blob(self, file: WorkFile) -> ObjectID:
        full = self._full(file)
        if stat.S_ISLNK(file.status.st_mode):
            return self.writer.add(b"blob", _link_target(full))
        if self._normalizer is not None:
            return self._normalizer.add(full, file.path)
        if file.size > STREAM_BYTES:
            return self.writer.add_file(full, file.size)
        return self.writer.add(b"blob", read_file(full))

    def _full(self, file: WorkFile) -> bytes:
        return self._start + file.path


def _link_target(full: bytes) -> bytes:
    try:
        return os.readlink(full)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableFile(os.fsdecode(full)) from error


def _is_readable(full: bytes) -> bool:
    try:
        os.close(os.open(full, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
