"""Which project files the run opens for reading and for writing, seen through audit events."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from florlib.runtime.guard import os
from florlib.runtime.project import Project

_STANDARD = os.path.dirname(os.__file__) + os.sep
_DESCRIPTORS = "/proc/self/fd"
_CODE = (".py", ".pyc", ".pyi", ".so", ".pth")


class FileWatch:
    """Collects the project files that this process opens (sys.addaudithook, PEP 578).

    Args:
        project: whose files they are.
        own: FLOR_HOME, which may lie in the project; what is opened there is flor's doing.
    """

    def __init__(self, project: Project, own: Path) -> None:
        self._project = project
        self._own = os.path.join(os.path.realpath(own), "")
        self._pid = os.getpid()
        self._modes: dict[str, str] = {}
        self.active = True
        self._busy = False
        self.writes = 0
        self._saves_watched = False
        self.in_loop: Callable[[], bool] = lambda: False
        self._reread: set[str] = set()
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
            self._note(path, _access(mode, flags), read=not self._appended_by_library(mode))
        except Exception:  # noqa: BLE001  # an audit hook that raises would fail the open
            self.active = False
        finally:
            self._busy = False

    def _appended_by_library(self, mode: Any) -> bool:
        """Whether a library appends for the script, which so does not see what was there.

        TensorBoard's writers open their file anew for each portion.
        """
        if not isinstance(mode, str) or "a" not in mode or "+" in mode:
            return False
        frame: types.FrameType | None = sys._getframe(2)
        while frame is not None and _is_standard(frame.f_code.co_filename):
            frame = frame.f_back
        return frame is not None and self._project.relative(frame.f_code.co_filename) is None

    def _note(self, path: str, access: str, *, read: bool = True) -> None:
        # Absolute, as the script may change its folder, and before the file is there.
        inside = self._project.relative(os.path.abspath(path))
        if inside is None or "__pycache__" in inside:
            return
        if os.path.realpath(path).startswith(self._own):
            return
        known = self._modes.get(inside, "")
        self.writes += "w" in access
        if access == "rw" and not os.path.exists(path):
            access = "w"
        if read and known.startswith("w") and "r" in access and self.in_loop():
            self._reread.add(inside)
        self._modes[inside] = known + "".join(way for way in access if way not in known)

    def watch_torch_save(self, torch: Any) -> None:
        """Have torch.save tell as well: its zip writer opens files in C++, without an event."""
        writer = torch.serialization._open_zipfile_writer_file
        original = writer.__init__
        if self._saves_watched:
            return
        self._saves_watched = True

        def __init__(opened: Any, name: Any, *rest: Any, **keywords: Any) -> None:
            if self.active:
                self._note(os.fspath(name), "w")
            original(opened, name, *rest, **keywords)

        writer.__init__ = __init__

    def wrote_since(self, writes: int) -> bool:
        """Whether a project file was opened for writing since `writes` was counted, or one that
        was opened before is open still, so that it may have been written to."""
        if self.writes != writes:
            return True
        written = [path for path, mode in self._modes.items() if "w" in mode]
        return bool(written) and self._any_open(written)

    def _any_open(self, paths: list[str]) -> bool:
        try:
            numbers = os.listdir(_DESCRIPTORS)
        except OSError:  # not Linux: what is open cannot be told
            return True
        whole = {os.path.join(self._project.root, path) for path in paths}
        for number in numbers:
            with contextlib.suppress(OSError):
                if os.readlink(f"{_DESCRIPTORS}/{number}") in whole:
                    return True
        return False

    def record(self) -> dict[str, Any]:
        """The journal record of what was opened.

        "made" are files that were written before they were ever read, so they were not needed
        at the start; "reread" are those of them that the main loop read.
        """
        return {
            "kind": "files",
            "read": sorted(path for path, mode in self._modes.items() if "r" in mode),
            "written": sorted(path for path, mode in self._modes.items() if "w" in mode),
            "made": sorted(path for path, mode in self._modes.items() if mode.startswith("w")),
            "reread": sorted(self._reread),
        }


def _is_standard(path: str) -> bool:
    """Whether code is of the standard library, which opens files for whoever called it."""
    if path.startswith("<frozen "):
        return True
    return path.startswith(_STANDARD) and "site-packages" not in path


def _access(mode: Any, flags: Any) -> str:
    """ "r", "w", or "rw" where what the file held before goes on to matter."""
    if isinstance(mode, str):
        if "w" in mode or "x" in mode:
            return "w"
        return "rw" if "a" in mode or "+" in mode else "r"
    if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
        return "r"
    return "w" if flags & os.O_TRUNC else "rw"
