"""What a saved version is, in plain values; nothing here touches a repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


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


@dataclass(slots=True)
class VersionFiles:
    """How the files of a version differ from those of the working tree.

    Attributes:
        changed: by path, where each file that is different or missing now is laid out.
        newer: files of the working tree that the version does not have.
        unknown: paths whose content is not at hand, such as nested repositories.
    """

    changed: dict[str, Path] = field(default_factory=dict)
    newer: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    def below(self, folder: str) -> VersionFiles:
        """The same of one folder, with paths relative to it; of all for ""."""
        if not folder:
            return self
        start = folder.rstrip("/") + "/"
        return VersionFiles(
            {
                path.removeprefix(start): file
                for path, file in self.changed.items()
                if path.startswith(start)
            },
            {path.removeprefix(start) for path in self.newer if path.startswith(start)},
            [path for path in self.unknown if path.startswith(start)],
        )
