"""How the working tree differs from a version: what is different or gone now is laid out.

A folder named by the version's tree holds these files, so that the same version is laid out once.
What the working tree has as it was is taken from there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

from dulwich.filters import FilterBlobNormalizer
from dulwich.objects import Blob, ObjectID

from florlib.ground.errors import VersionMissing
from florlib.stores.versions.archive import Archive, open_archive, reading
from florlib.stores.versions.differences import differences
from florlib.stores.versions.present import present_tree
from florlib.stores.versions.project import find_project
from florlib.stores.versions.tracked import GITLINK, Entry
from florlib.stores.versions.version import VersionFiles


class WorkingTree:
    """A project's files as they are now, for versions to be laid out beside them.

    They are looked at when the first version is; of the others, only what they have otherwise is read.

    Args:
        project: any folder of the project.
        private_store: where the versions of a project are that lies in no repository.
    """

    def __init__(self, project: Path, *, private_store: Path | None = None) -> None:
        root = find_project(project)
        self._project, self._folder = project.resolve(), root or project.resolve()
        stores = (root, private_store)
        self._stores = [store for store in stores if store is not None and store.exists()]
        self._open = ExitStack()

    def __enter__(self) -> WorkingTree:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def lay_out(self, commit: str, exports: Path) -> VersionFiles:
        """Lay out what the working tree does not have as a version had it.

        Args:
            commit: full id of the version.
            exports: the folder for laid-out versions; made where there is none.

        Returns:
            The differences, with paths relative to the project.

        Raises:
            VersionMissing: the version is not at hand any more.
            OSError: the files cannot be written.
        """
        if not self._stores:
            raise VersionMissing(
                f"version {commit[:12]} of {self._project} is in no repository any more",
                hint="git fsck",
            )
        with reading(self._stores):
            tree = self._seen[0].commit(commit).tree
            found = self._lay_out(tree, exports / tree.decode("ascii"))
        inside = self._project.relative_to(self._folder).as_posix()
        return found.below("" if inside == os.curdir else inside)

    @cached_property
    def _seen(self) -> tuple[Archive, ObjectID]:
        """The archive, with the objects of the working tree, and the tree of those."""
        archive = self._open.enter_context(open_archive(self._stores))
        wider, tree = self._open.enter_context(present_tree(archive, self._folder))
        return wider, ObjectID(tree.encode("ascii"))

    @cached_property
    def _normalizer(self) -> FilterBlobNormalizer | None:
        """For the line ends and filters of the repository; a private store has none."""
        repo = self._seen[0].repositories[0]
        return None if repo.bare else repo.get_blob_normalizer()

    def _lay_out(self, tree: ObjectID, target: Path) -> VersionFiles:
        files = VersionFiles()
        archive, present = self._seen
        for raw, _, was in differences(archive, present, tree):
            path = os.fsdecode(raw)
            if was is None:
                files.newer.add(path)
            elif was[0] == GITLINK:
                files.unknown.append(path)
            else:
                self._write(target / path, was, raw)
                files.changed[path] = target / path
        return files

    def _write(self, target: Path, entry: Entry, path: bytes) -> None:
        """Write a file of a version, unless it is there."""
        mode, sha = entry
        if os.path.lexists(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        content = self._seen[0].blob(sha)
        if stat.S_ISLNK(mode):
            with suppress(FileExistsError):
                os.symlink(content, os.fsencode(target))
            return
        handle, aside = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(self._checked_out(content, path))
        os.chmod(aside, 0o755 if mode & 0o100 else 0o644)
        os.replace(aside, target)

    def _checked_out(self, content: bytes, path: bytes) -> bytes:
        if self._normalizer is None:
            return content
        return self._normalizer.checkout_normalize(Blob.from_string(content), path).data
