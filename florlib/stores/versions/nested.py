"""Repositories inside of the working tree."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.stores.versions.gitcli import git
from florlib.stores.versions.version import Skip


@dataclass(frozen=True, slots=True)
class Inside:
    """What a version holds of a nested repository.

    Attributes:
        commit: None before its first one.
        skips: what the commit lacks, by path inside of it; the whole of it is the empty path.
    """

    commit: ObjectID | None
    skips: tuple[Skip, ...] = ()


Commits = Callable[[bytes], Inside]
"""Says which commit stands for the repository in a folder; NotGitRepository where there is none."""


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
