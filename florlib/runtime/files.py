"""Which project files the run opens for reading and for writing, seen through audit events."""

from __future__ import annotations

import sys
from typing import Any

from florlib.runtime.guard import os
from florlib.runtime.project import Project

_CODE = (".py", ".pyc", ".pyi", ".so", ".pth")


class FileWatch:
    """Collects the project files that this process opens (sys.addaudithook, PEP 578)."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._pid = os.getpid()
        self._modes: dict[str, str] = {}
        self.active = True
        self._busy = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not self.active or self._busy:
            return
        path, mode, flags = arguments
        if type(path) is bytes:
            path = path.decode(errors="surrogateescape")
        if type(path) is not str or path.endswith(_CODE):
            return
        self._busy = True
        try:
            self._note(path, _writes(mode, flags))
        except Exception:  # noqa: BLE001  # an audit hook that raises would fail the open
            self.active = False
        finally:
            self._busy = False

    def _note(self, path: str, writes: bool) -> None:
        inside = self._project.relative(path)
        if inside is not None and "__pycache__" not in inside:
            known = self._modes.get(inside, "")
            letter = "w" if writes else "r"
            if letter not in known:
                self._modes[inside] = known + letter

    def watch_torch_save(self, torch: Any) -> None:
        """Have torch.save tell as well: its zip writer opens files in C++, without an event."""
        writer = torch.serialization._open_zipfile_writer_file
        original = writer.__init__

        def __init__(opened: Any, name: Any, *rest: Any, **keywords: Any) -> None:
            if self.active:
                self._note(os.fspath(name), writes=True)
            original(opened, name, *rest, **keywords)

        writer.__init__ = __init__

    def record(self) -> dict[str, Any]:
        """The journal record of what was opened."""
        return {
            "kind": "files",
            "read": sorted(path for path, mode in self._modes.items() if "r" in mode),
            "written": sorted(path for path, mode in self._modes.items() if "w" in mode),
        }


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
