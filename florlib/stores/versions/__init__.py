"""Versions: the working tree of each run, saved as git objects on a branch that nobody checks out.

The public names of the package. Those that need dulwich are loaded when first asked for, because
importing it takes several times as long as starting Python, and `find_project` does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from florlib.stores.versions.project import find_project
from florlib.stores.versions.version import Skip, Version, VersionFiles

if TYPE_CHECKING:
    from florlib.stores.versions.archive import Archive, open_archive
    from florlib.stores.versions.comparing import (
        Change,
        Lines,
        changed_paths,
        changes,
        count_lines,
        holds,
        patch,
    )
    from florlib.stores.versions.differing import WorkingTree
    from florlib.stores.versions.exporting import Exported, export
    from florlib.stores.versions.history import Link, links, read_link, saved_at
    from florlib.stores.versions.others import Committed, committed
    from florlib.stores.versions.present import present_tree
    from florlib.stores.versions.reading import read_source, resolve, tree_of
    from florlib.stores.versions.saving import snapshot

__all__ = [
    "Archive",
    "Change",
    "Committed",
    "Exported",
    "Lines",
    "Link",
    "Skip",
    "Version",
    "VersionFiles",
    "WorkingTree",
    "changed_paths",
    "changes",
    "committed",
    "count_lines",
    "export",
    "find_project",
    "holds",
    "links",
    "open_archive",
    "patch",
    "present_tree",
    "read_link",
    "read_source",
    "resolve",
    "saved_at",
    "snapshot",
    "tree_of",
]

_MODULES = {
    "Archive": "archive",
    "Change": "comparing",
    "Committed": "others",
    "Exported": "exporting",
    "Lines": "comparing",
    "Link": "history",
    "WorkingTree": "differing",
    "changed_paths": "comparing",
    "changes": "comparing",
    "committed": "others",
    "count_lines": "comparing",
    "export": "exporting",
    "holds": "comparing",
    "links": "history",
    "open_archive": "archive",
    "patch": "comparing",
    "present_tree": "present",
    "read_link": "history",
    "read_source": "reading",
    "resolve": "reading",
    "saved_at": "history",
    "snapshot": "saving",
    "tree_of": "reading",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
