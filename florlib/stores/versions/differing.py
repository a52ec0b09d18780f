"""Laying an earlier version out: only what differs from the working tree is written.

A folder named by the version's tree holds the files that are different now, so that the same
version is laid out once. What the working tree has as it was is taken from there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.ground.errors import RevisionNotFound
from florlib.stores.versions.contents import save_contents
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.project import find_project
from florlib.stores.versions.tracked import GITLINK, NOTHING_TRACKED, read_tracked
from florlib.stores.versions.version import VersionFiles

_Change = tuple[bytes, int, ObjectID]
"""Path, mode and object of a file as the version has it."""


def lay_out_version(
    project: Path, commit: str, exports: Path, *, private_store: Path | None = None
) -> VersionFiles:
    """Lay out what the working tree does not have as a version had it.

    Args:
        project: any folder of the project.
        commit: full id of the version.
        exports: the folder for laid-out versions; made where there is none.
        private_store: where the versions of a project are that lies in no repository.

    Returns:
        The differences, with paths relative to `project`.

    Raises:
        RevisionNotFound: the version is not at hand any more.
        OSError: the files cannot be written.
    """
    root = find_project(project)
    folder = root or project.resolve()
    store = root or private_store
    if store is None or not store.exists():
        raise _not_found(project, commit)
    try:
        with Repo(str(store)) as repo:
            found = _lay_out(repo, folder, ObjectID(commit.encode("ascii")), exports)
    except (KeyError, NotGitRepository, UnsupportedExtension, UnsupportedVersion) as error:
        raise _not_found(project, commit) from error
    inside = project.resolve().relative_to(folder).as_posix()
    return found.below("" if inside == os.curdir else inside)


def _not_found(project: Path, commit: str) -> RevisionNotFound:
    return RevisionNotFound(
        f"version {commit[:12]} of {project} is not at hand", hint="git log --oneline flor.shadow"
    )


def _lay_out(repo: Repo, folder: Path, commit: ObjectID, exports: Path) -> VersionFiles:
    version = repo.object_store[commit]
    if not isinstance(version, Commit):
        raise KeyError(commit)
    target = exports / version.tree.decode("ascii")
    files = VersionFiles()
    for path, change in _differences(repo, folder, version.tree):
        if change is None:
            files.newer.add(path)
        elif change[1] == GITLINK or not _write(repo, target / path, change):
            files.unknown.append(path)
        else:
            files.changed[path] = target / path
    return files


def _differences(repo: Repo, folder: Path, tree: ObjectID) -> Iterator[tuple[str, _Change | None]]:
    """(path, what the version has there or None) of all that is different now."""
    present = _present_tree(repo, folder)
    changes = repo.object_store.tree_changes(present, tree)
    for (before, after), (_, mode), (_, sha) in changes:
        if before is not None and before != after:
            yield os.fsdecode(before), None
        if after is not None and mode is not None and sha is not None:
            yield os.fsdecode(after), (after, mode, sha)


def _present_tree(repo: Repo, folder: Path) -> ObjectID:
    """The tree of the working tree, as a version of it would have it."""
    bare = repo.bare
    tracked = NOTHING_TRACKED if bare else read_tracked(repo, folder)
    without = frozenset({Path(repo.path).resolve()}) if bare else frozenset[Path]()
    return save_contents(repo, ObjectWriter(repo), folder, tracked, without).tree


def _write(repo: Repo, target: Path, change: _Change) -> bool:
    """Write a file of a version, unless it is there; False where its content is not at hand."""
    path, mode, sha = change
    if os.path.lexists(target):
        return True
    blob = repo.object_store[sha] if sha in repo.object_store else None
    if not isinstance(blob, Blob):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        with suppress(FileExistsError):
            os.symlink(blob.data, os.fsencode(target))
        return True
    if not repo.bare:
        blob = repo.get_blob_normalizer().checkout_normalize(blob, path)
    handle, aside = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file:
        file.writelines(blob.chunked)
    os.chmod(aside, 0o755 if mode & 0o100 else 0o644)
    os.replace(aside, target)
    return True
