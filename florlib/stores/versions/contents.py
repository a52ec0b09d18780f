"""The tree of a project: every file of the working tree that belongs to a version, as objects."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.repo import Repo

from florlib.stores.versions import filters, policy
from florlib.stores.versions.ignore import rules_of
from florlib.stores.versions.objects import ObjectWriter, UnreadableFile, read_file
from florlib.stores.versions.tracked import Entry, Tracked, folders_of
from florlib.stores.versions.version import Skip
from florlib.stores.versions.walk import Listing, WorkFile, walk

# Larger files are hashed and compressed as they are read, never held in memory.
STREAM_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Contents:
    """A saved tree, and what it lacks."""

    tree: ObjectID
    skipped: tuple[Skip, ...]


def save_contents(
    repo: Repo, writer: ObjectWriter, root: Path, tracked: Tracked, without: frozenset[Path]
) -> Contents:
    """Write the working tree below `root` to the object store of `repo`.

    Args:
        repo: gives settings, outer ignore rules and filters, and takes the objects.
        writer: of the same repository.
        root: the working tree.
        tracked: its index; `NOTHING_TRACKED` where there is none.
        without: folders to leave out silently.

    Raises:
        OSError: the object store cannot be written.
    """
    listing = walk(root, tracked, rules_of(repo), without)
    admitted, refused = policy.admit(listing.untracked)
    files = listing.tracked + [file for file in listing.untracked if file.path in admitted]
    adder = _Adder(repo, writer, root, tracked)
    adder.entries.update(listing.entries)
    adder.add(files, listing)
    adder.keep_sparse(listing.unchanged)
    tree = _tree(writer, tracked, adder.entries, listing.unchanged)
    writer.flush()
    return Contents(tree, policy.by_folder(listing.skips + refused + adder.skips))


def _tree(
    writer: ObjectWriter,
    tracked: Tracked,
    looked_at: Mapping[bytes, Entry],
    unchanged: Sequence[bytes],
) -> ObjectID:
    """The tree of entries that were looked at, and of files that are as they were staged."""
    whole = tracked.trees.get(b"")
    if not looked_at and len(unchanged) == len(tracked.paths) and whole and writer.holds(whole):
        return whole
    entries = {path: tracked.paths[path][:2] for path in unchanged}
    entries.update(looked_at)
    return writer.add_tree(entries, _staged_trees(tracked, entries, looked_at.keys()))


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
        self._normalizer: filters.Normalizer | None = None

    def add(self, files: Sequence[WorkFile], listing: Listing) -> None:
        """Add files by reading them."""
        unread = list(files)
        # A private store converts nothing: it exists to give back the same bytes.
        if unread and not self.repo.bare:
            # git falls back on the staged .gitattributes where the file is gone.
            attributes = [filters.ATTRIBUTES] if listing.has_attributes else self.tracked.paths
            if filters.may_apply(self.repo, attributes):
                unread = self._convert(unread)
        for file in unread:
            self._add(file)

    def keep_sparse(self, unchanged: Sequence[bytes]) -> None:
        """Keep what a sparse checkout has left out of the working tree."""
        sparse = {path: known for path, known in self.tracked.paths.items() if known.sparse}
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
        return os.path.join(os.fsencode(self.root), file.path)


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
