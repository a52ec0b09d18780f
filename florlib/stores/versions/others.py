"""The commits of a repository, whoever made them, by the first line of what they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.stores.versions.project import find_project


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit.

    Attributes:
        base: the first of its parents.
        subject: the first line of its message.
    """

    commit: str
    tree: str
    base: str | None
    subject: str
    at: datetime


def committed(project: Path, beginning: str) -> list[Committed]:
    """The commits whose message begins so, that any reference leads to, oldest first."""
    root = find_project(project)
    if root is None:
        return []
    found: list[Committed] = []
    with suppress(NotGitRepository, UnsupportedExtension, UnsupportedVersion):
        with Repo(str(root)) as repo:
            found = [_row(one) for one in _reachable(repo)]
    chosen = [one for one in found if one.subject.startswith(beginning)]
    return sorted(chosen, key=lambda one: (one.at, one.commit))


def _reachable(repo: Repo) -> Iterator[Commit]:
    heads: list[ObjectID] = []
    for head in set(repo.refs.as_dict().values()):
        with suppress(KeyError):  # a reference to what is not there
            if isinstance(repo.object_store[head], Commit):
                heads.append(head)
    for entry in repo.get_walker(include=heads) if heads else ():
        yield entry.commit


def _row(commit: Commit) -> Committed:
    zone = timezone(timedelta(seconds=commit.commit_timezone))
    return Committed(
        commit.id.decode("ascii"),
        commit.tree.decode("ascii"),
        commit.parents[0].decode("ascii") if commit.parents else None,
        commit.message.decode("utf-8", "replace").partition("\n")[0],
        datetime.fromtimestamp(commit.commit_time, zone),
    )
