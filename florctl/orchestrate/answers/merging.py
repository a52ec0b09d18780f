"""Merging a version into the user's branch, by the git binary and as the user would."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from florctl.orchestrate.answers.versions import SavedVersion
from florlib.ground.errors import FlorError, MergeStopped, UsageError
from florlib.stores.versions import find_project

SHADOW_BRANCH = "flor.shadow"
_NO_MESSAGE = " (no commit created; -m option ignored)"
SHOWN = 5
"""Files that a message names."""


def merge_version(version: SavedVersion, selector: str, project: Path) -> str:
    """Merge the work of a version; never the shadow branch, which leads to all versions.

    Args:
        version: what to merge.
        selector: the words by which it was named, for hints.
        project: whose branch it goes to.

    Returns:
        What git said.

    Raises:
        UsageError: there is nothing of flor's to merge, or no branch to merge it into.
        MergeStopped: git did not do it, and nothing is changed; or it left conflicts.
    """
    root = find_project(project)
    if root is None or version.store != root:
        raise UsageError(
            f"{version.label} is not in a git repository of {project}",
            hint=f"flor shadow export {shlex.quote(selector)} {version.commit[:7]}",
        )
    work = _work_of(version, selector)
    _refuse_state(root)
    message = f"Merge the code of {version.label} ({version.commit[:12]})"
    done = _git(root, "merge", "--no-edit", "-m", message, work)
    if done.returncode:
        raise _stopped(root, version, selector, done)
    return done.stdout.strip().replace(_NO_MESSAGE, "")


def _work_of(version: SavedVersion, selector: str) -> str:
    if version.of is None:
        raise UsageError(
            f"{selector} is a commit of your own, and no version of a run",
            hint=f"git merge {shlex.quote(selector)}",
        )
    if version.work_commit is None:
        raise UsageError(
            f"{version.label} was saved while you were on {SHADOW_BRANCH}: merging it would bring"
            " all versions before it",
            hint=f"git cherry-pick {version.commit[:12]}",
        )
    return version.work_commit


def _refuse_state(root: Path) -> None:
    """Refuse where git has something else to be finished first."""
    branch = _git(root, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    if branch == SHADOW_BRANCH:
        raise UsageError(
            f"you are on {SHADOW_BRANCH}, where the version is already", hint="git checkout -"
        )
    conflicts = _conflicts(root)
    if conflicts:
        raise MergeStopped(
            f"{_listed(conflicts)} still has conflicts of an earlier merge", hint="git status"
        )
    for name, what in (
        ("MERGE_HEAD", "a merge"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
        ("REVERT_HEAD", "a revert"),
        ("rebase-merge", "a rebase"),
        ("rebase-apply", "a rebase"),
    ):
        path = _git(root, "rev-parse", "--git-path", name).stdout.strip()
        if os.path.lexists(root / path):
            raise MergeStopped(f"{what} is in progress here", hint="git status")


def _stopped(
    root: Path,
    version: SavedVersion,
    selector: str,
    done: subprocess.CompletedProcess[str],
) -> MergeStopped:
    conflicts = _conflicts(root)
    if conflicts:
        return MergeStopped(
            f"merging {version.label} left conflicts in {_listed(conflicts)}: resolve them and"
            " commit, or take the merge back",
            hint="git merge --abort",
        )
    # git lists the files that are in the way, one to an indented line.
    files = [line.strip() for line in done.stderr.splitlines() if line.startswith("\t")]
    if files:
        return MergeStopped(
            f"uncommitted changes of {_listed(files)} are in the way of {version.label}",
            hint=f"git stash --include-untracked && flor shadow merge {shlex.quote(selector)}",
        )
    said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    words = said[0].removeprefix("error: ").removeprefix("fatal: ") if said else "git merge failed"
    return MergeStopped(
        f"git did not merge {version.label}: {words.rstrip('.')}", hint="git status"
    )


def _conflicts(root: Path) -> list[str]:
    listed = _git(root, "diff", "--name-only", "--diff-filter=U", "-z").stdout
    return [name for name in listed.split("\0") if name]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git with the user's own settings and hooks, in words that do not depend on the language.

    Raises:
        FlorError: it is not installed.
    """
    program = shutil.which("git")
    if program is None:
        raise FlorError("git is not installed, and it is git that merges")
    return subprocess.run(
        [program, *words],
        cwd=root,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
