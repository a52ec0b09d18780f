"""The working tree as it is now, as a tree to compare versions with; the repository is not touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from dulwich.object_store import DiskObjectStore
from dulwich.repo import Repo

from florlib.stores.versions.archive import Archive
from florlib.stores.versions.commits import CommitWriter, Occasion, work_commit
from florlib.stores.versions.contents import save_contents
from florlib.stores.versions.nested import Inside, nested_head
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.project import refuse_broad
from florlib.stores.versions.refs import SHADOW, read_ref
from florlib.stores.versions.tracked import NOTHING_TRACKED, tracked_by

_NOW = Occasion("", "present", 0, "", datetime.fromtimestamp(0, timezone.utc))


@contextmanager
def present_tree(archive: Archive, root: Path) -> Iterator[tuple[Archive, str]]:
    """What a version that was saved now would hold.

    Args:
        archive: whose first repository is the project's own, or its private store.
        root: the folder whose files they are.

    Returns:
        The archive with the objects of the working tree, and the id of its tree.
    """
    refuse_broad(root)
    repo = archive.repositories[0]
    tracked = NOTHING_TRACKED if repo.bare else tracked_by(repo, root)
    own = frozenset({Path(repo.path).resolve()} if repo.bare else ())
    with tempfile.TemporaryDirectory(prefix="flor-") as folder:
        writer = ObjectWriter(repo, apart=Path(folder))
        inside = partial(_inside, apart=Path(folder), around=repo)
        contents = save_contents(repo, writer, root, tracked, own, inside)
        apart = DiskObjectStore(folder, object_format=repo.object_format)
        try:
            yield archive.beside(apart), contents.tree.decode("ascii")
        finally:
            apart.close()


def _inside(folder: bytes, apart: Path, around: Repo) -> Inside:
    """The commit that would stand for a nested repository; where it is a new one, it lies apart."""
    head = nested_head(folder)
    if head is None:
        return Inside(None)
    root = Path(os.fsdecode(folder))
    with Repo(str(root)) as repo:
        if os.path.samefile(repo.commondir(), around.commondir()):
            return Inside(head)
        writer, tracked = ObjectWriter(repo, apart=apart), tracked_by(repo, root)
        inside = partial(_inside, apart=apart, around=repo)
        contents = save_contents(repo, writer, root, tracked, frozenset(), inside)
        commits = CommitWriter(repo, writer, contents.tree, _NOW)
        tip = read_ref(repo, SHADOW)
        return Inside(work_commit(repo, commits, head, tip, "present\n"), contents.skipped)
