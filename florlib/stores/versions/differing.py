"""How the working tree differs from a version: what is different or gone now is laid out.

A folder named by the version's tree holds these files, so that the same version is laid out once.
What the working tree has as it was is taken from there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dulwich.diff_tree import tree_changes
from dulwich.objects import Blob, ObjectID

from florlib.ground.errors import VersionMissing
from florlib.stores.versions.archive import Archive, open_archive
from florlib.stores.versions.present import present_tree
from florlib.stores.versions.project import find_project
from florlib.stores.versions.tracked import GITLINK
from florlib.stores.versions.version import VersionFiles


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
        VersionMissing: the version is not at hand any more.
        OSError: the files cannot be written.
    """
    root = find_project(project)
    folder = root or project.resolve()
    stores = [store for store in (root, private_store) if store is not None and store.exists()]
    if not stores:
        raise VersionMissing(
            f"version {commit[:12]} of {project} is in no repository any more", hint="git fsck"
        )
    with open_archive(stores) as archive:
        tree = archive.commit(commit).tree
        found = _lay_out(archive, folder, tree, exports / tree.decode("ascii"))
    inside = project.resolve().relative_to(folder).as_posix()
    return found.below("" if inside == os.curdir else inside)


def _lay_out(archive: Archive, folder: Path, tree: ObjectID, target: Path) -> VersionFiles:
    files = VersionFiles()
    for path, mode, sha in _differences(archive, folder, tree):
        if mode is None or sha is None:
            files.newer.add(path)
        elif mode == GITLINK:
            files.unknown.append(path)
        else:
            _write(archive, target / path, mode, sha, os.fsencode(path))
            files.changed[path] = target / path
    return files


def _differences(
    archive: Archive, folder: Path, tree: ObjectID
) -> Iterator[tuple[str, int | None, ObjectID | None]]:
    """(path, mode and object that the version has there, or None) of all that is different now."""
    with present_tree(archive, folder) as (wider, present):
        for change in tree_changes(wider.objects, ObjectID(present.encode("ascii")), tree):
            old, new = change.old, change.new
            if old is not None and old.path and (new is None or new.path != old.path):
                yield os.fsdecode(old.path), None, None
            if new is not None and new.path:
                yield os.fsdecode(new.path), new.mode, new.sha


def _write(archive: Archive, target: Path, mode: int, sha: ObjectID, path: bytes) -> None:
    """Write a file of a version, unless it is there."""
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.blob(sha)
    if stat.S_ISLNK(mode):
        with suppress(FileExistsError):
            os.symlink(content, os.fsencode(target))
        return
    handle, aside = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(_checked_out(archive, content, path))
    os.chmod(aside, 0o755 if mode & 0o100 else 0o644)
    os.replace(aside, target)


def _checked_out(archive: Archive, content: bytes, path: bytes) -> bytes:
    """With the line ends and filters that the repository has for it; a private store has none."""
    repo = archive.repositories[0]
    if repo.bare:
        return content
    blob = Blob.from_string(content)
    return repo.get_blob_normalizer().checkout_normalize(blob, path).data
