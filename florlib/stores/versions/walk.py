"""The walk over a working tree: every file that might belong to a version, none of them opened."""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dulwich.errors import NotGitRepository
from dulwich.objects import ObjectID
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.stores.versions import policy
from florlib.stores.versions.filters import ATTRIBUTES
from florlib.stores.versions.gitcli import git
from florlib.stores.versions.ignore import Rules, Verdict
from florlib.stores.versions.tracked import GITLINK, Entry, Tracked
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
    """

    unchanged: list[bytes] = field(default_factory=list)
    tracked: list[WorkFile] = field(default_factory=list)
    untracked: list[WorkFile] = field(default_factory=list)
    entries: dict[bytes, Entry] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    has_attributes: bool = False


@dataclass(frozen=True, slots=True)
class _Folder:
    path: bytes
    rules: Rules
    tracked_only: bool
    included: bool


def walk(root: Path, tracked: Tracked, rules: Rules, without: frozenset[Path]) -> Listing:
    """List a working tree, nearest folders first.

    Args:
        root: its absolute path.
        tracked: the user's index.
        rules: those from outside the working tree.
        without: absolute paths of folders to leave out silently: flor's own stores.
    """
    walker = _Walker(os.fsencode(root), tracked, frozenset(map(os.fsencode, without)))
    folders = deque([_Folder(b"", rules, tracked_only=False, included=False)])
    while folders:
        folders.extend(walker.enter(folders.popleft()))
    return walker.listing


class _Walker:
    def __init__(self, root: bytes, tracked: Tracked, without: frozenset[bytes]) -> None:
        self.root = root.rstrip(b"/")
        self.tracked = tracked
        self.without = without
        self.listing = Listing()

    def enter(self, folder: _Folder) -> list[_Folder]:
        """List one folder; returns those inside it that are to be entered."""
        full = self.root + b"/" + folder.path if folder.path else self.root
        try:
            with os.scandir(full or b"/") as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError:
            self._keep_unreadable(folder.path)
            return []
        names = {entry.name for entry in entries}
        if self._is_left_out(folder, full, names):
            return []
        prefix = folder.path + b"/" if folder.path else b""
        rules = folder.rules.entering(full, names, len(prefix))
        self.listing.has_attributes |= ATTRIBUTES in names
        inside = []
        # For most files of most projects this is all that is done, hence few calls.
        staged, is_unchanged = self.tracked.paths.get, self.tracked.unchanged
        add_unchanged = self.listing.unchanged.append
        for entry in entries:
            name = entry.name
            path = prefix + name
            known = staged(path)
            if known is not None:
                try:
                    if is_unchanged(known, entry.stat(follow_symlinks=False)):
                        add_unchanged(path)
                        continue
                except OSError:
                    pass  # told of below
            if len(name) == 4 and name.lower() == b".git":
                continue
            if self.without and entry.path in self.without:
                continue
            if not entry.is_dir(follow_symlinks=False):
                self._list(path, entry, rules, folder.tracked_only)
            elif (found_inside := self._folder(path, rules, folder.tracked_only)) is not None:
                inside.append(found_inside)
        return inside

    def _is_left_out(self, folder: _Folder, full: bytes, names: set[bytes]) -> bool:
        """Whether a folder without tracked files is a repository of its own, or junk."""
        if not folder.path or folder.path in self.tracked.folders:
            return False
        if b".git" in names and self._is_repository(folder.path, full):
            return True
        if folder.included:
            return False
        reason = policy.junk(os.path.basename(folder.path), names)
        if reason is None and len(self.listing.untracked) > policy.WALK_LIMIT_FILES:
            reason = f"not entered after {policy.WALK_LIMIT_FILES:,} untracked files"
        if reason is not None:
            self._skip(folder.path + b"/", reason)
        return reason is not None

    def _is_repository(self, path: bytes, full: bytes) -> bool:
        try:
            head = nested_head(full)
        except NotGitRepository:
            return False
        if head is None:
            self._skip(path + b"/", "nested git repository without a commit")
        else:
            self.listing.entries[path] = (GITLINK, head)
            self._skip(path + b"/", "nested git repository, of which only the commit is saved")
        return True

    def _folder(self, path: bytes, rules: Rules, tracked_only: bool) -> _Folder | None:
        """Decide whether to enter a folder, and what for."""
        known = self.tracked.paths.get(path)
        if known is not None and known.mode == GITLINK:
            self.listing.entries[path] = (GITLINK, self._submodule_head(path) or known.sha)
            return None
        holds_tracked = path in self.tracked.folders
        verdict = Verdict.IGNORED if tracked_only else rules.verdict(path, True)
        if verdict is Verdict.IGNORED:
            return _Folder(path, rules, True, False) if holds_tracked else None
        included = verdict is Verdict.INCLUDED
        if policy.derived(os.path.basename(path)) and not included and not holds_tracked:
            return None
        return _Folder(path, rules, False, included)

    def _submodule_head(self, path: bytes) -> ObjectID | None:
        full = self.root + b"/" + path
        # Without a .git the submodule is not checked out, and what is staged stays.
        if not os.path.lexists(full + b"/.git"):
            return None
        try:
            return nested_head(full)
        except NotGitRepository:
            return None

    def _list(
        self, path: bytes, entry: os.DirEntry[bytes], rules: Rules, tracked_only: bool
    ) -> None:
        known = self.tracked.paths.get(path)
        if tracked_only and known is None:
            return
        verdict = Verdict.NONE if known is not None else rules.verdict(path, False)
        if verdict is Verdict.IGNORED:
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError:
            self._skip(path, "not readable")
            return
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            return  # git has no mode for sockets, pipes and devices
        file = WorkFile(path, status, verdict is Verdict.INCLUDED)
        (self.listing.untracked if known is None else self.listing.tracked).append(file)

    def _keep_unreadable(self, path: bytes) -> None:
        self.listing.entries.update(self.tracked.below(path))
        self._skip(path + b"/", "not readable")

    def _skip(self, path: bytes, reason: str) -> None:
        self.listing.skips.append(Skip(os.fsdecode(path), reason, 0))


def nested_head(folder: bytes) -> ObjectID | None:
    """The commit that a nested repository has checked out, None before its first one.

    Raises:
        NotGitRepository: it is no repository.
    """
    path = os.fsdecode(folder)
    try:
        with Repo(path) as nested:
            return nested.head()
    except KeyError:
        return None
    except (UnsupportedExtension, UnsupportedVersion):
        head = git("rev-parse", "--verify", "-q", "HEAD", folder=Path(path))
        return ObjectID(head.strip()) if head else None
