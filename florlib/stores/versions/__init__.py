"""Versions: the working tree of each run, saved as git objects on a branch that nobody checks out.

The public names of the package. Those that need dulwich are loaded when first asked for, because
importing it takes several times as long as starting Python, and `find_project` does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from florlib.stores.versions.project import find_project
from florlib.stores.versions.version import Skip, Version, VersionFiles

if TYPE_CHECKING:
    from florlib.stores.versions.differing import lay_out_version
    from florlib.stores.versions.reading import read_source, resolve
    from florlib.stores.versions.saving import snapshot

__all__ = [
    "Skip",
    "Version",
    "VersionFiles",
    "find_project",
    "lay_out_version",
    "read_source",
    "resolve",
    "snapshot",
]

_MODULES = {
    "lay_out_version": "differing",
    "read_source": "reading",
    "resolve": "reading",
    "snapshot": "saving",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
