"""The walk over a working tree: every file that might belong to a version, none of them opened."""

from __future__ import annotations

import os
import stat
from array import array
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import compress
from operator import not_
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.objects import ObjectID

from florlib.stores.versions import policy
from florlib.stores.versions.ignore import FLOR_RULES, GIT_RULES, Rules, Verdict
from florlib.stores.versions.listing import Listing, WorkFile
from florlib.stores.versions.looked import Looked
from florlib.stores.versions.nested import Commits, Inside
from florlib.stores.versions.tracked import ATTRIBUTES, GITLINK, Tracked
from florlib.stores.versions.treecache import (
    NOTHING,
    REFUSED_ON_REQUEST,
    SAVED,
    SAVED_ON_REQUEST,
    STAT_FIELDS,
    TRACKED,
    UNTRACKED,
    CachedFolder,
    TreeCache,
    differing,
    packed,
)
from florlib.stores.versions.version import Skip

CONTROLS = frozenset((GIT_RULES, FLOR_RULES, ATTRIBUTES))
"""Files that decide about others."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: bytes
    rules: Rules
    tracked_only: bool
    included: bool
    same_rules: bool  # as when the cache was written


def walk(
    root: Path,
    tracked: Tracked,
    rules: Rules,
    without: frozenset[Path],
    commit_of: Commits,
    cache: TreeCache,
) -> Listing:
    """List a working tree, nearest folders first.

    Args:
        root: its absolute path.
        tracked: the user's index.
        rules: those from outside the working tree.
        without: absolute paths of folders to leave out silently: flor's own stores.
        commit_of: gives the commits of nested repositories.
        cache: what the last version found.
    """
    left_out = frozenset(map(os.fsencode, without))
    walker = _Walker(os.fsencode(root), tracked, left_out, commit_of, cache)
    folders = deque([_Folder(b"", rules, tracked_only=False, included=False, same_rules=True)])
    while folders:
        folders.extend(walker.enter(folders.popleft()))
    return walker.listing


class _Walker:
    def __init__(
        self,
        root: bytes,
        tracked: Tracked,
        without: frozenset[bytes],
        commit_of: Commits,
        cache: TreeCache,
    ) -> None:
        self.root = root.rstrip(b"/")
        self.tracked = tracked
        self.without = without
        self.commit_of = commit_of
        self.cache = cache
        self.listing = Listing()

    def enter(self, folder: _Folder) -> list[_Folder]:
        """List one folder; returns those inside it that are to be entered."""
        full = self.root + b"/" + folder.path if folder.path else self.root
        try:
            with os.scandir(full or b"/") as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            self.listing.gone.add(folder.path)
            return []
        except OSError:
            self.listing.gone.add(folder.path)
            self._keep_unreadable(folder.path)
            return []
        names = [entry.name for entry in entries]
        before = self.cache.get(folder.path) if folder.same_rules else None
        if before is not None:
            inside = self._as_before(folder, full, before, names, entries)
            if inside is not None:
                return inside
        return self._look(folder, full, before, names, entries)

    # ------------------------------------------------------------------ as the last time

    def _as_before(
        self,
        folder: _Folder,
        full: bytes,
        before: CachedFolder,
        names: list[bytes],
        entries: list[os.DirEntry[bytes]],
    ) -> list[_Folder] | None:
        """Take over what was found the last time; None where that cannot be."""
        if (
            b"\0".join(names) != before.names
            or (folder.tracked_only, folder.included) != (before.tracked_only, before.included)
            or len(self.listing.untracked) > policy.WALK_LIMIT_FILES
        ):
            return None
        if before.left_out is not None:
            return self._left_out_before(folder, full, before)
        watched = list(compress(entries, before.watched))
        try:
            statuses = [entry.stat(follow_symlinks=False) for entry in watched]
            stats = packed(statuses)
        except (OSError, OverflowError):
            return None
        if before.kinds:
            others = compress(entries, map(not_, before.watched))
            if bytes([entry.is_dir(follow_symlinks=False) for entry in others]) != before.kinds:
                return None
        prefix = folder.path + b"/" if folder.path else b""
        changed: list[int] = []
        if stats != before.stats:
            changed = differing(before.stats, stats)
            if not _may_be_touched(before, watched, statuses, changed):
                return None
            self.listing.stats[folder.path] = stats
        self._files_of(before, prefix, watched, statuses, changed)
        for name, staged in before.links:
            self._add_submodule(prefix + name, ObjectID(staged))
        self.listing.cached[folder.path] = before
        self.listing.has_attributes |= before.has_attributes
        rules = folder.rules
        if any(name in CONTROLS for name in names):
            rules = rules.entering(full, names, len(prefix))
        return [
            _Folder(prefix + name, rules, tracked_only, included, same_rules=True)
            for name, tracked_only, included in before.inside
        ]

    def _files_of(
        self,
        before: CachedFolder,
        prefix: bytes,
        watched: list[os.DirEntry[bytes]],
        statuses: list[os.stat_result],
        changed: list[int],
    ) -> None:
        """List the untracked files of a folder that is as it was, and those that are not as they were."""
        listing = self.listing
        for at in changed:
            path = prefix + watched[at].name
            listing.touched.add(path)
            if before.roles[at] == TRACKED:
                listing.tracked.append(WorkFile(path, statuses[at], False))
        if before.roles.strip(b"t-"):
            for at, role in enumerate(before.roles):
                if role in UNTRACKED:
                    path = prefix + watched[at].name
                    on_request = role in (SAVED_ON_REQUEST, REFUSED_ON_REQUEST)
                    listing.untracked.append(WorkFile(path, statuses[at], on_request))
                    if role in (SAVED, SAVED_ON_REQUEST) and path not in listing.touched:
                        listing.settled.add(path)

    def _left_out_before(
        self, folder: _Folder, full: bytes, before: CachedFolder
    ) -> list[_Folder] | None:
        if before.left_out:
            self._skip(folder.path + b"/", before.left_out)
        elif not self._is_repository(folder.path, full):
            return None
        self.listing.cached[folder.path] = before
        return []

    # ------------------------------------------------------------------ anew

    def _look(
        self,
        folder: _Folder,
        full: bytes,
        before: CachedFolder | None,
        in_order: list[bytes],
        entries: list[os.DirEntry[bytes]],
    ) -> list[_Folder]:
        """Look at everything in a folder."""
        looked = Looked(folder.tracked_only, folder.included, in_order)
        self.listing.looked[folder.path] = looked
        names = set(in_order)
        reason = self._left_out(folder, full, names)
        if reason is not None:
            looked.left_out = reason
            looked.watched = bytearray(len(in_order))
            return []
        prefix = folder.path + b"/" if folder.path else b""
        rules = folder.rules.entering(full, names, len(prefix))
        self.listing.has_attributes |= ATTRIBUTES in names
        inside = []
        # For most files of most projects this is all that is done, hence few calls.
        staged, is_unchanged = self.tracked.paths.get, self.tracked.unchanged
        add_unchanged, watch = self.listing.unchanged.append, looked.watch
        for entry in entries:
            name = entry.name
            path = prefix + name
            known = staged(path)
            if known is not None:
                try:
                    status = entry.stat(follow_symlinks=False)
                    if is_unchanged(known, status):
                        add_unchanged(path)
                        watch(status, TRACKED)
                        continue
                except OSError:
                    pass  # told of below
            if len(name) == 4 and name.lower() == b".git":
                looked.pass_by(entry.is_dir(follow_symlinks=False))
            elif self.without and entry.path in self.without:
                looked.pass_by(entry.is_dir(follow_symlinks=False))
            elif not entry.is_dir(follow_symlinks=False):
                self._list(path, entry, rules, looked)
            else:
                looked.pass_by(True)
                found_inside = self._folder(path, rules, looked)
                if found_inside is not None:
                    inside.append(found_inside)
        if before is None or not _same_controls(before, looked):
            return inside
        return [replace(one, same_rules=True) for one in inside]

    def _left_out(self, folder: _Folder, full: bytes, names: set[bytes]) -> str | None:
        """Why a folder without tracked files is not entered, empty for a repository of its own."""
        if not folder.path or folder.path in self.tracked.folders:
            return None
        if b".git" in names and self._is_repository(folder.path, full):
            return ""
        if folder.included:
            return None
        reason = policy.junk(os.path.basename(folder.path), names)
        if reason is None and len(self.listing.untracked) > policy.WALK_LIMIT_FILES:
            reason = f"not entered after {policy.WALK_LIMIT_FILES:,} untracked files"
            self.listing.looked[folder.path].can_be_kept = False
        if reason is not None:
            self._skip(folder.path + b"/", reason)
        return reason

    def _is_repository(self, path: bytes, full: bytes) -> bool:
        try:
            inside = self.commit_of(full)
        except NotGitRepository:
            return False
        if inside.commit is None:
            self._skip(path + b"/", "nested git repository without a commit")
        else:
            self._link(path, inside.commit, inside.skips)
            self._skip(path + b"/", "nested git repository, of which only the commit is saved")
        return True

    def _link(self, path: bytes, commit: ObjectID, skips: tuple[Skip, ...]) -> None:
        self.listing.entries[path] = (GITLINK, commit)
        folder = os.fsdecode(path) + "/"
        self.listing.skips += [replace(skip, path=folder + skip.path) for skip in skips]

    def _folder(self, path: bytes, rules: Rules, looked: Looked) -> _Folder | None:
        """Decide whether to enter a folder, and what for."""
        known, name = self.tracked.paths.get(path), os.path.basename(path)
        if known is not None and known.mode == GITLINK:
            self._add_submodule(path, known.sha)
            looked.links.append((name, known.sha))
            return None
        holds_tracked = path in self.tracked.folders
        verdict = Verdict.IGNORED if looked.tracked_only else rules.verdict(path, True)
        included = verdict is Verdict.INCLUDED
        is_ignored = verdict is Verdict.IGNORED
        if (is_ignored or (policy.derived(name) and not included)) and not holds_tracked:
            return None
        looked.inside.append((name, is_ignored, included))
        return _Folder(path, rules, is_ignored, included, same_rules=False)

    def _add_submodule(self, path: bytes, staged: ObjectID) -> None:
        """Add the commit of a submodule: where it is not checked out, the one that is staged."""
        full = self.root + b"/" + path
        inside = Inside(None)
        if os.path.lexists(full + b"/.git"):
            with suppress(NotGitRepository):
                inside = self.commit_of(full)
        self._link(path, inside.commit or staged, inside.skips)

    def _list(self, path: bytes, entry: os.DirEntry[bytes], rules: Rules, looked: Looked) -> None:
        known = self.tracked.paths.get(path)
        verdict = Verdict.NONE if known is not None else rules.verdict(path, False)
        is_out = known is None and (looked.tracked_only or verdict is Verdict.IGNORED)
        if is_out and entry.name not in CONTROLS:
            looked.pass_by(False)
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            looked.can_be_kept = False
            return
        except OSError:
            looked.can_be_kept = False
            self._skip(path, "not readable")
            return
        # git has no mode for sockets, pipes and devices
        if is_out or not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            looked.watch(status, NOTHING)
            return
        included = verdict is Verdict.INCLUDED
        file = WorkFile(path, status, included)
        if known is not None:
            looked.watch(status, TRACKED)
            self.listing.tracked.append(file)
        else:
            looked.watch(status, SAVED_ON_REQUEST if included else SAVED)
            self.listing.untracked.append(file)

    def _keep_unreadable(self, path: bytes) -> None:
        self.listing.entries.update(self.tracked.below(path))
        self._skip(path + b"/", "not readable")

    def _skip(self, path: bytes, reason: str) -> None:
        self.listing.skips.append(Skip(os.fsdecode(path), reason, 0))


def _may_be_touched(
    before: CachedFolder,
    watched: list[os.DirEntry[bytes]],
    statuses: list[os.stat_result],
    changed: list[int],
) -> bool:
    """Whether files that are not as they were change nothing but their own content."""
    modes = array("q", before.stats)[4::STAT_FIELDS]
    return not any(
        watched[at].name in CONTROLS or stat.S_IFMT(modes[at]) != stat.S_IFMT(statuses[at].st_mode)
        for at in changed
    )


def _same_controls(before: CachedFolder, looked: Looked) -> bool:
    """Whether the files that hold rules and attributes are the ones of before."""
    watched = zip(compress(looked.names, looked.watched), looked.statuses, strict=True)
    now = {name: packed([status]) for name, status in watched if name in CONTROLS}
    return all(before.stat_of(name) == now.get(name) for name in CONTROLS)
