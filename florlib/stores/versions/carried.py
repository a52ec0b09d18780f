"""A run's version on its way to another machine: its objects as two packs, and these taken in there."""

from __future__ import annotations

import io
import stat
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from dulwich.objects import Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from florlib.ground.errors import VersionMissing
from florlib.stores.versions.archive import Archive, open_archive
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.packs import read_objects, write_objects
from florlib.stores.versions.private import open_private
from florlib.stores.versions.refs import RUNS

LEVEL = 6  # of what is sent once and read seldom
_SHA1_DIGITS = 40

_Objects = dict[ObjectID, tuple[bytes, bytes]]


def version_packs(folders: Sequence[Path], commit: str, work_commit: str | None) -> list[bytes]:
    """The objects of a version: a pack of its commits, and one of its tree, which runs may share.

    Equal objects make equal packs, byte for byte.

    Args:
        folders: repositories that hold it.
        commit: of the version.
        work_commit: the work alone, where there is such a commit.

    Raises:
        VersionMissing: some of it is not there, or the repository names objects by SHA-256.
    """
    if len(commit) != _SHA1_DIGITS:
        raise VersionMissing("a version whose objects are named by SHA-256 cannot be spooled")
    commits: _Objects = {}
    tree: _Objects = {}
    with open_archive(folders) as archive:
        for name in dict.fromkeys([commit, work_commit or commit]):
            found = archive.commit(name)
            commits[found.id] = (b"commit", found.as_raw_string())
        _add_tree(archive, archive.commit(commit).tree, tree)
    return [_packed(commits), _packed(tree)]


def _add_tree(archive: Archive, name: ObjectID, found: _Objects) -> None:
    tree = archive.tree(name)
    found[name] = (b"tree", tree.as_raw_string())
    for entry in tree.items():
        assert entry.mode is not None
        assert entry.sha is not None
        if entry.sha in found or stat.S_IFMT(entry.mode) == 0o160000:  # a submodule's commit
            continue
        if stat.S_ISDIR(entry.mode):
            _add_tree(archive, entry.sha, found)
        else:
            found[entry.sha] = (b"blob", archive.blob(entry.sha))


def _packed(objects: _Objects) -> bytes:
    file = io.BytesIO()
    write_objects(file, dict(sorted(objects.items())), LEVEL)
    return file.getvalue()


def take_in_version(store: Path, packs: Iterable[bytes], run: str, commit: str) -> None:
    """Put the objects of a version into a private store, which is made where there is none.

    What its commits stand on may be missing there, and git is told that it is.

    Args:
        store: the private store.
        packs: that `version_packs` made.
        run: whose reference it gets.
        commit: of the version.

    Raises:
        VersionMissing: the packs do not hold it, or are damaged.
        OSError: the store cannot be written.
    """
    with open_private(store) as repo:
        writer = ObjectWriter(repo)
        try:
            objects = [one for pack in packs for one in read_objects(pack)]
        except (ValueError, IndexError, zlib.error) as error:
            raise VersionMissing(f"the version of run {run} came damaged ({error})") from None
        added = [writer.add(kind, content) for kind, content in objects]
        writer.flush()
        name = ObjectID(commit.encode("ascii"))
        if not _is_whole(repo, name):
            raise VersionMissing(f"the packs of run {run} do not hold its version {commit[:12]}")
        found = [repo.object_store[one] for one in added]
        cut = {one.id for one in found if isinstance(one, Commit) and not _stands(repo, one)}
        if cut:
            repo.update_shallow(cut, set())
        repo.refs[Ref((RUNS + run).encode())] = name


def _stands(repo: Repo, commit: Commit) -> bool:
    return all(parent in repo.object_store for parent in commit.parents)


def _is_whole(repo: Repo, commit: ObjectID) -> bool:
    """Whether all that a commit's tree holds is there."""
    below = [commit]
    while below:
        name = below.pop()
        if name not in repo.object_store:
            return False
        found = repo.object_store[name]
        if isinstance(found, Commit):
            below.append(found.tree)
        elif isinstance(found, Tree):
            entries = [one for one in found.items() if one.mode != 0o160000]
            below += [one.sha for one in entries if one.sha is not None]
    return True
