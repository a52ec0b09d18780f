"""Reading versions back: a file as it was, and the commit that a revision names."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dulwich.errors import NotGitRepository, NotTreeError
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, Tag
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.ground.errors import RevisionAmbiguous, RevisionNotFound
from florlib.stores.versions.gitcli import git
from florlib.stores.versions.project import find_project

SHOWN = 5
"""Candidates that an ambiguous revision lists."""

_ABBREVIATED = re.compile(r"[0-9a-fA-F]{4,64}")


def read_source(
    project: Path, commit: str, path: str, *, private_store: Path | None = None
) -> bytes | None:
    """Read a file of a version.

    Args:
        project: any folder of the project.
        commit: full id, of the version or of any other commit.
        path: relative to the root of the project, `/` between the parts.
        private_store: looked into after the project's own repository.

    Returns:
        The bytes as git has them; None where there is no such commit, or no regular file of that
        path in it.
    """
    for folder in _stores(project, private_store):
        with suppress(NotGitRepository, UnsupportedExtension, UnsupportedVersion):
            with Repo(str(folder)) as repo:
                found = _read(repo, ObjectID(commit.encode("ascii")), os.fsencode(path))
            if found is not None:
                return found
    return None


def resolve(project: Path, spec: str, *, private_store: Path | None = None) -> str:
    """Find the commit that a git revision names: a branch, `HEAD~2`, the start of an id.

    Args:
        project: any folder of the project.
        spec: as gitrevisions(7) has it.
        private_store: looked into after the project's own repository.

    Returns:
        The commit's full id.

    Raises:
        RevisionNotFound: no commit answers to it.
        RevisionAmbiguous: more than one does.
    """
    for folder in _stores(project, private_store) if spec else ():
        found = _ask_git(folder, spec)
        if found is None and len(near := _beginning_with(folder, spec)) > 1:
            names = [commit[:12] for commit in near]
            shown = ", ".join(names[:SHOWN])
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            raise RevisionAmbiguous(
                f"{spec} may be any of {len(names)} commits: {shown}{more}",
                hint=f"git show --stat {names[0]}",
            )
        found = found or _parse(folder, spec)
        if found is not None:
            return found
    raise RevisionNotFound(
        f"no commit of {project} answers to {spec!r}", hint="git log --oneline flor.shadow"
    )


def _stores(project: Path, private_store: Path | None) -> Iterator[Path]:
    root = find_project(project)
    if root is not None:
        yield root
    if private_store is not None and private_store.exists():
        yield private_store


def _read(repo: Repo, commit: ObjectID, path: bytes) -> bytes | None:
    try:
        found = repo.object_store[commit]
        if not isinstance(found, Commit):
            return None
        mode, sha = tree_lookup_path(repo.object_store.__getitem__, found.tree, path)
        blob = repo.object_store[sha]
    except (KeyError, NotTreeError):
        return None
    return blob.data if stat.S_ISREG(mode) and isinstance(blob, Blob) else None


def tree_of(project: Path, commit: str) -> str | None:
    """The tree of a commit of a project's repository; None where it is not there."""
    for folder in _stores(project, None):
        with suppress(KeyError, NotGitRepository, UnsupportedExtension, UnsupportedVersion):
            with Repo(str(folder)) as repo:
                found = repo.object_store[ObjectID(commit.encode("ascii"))]
            assert isinstance(found, Commit)  # resolved as one
            tree: ObjectID = found.tree
            return tree.decode("ascii")
    return None


def _beginning_with(folder: Path, prefix: str) -> list[str]:
    """The commits whose id begins with some digits, by id."""
    if not _ABBREVIATED.fullmatch(prefix):
        return []
    with suppress(NotGitRepository, UnsupportedExtension, UnsupportedVersion):
        with Repo(str(folder)) as repo:
            store = repo.object_store
            found = sorted(set(store.iter_prefix(prefix.lower().encode("ascii"))))
            return [sha.decode("ascii") for sha in found if isinstance(store[sha], Commit)]
    return []


def _ask_git(folder: Path, spec: str) -> str | None:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{spec}^{{commit}}")
    # A bare repository is named, because git may be set not to find one by itself.
    where = () if (folder / ".git").exists() else ("--git-dir", str(folder.resolve()))
    answer = git(*where, *words, folder=folder)
    return answer.decode("ascii").strip() if answer else None


def _parse(folder: Path, spec: str) -> str | None:
    """Do without git; dulwich knows the common forms."""
    from dulwich.objectspec import parse_commit, parse_object

    with suppress(NotGitRepository, UnsupportedExtension), Repo(str(folder)) as repo:
        # The first knows `HEAD~2` and no short ids, the second the reverse.
        for parse in (parse_object, parse_commit):
            # An AssertionError is what 1.2.13 has for a word with as many letters as an id has bytes.
            with suppress(KeyError, ValueError, AssertionError):
                found = parse(repo, spec)
                while isinstance(found, Tag):
                    found = repo.object_store[found.object[1]]
                return found.id.decode("ascii") if isinstance(found, Commit) else None
    return None
