"""The working tree as it is now, as a tree to compare versions with; the repository is not touched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dulwich.object_store import DiskObjectStore

from florlib.stores.versions.archive import Archive
from florlib.stores.versions.contents import save_contents
from florlib.stores.versions.objects import ObjectWriter
from florlib.stores.versions.project import refuse_broad
from florlib.stores.versions.tracked import NOTHING_TRACKED, tracked_by


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
        contents = save_contents(repo, writer, root, tracked, own)
        apart = DiskObjectStore(folder, object_format=repo.object_format)
        try:
            yield archive.beside(apart), contents.tree.decode("ascii")
        finally:
            apart.close()
