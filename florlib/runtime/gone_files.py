"""Files that a replay is about to remove, and whose making it has jumped over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from florlib.runtime.audit import listen
from florlib.runtime.guard import guarded, open_file, os

if TYPE_CHECKING:
    from florlib.runtime.replayer import Replayer

REMOVING = frozenset({"os.remove", "os.rename", "os.rmdir", "shutil.rmtree"})
"""Audit events of functions that take a file, or a folder, from its place."""


def removed_name(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that a function takes away; None where it is relative to an open folder."""
    path, *folders = arguments
    if event == "os.rename":
        folders = folders[1:2]
    path = os.fsdecode(path)
    return path if os.path.isabs(path) or set(folders) <= {-1, None} else None


class GoneFiles:
    """Makes empty files in the place of those that a script removes, just before it does.

    The script has found them there when it was recorded, and never looked into them: else
    nothing is jumped over.
    """

    def __init__(self, session: Replayer) -> None:
        self._session = session
        listen(REMOVING, self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._session.active and self._session.jumped:
            with guarded("make a file that the script removes"):
                path = removed_name(event, arguments)
                if path is not None and not os.path.lexists(path):
                    self._make(os.path.abspath(path))

    def _make(self, path: str) -> None:
        name, gone = self._session.project.relative(path), self._session.plan.gone
        if f"{name}/" in gone:
            os.makedirs(path)
        elif name in gone:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open_file(path, "xb").close()
