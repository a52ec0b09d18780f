"""Versions in the repositories that hold them, opened for reading as one store of objects."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.object_store import BaseObjectStore, OverlayObjectStore
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from florlib.ground.errors import VersionMissing

_UNREADABLE = (
    ChecksumMismatch,
    FileFormatException,
    NotGitRepository,
    UnsupportedExtension,
    UnsupportedVersion,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Archive:
    """Repositories that are open, nearest first.

    Attributes:
        repositories: the project's own, and private stores.
        objects: of all of them.
    """

    repositories: tuple[Repo, ...]
    objects: BaseObjectStore

    def commit(self, commit: str) -> Commit:
        """A commit by its full id; KeyError where it is not there, or is none."""
        found = self.objects[ObjectID(commit.encode("ascii"))]
        if not isinstance(found, Commit):
            raise KeyError(commit)
        return found

    def tree(self, tree: ObjectID) -> Tree:
        """A tree; KeyError where it is not there."""
        found = self.objects[tree]
        if not isinstance(found, Tree):
            raise KeyError(tree)
        return found

    def blob(self, blob: ObjectID) -> bytes:
        """The bytes of a blob; KeyError where it is not there, as in a partial clone."""
        kind, content = self.objects.get_raw(blob)
        if kind != Blob.type_num:
            raise KeyError(blob)
        return content

    def beside(self, objects: BaseObjectStore) -> Archive:
        """The same, with the objects of another store."""
        return Archive(self.repositories, OverlayObjectStore([objects, self.objects]))


@contextmanager
def open_archive(folders: Sequence[Path]) -> Iterator[Archive]:
    """Open repositories: roots of work trees, or bare ones.

    Raises:
        VersionMissing: one of them cannot be read, or lacks an object that is asked for.
    """
    with ExitStack() as stack, reading(folders):
        opened = tuple(stack.enter_context(Repo(str(folder))) for folder in folders)
        stores: list[BaseObjectStore] = [repo.object_store for repo in opened]
        objects = stores[0] if len(stores) == 1 else OverlayObjectStore(stores)
        yield Archive(opened, objects)


@contextmanager
def reading(folders: Sequence[Path]) -> Iterator[None]:
    """Tell in words what keeps repositories from being read.

    Raises:
        VersionMissing: one of them cannot be read, or lacks an object that is asked for.
    """
    names = ", ".join(str(folder) for folder in folders)
    try:
        yield
    except KeyError as error:
        sha = error.args[0] if error.args else b""
        name = sha.decode("ascii", "replace") if isinstance(sha, bytes) else str(sha)
        raise VersionMissing(
            f"git has no object {name[:12]} in {names} any more", hint="git fsck"
        ) from error
    except _UNREADABLE as error:
        raise VersionMissing(
            f"the git repository {names} cannot be read ({type(error).__name__}: {error})",
            hint="git fsck",
        ) from error
