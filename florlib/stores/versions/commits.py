"""The commits of a run: who made them, what they say, and what they stand on.

Each run makes up to two. R holds the uncommitted work as one commit on top of the user's HEAD, so
that it can be merged and cherry-picked in any order. S is the run's link in the chain of the
shadow branch, with the previous link and R as its parents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from florlib.stores.versions.configuration import configuration
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.version import Skip

# What `git log --oneline` shows of a command on an ordinary screen; the whole is in run.json.
COMMAND_CHARACTERS = 120
LISTED_SKIPS = 10


@dataclass(frozen=True, slots=True)
class Occasion:
    """The run that a version is saved for.

    Attributes:
        run: the run's id, unique, so that no two runs ever make the same commit.
        name: the name that runs of one experiment share.
        ordinal: the run's number among those.
        command: as typed.
        now: with a time zone; without one it is taken for local time.
    """

    run: str
    name: str
    ordinal: int
    command: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a commit message says of the tree.

    Attributes:
        base: HEAD's commit, None before the first one.
        branch: HEAD's branch, None when detached.
        dirty: number of paths that differ from `base`.
        skipped: what is not in the tree.
    """

    base: ObjectID | None
    branch: str | None
    dirty: int
    skipped: Sequence[Skip]


class CommitWriter:
    """Writes commits with one tree, one author and one time, unsigned, and runs no hooks."""

    def __init__(
        self, repo: Repo, writer: ObjectWriter, tree: ObjectID, occasion: Occasion
    ) -> None:
        self._repo, self._writer, self.tree = repo, writer, tree
        self._occasion = occasion
        self.author = _identity(repo)
        # aware, whatever came in
        now = occasion.now if occasion.now.tzinfo else occasion.now.astimezone()
        offset = now.utcoffset()
        self.time = int(now.timestamp())
        self.zone = int(offset.total_seconds()) if offset is not None else 0

    def write(self, parents: Sequence[ObjectID], message: str) -> ObjectID:
        """Write a commit; returns its id."""
        commit = Commit()
        commit.tree = self.tree
        commit.parents = list(parents)
        commit.author = commit.committer = self.author
        commit.author_time = commit.commit_time = self.time
        commit.author_timezone = commit.commit_timezone = self.zone
        # Names that are not UTF-8 are shown by their bytes; commits without an encoding are UTF-8.
        commit.message = message.encode("utf-8", "backslashreplace")
        written = self._writer.add(b"commit", commit.as_raw_string())
        self._writer.flush()
        return written

    def message(self, facts: Facts, same_code: ObjectID | None = None) -> str:
        """Compose the message: one line for `git log`, then trailers.

        Args:
            facts: of the tree.
            same_code: the previous link of the chain where it holds the same tree.
        """
        run = self._occasion
        command = " ".join(run.command.split())
        if len(command) > COMMAND_CHARACTERS:
            command = command[: COMMAND_CHARACTERS - 1] + "…"
        lines = [f"flor: {run.name} #{run.ordinal}  ({command})", ""]
        lines.append(f"Flor-Run: {run.run}")
        lines.append(f"Flor-Name: {run.name}")
        base = facts.base.decode("ascii")[:12] if facts.base else "no commit yet"
        lines.append(f"Flor-Base: {facts.branch} {base}" if facts.branch else f"Flor-Base: {base}")
        lines.append(f"Flor-Dirty: {facts.dirty} {'file' if facts.dirty == 1 else 'files'}")
        if same_code is not None:
            lines.append(f"Flor-Same-Code: {same_code.decode('ascii')}")
        lines += [f"Flor-Skipped: {_skip_line(skip)}" for skip in facts.skipped[:LISTED_SKIPS]]
        if (more := len(facts.skipped) - LISTED_SKIPS) > 0:
            lines.append(f"Flor-Skipped: and {more} more")
        return "\n".join(lines) + "\n"


def work_commit(
    repo: Repo, commits: CommitWriter, base: ObjectID | None, tip: ObjectID | None, message: str
) -> ObjectID:
    """R: the uncommitted work on top of `base`, which is R itself where there is none.

    Args:
        repo: where `base` and `tip` are.
        commits: knows the tree.
        base: HEAD's commit.
        tip: the last link of the chain, whose R serves again if it is the same work.
        message: for a new commit.
    """
    if base is not None and tree_of(repo, base) == commits.tree:
        return base
    parents = [base] if base is not None else []
    if tip is not None and (previous := parents_of(repo, tip)):
        work = previous[-1]
        if tree_of(repo, work) == commits.tree and parents_of(repo, work) == parents:
            return work
    return commits.write(parents, message)


def tree_of(repo: Repo, commit: ObjectID) -> ObjectID:
    """The tree of a commit; KeyError where the commit is not in the store."""
    found = repo[commit]
    return found.tree if isinstance(found, Commit) else commit


def parents_of(repo: Repo, commit: ObjectID) -> list[ObjectID]:
    """The parents of a commit; KeyError where the commit is not in the store."""
    found = repo[commit]
    return found.parents if isinstance(found, Commit) else []


def _identity(repo: Repo) -> bytes:
    """`user.name` and `user.email` of git's configuration, flor's own where there are none."""
    config = configuration(repo)
    parts = []
    for key, fallback in ((b"name", b"flor"), (b"email", b"flor@localhost")):
        try:
            text = config.get((b"user",), key)
        except KeyError:
            text = b""
        # These would end the field that git parses (ident.c, crud).
        parts.append(re.sub(rb"[<>\n\0]", b"", text).strip() or fallback)
    return b"%s <%s>" % (parts[0], parts[1])


def _skip_line(skip: Skip) -> str:
    path = skip.path.replace("\n", "\\n")
    size = f"{skip.bytes / 1_000_000:.0f} MB, " if skip.bytes >= 1_000_000 else ""
    return f"{path} ({size}{skip.reason})"
