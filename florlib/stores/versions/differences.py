"""Which files two trees do not have in common, with the folders that are the same left unread."""

from __future__ import annotations

from collections.abc import Iterator

from dulwich.objects import ObjectID

from florlib.stores.versions.archive import Archive
from florlib.stores.versions.tracked import FOLDER, Entry

Difference = tuple[bytes, "Entry | None", "Entry | None"]
"""A path, and what each of two trees has there; None where that is nothing, or a folder."""


def differences(
    archive: Archive, old: ObjectID | None, new: ObjectID | None, prefix: bytes = b""
) -> Iterator[Difference]:
    """All files, links and submodules that are not the same in two trees.

    dulwich's `tree_changes` finds the same; it goes through what is the same in each folder as well,
    and so takes longer than git does.

    Args:
        archive: holds both.
        old: the earlier tree; None for an empty one.
        new: the later tree; None for an empty one.
        prefix: of their paths.

    Raises:
        KeyError: a tree is not there.
    """
    before, now = _entries(archive, old), _entries(archive, new)
    for name in sorted({name for name, _ in before.items() ^ now.items()}):
        folder, was = _apart(before.get(name))
        later, is_now = _apart(now.get(name))
        if folder != later:
            yield from differences(archive, folder, later, prefix + name + b"/")
        if was != is_now:
            yield prefix + name, was, is_now


def _apart(entry: Entry | None) -> tuple[ObjectID | None, Entry | None]:
    """The tree of an entry that is a folder, or the entry that is none."""
    if entry is not None and entry[0] == FOLDER:
        return entry[1], None
    return None, entry


def _entries(archive: Archive, tree: ObjectID | None) -> dict[bytes, Entry]:
    if tree is None:
        return {}
    return {name: (mode, sha) for name, mode, sha in archive.tree(tree).iteritems()}
