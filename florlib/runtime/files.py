"""Which project files the run opens, and which it executes by itself, seen by audit events."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import types
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from florlib.runtime.frames import user_frame
from florlib.runtime.guard import open_file, os
from florlib.runtime.project import Project

_STANDARD = os.path.dirname(os.__file__) + os.sep
_DESCRIPTORS = "/proc/self/fd"
_EVENTS = frozenset({"open", "compile", "sqlite3.connect"})
_SYSTEM = tuple(
    os.path.join(os.path.realpath(folder), "")
    for folder in ("/dev", "/etc", "/proc", "/sys", "/usr", sys.prefix, sys.base_prefix)
)
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
        self._outside: dict[str, tuple[str, int]] = {}  # where each was first opened
        self._held: frozenset[str] = frozenset()
        self._held_read: set[str] = set()
        self._code: set[str] = set()  # files of code that were opened since the last compilation
        self._by_text: dict[bytes, str] = {}  # all that were opened
        self._compiled: dict[str, bytes] = {}  # what of these was compiled
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or not self.active or self._busy:
            return
        self._busy = True
        try:
            if event == "compile":
                self._note_compiled(*arguments)
            elif event == "open":
                self._opened(*arguments)
            else:
                # A database is opened by C code, and lives on from where it was.
                self._opened(arguments[0], "a", 0)
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
        frame: types.FrameType | None = sys._getframe(3)  # behind the hook
        while frame is not None and _is_standard(frame.f_code.co_filename):
            frame = frame.f_back
        return frame is not None and self._project.relative(frame.f_code.co_filename) is None

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if type(path) is bytes:
            path = path.decode(errors="surrogateescape")
        if type(path) is not str:
            return
        if not path.endswith(_CODE):
            self._note(path, _access(mode, flags), read=not self._appended_by_library(mode))
        elif path.endswith(".py"):
            inside = self._project.relative(os.path.abspath(path))
            if inside is not None:
                self._code.add(inside)

    def _note_compiled(self, source: Any, filename: Any) -> None:
        """A text is compiled: that of a file that was opened, whatever it is called."""
        for path in self._code:
            with open_file(os.path.join(self._project.root, path), "rb") as file:
                self._by_text[file.read().strip()] = path
        self._code.clear()
        if self._by_text and source and isinstance(source, (str, bytes)):
            data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
            found = self._by_text.get(data.strip())
            if found is not None:
                self._compiled[found] = data

    def executed(self, loaded: Collection[str]) -> list[dict[str, Any]]:
        """The journal records of files that were run in another way than by being loaded."""
        return [
            {
                "kind": "executed",
                "path": path,
                "digest": hashlib.sha256(data).hexdigest(),
                "text": data.decode("utf-8", "replace"),
            }
            for path, data in self._compiled.items()
            if path not in loaded
        ]

    def _note(self, path: str, access: str, *, read: bool = True) -> None:
        # Absolute, as the script may change its folder, and before the file is there.
        whole = os.path.realpath(path)
        inside = self._project.relative(os.path.abspath(path))
        if whole.startswith(self._own) or "__pycache__" in whole:
            return
        if inside is None and not self._note_outside(whole):
            return
        name = whole if inside is None else inside
        known = self._modes.get(name, "")
        self.writes += "w" in access
        if access == "rw" and not os.path.exists(path):
            access = "w"
        if read and "r" in access and name in self._held:
            self._held_read.add(name)
        if read and known.startswith("w") and "r" in access and self.in_loop():
            self._reread.add(name)
        self._modes[name] = known + "".join(way for way in access if way not in known)

    def _note_outside(self, path: str) -> bool:
        """Whether a file outside of the project is one that a script may keep something in."""
        if path.startswith(_SYSTEM) or not os.path.isabs(path):
            return False
        if path not in self._outside:
            frame = user_frame(self._project)
            inside = None if frame is None else self._project.relative(frame.f_code.co_filename)
            if frame is None or inside is None:
                return False
            self._outside[path] = (inside, frame.f_lineno)
        return True

    def outside(self) -> Iterator[tuple[str, str, int]]:
        """(path, file and line of its first use) of files outside of the project that were both
        written and read: a replay finds in them what the run has left."""
        for path, (file, line) in self._outside.items():
            if {"r", "w"} <= set(self._modes.get(path, "")):
                yield path, file, line

    def hold_open(self) -> None:
        """Note which written files are open between two iterations: those grow with the loop, so
        that one which is read later has to be written anew."""
        self._held |= self._open_now([path for path, mode in self._modes.items() if "w" in mode])

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
        return bool(self._open_now(written))

    def _open_now(self, paths: list[str]) -> frozenset[str]:
        """Those of these files that are open; all of them where that cannot be told."""
        if not paths:
            return frozenset()
        try:
            numbers = os.listdir(_DESCRIPTORS)
        except OSError:  # not Linux
            return frozenset(paths)
        whole = {os.path.join(self._project.root, path): path for path in paths}
        found = set()
        for number in numbers:
            with contextlib.suppress(OSError):
                found.add(whole.get(os.readlink(f"{_DESCRIPTORS}/{number}"), ""))
        return frozenset(found - {""})

    def record(self) -> dict[str, Any]:
        """The journal record of what was opened.

        "made" are files that were written before they were ever read, so they were not needed
        at the start; "reread" are those of them that the main loop read, and "held" those that
        stayed open over its iterations and were read then or later.
        """
        inside = {path: mode for path, mode in self._modes.items() if not os.path.isabs(path)}
        return {
            "kind": "files",
            "read": sorted(path for path, mode in inside.items() if "r" in mode),
            "written": sorted(path for path, mode in inside.items() if "w" in mode),
            "made": sorted(path for path, mode in inside.items() if mode.startswith("w")),
            "reread": sorted(self._reread),
            "held": sorted(self._held_read),
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
