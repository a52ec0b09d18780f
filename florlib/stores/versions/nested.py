"""Repositories inside of the working tree."""

from __future__ import annotations

import os
from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.stores.versions.gitcli import git


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
