"""References of versions: the shadow branch, moved so that no concurrent run is ever lost."""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dulwich.file import FileLocked
from dulwich.graph import can_fast_forward
from dulwich.objects import ObjectID, valid_hexsha
from dulwich.refs import Ref
from dulwich.repo import Repo

from florlib.stores.versions.commits import CommitWriter
from florlib.stores.versions.configuration import configuration

SHADOW = Ref(b"refs/heads/flor.shadow")
# Where a run's version goes when the shadow branch cannot be moved.
RUNS = "refs/flor/runs/"
# The same, for a user who stands on the shadow branch in the middle of something.
DETACHED = "refs/flor/detached/"

# The same, for versions that the user has taken from the shadow branch.
KEEP = "refs/flor/keep/"
# In git's folder: the last version that was saved there.
_LAST = "flor/last-version"

# About 2.5 s in all: longer than any number of runs starting at once needs, shorter than a user
# would wait for a lock that a killed process left behind.
TRIES = 50
_PAUSE_S = 0.002

PUSH_GUARD = b'[branch "flor.shadow"]\n\tpushRemote = flor-never-push\n'


def pause(attempt: int) -> None:
    """Wait before another try, longer each time; at random, so that rivals do not keep step."""
    time.sleep(_PAUSE_S * (attempt + 1) * random.uniform(0.5, 1.5))


def read_ref(repo: Repo, name: Ref) -> ObjectID | None:
    """The commit that a reference names, None where there is no such reference."""
    try:
        return repo.refs[name]
    except KeyError:
        return None


def swap(repo: Repo, name: Ref, old: ObjectID | None, new: ObjectID, commits: CommitWriter) -> bool:
    """Move a reference from `old` to `new`, or create it; False if another process was faster.

    Raises:
        OSError: the reference cannot be written at all.
    """
    signed = (commits.author, commits.time, commits.zone, b"flor: record")
    try:
        if old is None:
            return repo.refs.add_if_new(name, new, *signed)
        return repo.refs.set_if_equals(name, old, new, *signed)
    except FileLocked:
        return False


def extend(
    repo: Repo,
    commits: CommitWriter,
    spare: Ref,
    link: Callable[[ObjectID | None], ObjectID],
) -> ObjectID:
    """Add a link to the chain of the shadow branch.

    Args:
        repo: the repository.
        commits: whose author and time the reflog names.
        spare: the reference that holds the link if the branch cannot be moved: it is locked, it
            cannot exist, or another work tree has it checked out and would seem to be changed.
        link: makes the commit that follows a given tip.

    Returns:
        The link.

    Raises:
        OSError: no reference can be written.
    """
    tries = 0 if _is_checked_out_elsewhere(repo) else TRIES
    for attempt in range(tries):
        tip = read_ref(repo, SHADOW)
        keep_rewound(repo, tip)
        commit = link(tip)
        try:
            if swap(repo, SHADOW, tip, commit, commits):
                if tip is None:
                    guard_against_push(repo)
                remember(repo, commit)
                return commit
        except OSError:
            break  # no branch of this name can exist, as where there is a flor.shadow/x
        pause(attempt)
    commit = link(read_ref(repo, SHADOW))
    repo.refs[spare] = commit
    return commit


def keep_rewound(repo: Repo, tip: ObjectID | None) -> None:
    """Give the last version a reference where the branch was moved back behind it.

    Of a branch that was deleted nothing is kept: that is how one gets rid of all versions.
    """
    last = _last_version(repo)
    if last is None or tip is None or last == tip or last not in repo.object_store:
        return
    with suppress(KeyError):  # a history that is not all here, as in a shallow clone
        if not can_fast_forward(repo, last, tip):
            repo.refs[Ref((KEEP + last[:12].decode("ascii")).encode())] = last


def remember(repo: Repo, commit: ObjectID) -> None:
    """Note the last version, so that a branch that is moved back is noticed."""
    path = Path(repo.commondir(), _LAST)
    with suppress(OSError):  # then the one before it serves
        path.parent.mkdir(exist_ok=True)
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        aside.write_bytes(commit + b"\n")
        os.replace(aside, path)


def _last_version(repo: Repo) -> ObjectID | None:
    try:
        words = Path(repo.commondir(), _LAST).read_bytes().strip()
    except OSError:
        return None
    return ObjectID(words) if valid_hexsha(words) else None


def _is_checked_out_elsewhere(repo: Repo) -> bool:
    """Whether a work tree other than this one stands on the shadow branch."""
    common = Path(repo.commondir()).resolve()
    mine = Path(repo.controldir()).resolve()
    if repo.bare or _names_shadow(mine / "HEAD"):
        return False
    others = [common, *common.glob("worktrees/*")]
    return any(_names_shadow(other / "HEAD") for other in others if other != mine)


def _names_shadow(head: Path) -> bool:
    try:
        return head.read_bytes().strip() == b"ref: " + SHADOW
    except OSError:
        return False


def guard_against_push(repo: Repo) -> None:
    """Tell git that the shadow branch is not for pushing, where it has no other word on that.

    `git push` then refuses while on the branch; `git push --all` is beyond this. A configuration
    that cannot be written is left as it is.
    """
    config = configuration(repo)
    with suppress(KeyError):
        config.get((b"branch", b"flor.shadow"), b"pushremote")
        return
    with suppress(OSError):
        _append(Path(repo.commondir(), "config").resolve(), PUSH_GUARD)


def _append(path: Path, text: bytes) -> None:
    """Append to a configuration file by git's own protocol: a lock file that becomes the file."""
    lock = path.with_name(path.name + ".lock")
    mode = stat.S_IMODE(path.stat().st_mode)
    descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            before = path.read_bytes()
            file.write(before if before.endswith(b"\n") or not before else before + b"\n")
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(lock, path)
    except BaseException:
        lock.unlink()
        raise
