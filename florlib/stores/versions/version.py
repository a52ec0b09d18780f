"""What a saved version is, in plain values; nothing here touches a repository."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skip:
    """Something of the working tree that a version does not hold.

    Attributes:
        path: relative to the project, `/` between the parts, ending in `/` for a whole folder.
        reason: in words for people, no full stop.
        bytes: size of what was left out, 0 where it was not measured.
    """

    path: str
    reason: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Version:
    """A working tree as it was when a run started.

    Attributes:
        commit: full id of the commit on the shadow branch that stands for the run.
        work_commit: full id of the uncommitted work as one commit on top of `base`; `base` itself
            where there was none.
        tree: full id of the tree that both commits hold.
        base: full id of the commit that HEAD named; None before the first commit.
        branch: the branch that HEAD was on; None when detached.
        dirty: number of paths that differ from the tree of `base`.
        store: "repository", or "private" where the project lies in none.
        skipped: what was left out, by path.
    """

    commit: str
    work_commit: str
    tree: str
    base: str | None
    branch: str | None
    dirty: int
    store: str
    skipped: tuple[Skip, ...]
