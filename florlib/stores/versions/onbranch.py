"""The user who stands on the shadow branch: a version is then the branch's next commit.

HEAD's branch moves under the user's feet, so the index has to move with it, or everything that the
run saved would look staged for removal. This is the one place that writes a user's index, and git
itself does the writing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from florlib.stores.versions.commits import CommitWriter
from florlib.stores.versions.gitcli import copy_index, git
from florlib.stores.versions.refs import (
    SHADOW,
    TRIES,
    guard_against_push,
    keep_rewound,
    pause,
    read_ref,
    remember,
    swap,
)

# What git leaves in its folder in the middle of something (wt-status.c, wt_status_get_state).
_IN_PROGRESS = (
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_LOG",
    "rebase-merge",
    "rebase-apply",
)


def stands_on_shadow(repo: Repo) -> bool:
    """Whether HEAD is on the shadow branch, or will be when the rebase of it ends."""
    if repo.refs.read_ref(Ref(b"HEAD")) == b"ref: " + SHADOW:
        return True
    folder = Path(repo.controldir())
    names = (folder / kind / "head-name" for kind in ("rebase-merge", "rebase-apply"))
    return any(name.exists() and name.read_bytes().strip() == SHADOW for name in names)


def advance(
    repo: Repo, root: Path, commits: CommitWriter, link: Callable[[ObjectID | None], ObjectID]
) -> ObjectID | None:
    """Make a version the next commit of HEAD's branch, and the index equal to it.

    Args:
        repo: the repository, on the shadow branch.
        root: its work tree.
        commits: whose author and time the reflog names.
        link: makes the commit that follows a given tip.

    Returns:
        The commit; None, and nothing is changed, in the middle of a merge, rebase, cherry-pick or
        bisection, with conflicts in the index, without git, or while the index stays locked.
    """
    folder = Path(repo.controldir())
    if any((folder / name).exists() for name in _IN_PROGRESS):
        return None
    for attempt in range(TRIES):
        tip = read_ref(repo, SHADOW)
        keep_rewound(repo, tip)
        commit = link(tip)
        fresh = _index_of(commits.tree, root, folder / "index")
        if fresh is None:
            return None
        try:
            if _move(repo, fresh, tip, commit, commits):
                if tip is None:
                    guard_against_push(repo)
                remember(repo, commit)
                return commit
        finally:
            fresh.unlink(missing_ok=True)
        pause(attempt)
    return None


def _index_of(tree: ObjectID, root: Path, index: Path) -> Path | None:
    """Write an index for a tree beside the user's, whose stat data it takes over."""
    fresh = index.with_name(f"index.flor.{os.getpid()}")
    if index.exists():
        copy_index(index, fresh)
    # -i: that files of the working tree differ from the index is the very occasion.
    if git("read-tree", "-i", "-m", tree.decode("ascii"), folder=root, index=fresh) is None:
        fresh.unlink(missing_ok=True)
        return None
    git("update-index", "-q", "--refresh", folder=root, index=fresh)
    return fresh


def _move(
    repo: Repo, fresh: Path, tip: ObjectID | None, commit: ObjectID, commits: CommitWriter
) -> bool:
    """Move the branch and put the fresh index in place, both or neither.

    The index stays locked by git's protocol (index.lock) from before the branch moves.
    """
    index = fresh.with_name("index")
    lock = fresh.with_name("index.lock")
    try:
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    try:
        os.replace(fresh, lock)
        moved = swap(repo, SHADOW, tip, commit, commits)
    except BaseException:
        lock.unlink()
        raise
    if moved:
        os.replace(lock, index)
    else:
        lock.unlink()
    return moved
