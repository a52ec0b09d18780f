"""Which project files the run opens, lists and removes, and which it executes by itself (audit events)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

from florlib.ground.stamp import Left, stamp
from florlib.runtime.audit import listen
from florlib.runtime.frames import user_frame
from florlib.runtime.gone_files import REMOVING, removed_name
from florlib.runtime.guard import open_file, os
from florlib.runtime.input_files import InputFiles
from florlib.runtime.open_files import OpenFiles
from florlib.runtime.project import Project

_LISTING = frozenset({"os.listdir", "os.scandir"})
# A process that the script starts may write to any file.
_STARTING = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"})
_EVENTS = frozenset({"open", "compile", "sqlite3.connect"}) | _LISTING | REMOVING | _STARTING
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
        self._inputs = InputFiles(project.root)
        self.active = True
        self._busy: set[int] = set()  # threads that are in the hook
        self.writes = 0
        self.may_read: Callable[[], bool] = lambda: False  # whether the script reads what it kept
        self._kept: set[str] = set()
        self.in_loop: Callable[[], bool] = lambda: False
        self.when_written: Callable[[], None] = lambda: None  # as a file is opened for writing
        self._reread: set[str] = set()
        self._is_helped = False  # a process was started in a loop
        self._outside: dict[str, tuple[str, int]] = {}  # where each was first opened
        self._temporary: set[str] = set()
        self._open = OpenFiles()
        self._held: frozenset[str] = frozenset()
        self._gone: dict[str, bool] = {}  # what was removed, and whether it was always there
        self._left: dict[int, Left] = {}  # of each main loop that has ended
        self._behind: set[tuple[int, str]] = set()
        self._told: dict[str, set[Any]] = {}
        self._news = False
        self._code: set[str] = set()  # files of code that were opened since the last compilation
        self._by_text: dict[bytes, str] = {}  # all that were opened
        self._compiled: dict[str, bytes] = {}  # what of these was compiled
        listen(_EVENTS, self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        thread = get_ident()
        if not self.active or thread in self._busy:
            return
        self._busy.add(thread)
        try:
            if event == "compile":
                self._note_compiled(*arguments)
            elif event == "open":
                self._opened(*arguments)
            elif event in _LISTING:
                self._listed(arguments[0])
            elif event in REMOVING:
                self._removed(event, arguments)
            elif event in _STARTING:
                self.writes += 1
                self._is_helped = self._is_helped or self.in_loop()
            else:
                # A database is opened by C code, and lives on from where it was.
                self._opened(arguments[0], "a+", 0)
        except Exception:  # noqa: BLE001  # an audit hook that raises would fail the open
            self.active = False
        finally:
            self._busy.discard(thread)

    def _listed(self, folder: Any) -> None:
        """A folder is gone through: the script sees which of the files that it wrote are there."""
        folder = "." if folder is None else folder
        if type(folder) is not str or sys._getframe(2).f_code.co_filename.startswith("<frozen "):
            return
        inside = self._project.relative(os.path.join(os.path.abspath(folder), "x"))
        if inside is not None:
            for path in self._below(inside[:-1]):
                self._seen(path)

    def _removed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """A file or a folder is renamed or removed, which is a way of writing."""
        path = removed_name(event, arguments)
        inside = None if path is None else self._project.relative(os.path.abspath(path))
        if path is None or inside is None or self._is_own(os.path.realpath(path)):
            return
        found, is_folder = os.path.lexists(path), os.path.isdir(path)
        name = inside + "/" * is_folder
        self._gone[name] = self._gone.get(name, True) and found
        self._news = True
        for below in self._below(f"{inside}/"):
            self._written(below)
        if found and not is_folder:
            self._note(path, "w")
        if event == "os.rename":
            self._note(os.fsdecode(arguments[1]), "w")

    def _is_own(self, whole: str) -> bool:
        """Whether flor or the interpreter keep a file for themselves."""
        return whole.startswith(self._own) or "__pycache__" in whole

    def _below(self, folder: str) -> list[str]:
        """The written files of the project in a folder, by the folder's name with its slash."""
        return [
            path
            for path, mode in list(self._modes.items())
            if "w" in mode and not os.path.isabs(path) and path.startswith(folder)
        ]

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if type(path) is bytes:
            path = path.decode(errors="surrogateescape")
        if type(path) is not str:
            return
        if not path.endswith(_CODE):
            if not isinstance(mode, str) or "a" not in mode or "+" in mode:
                self._note(path, _access(mode, flags))
            else:
                self._note(path, "rw", sees=False)
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

    def _note(self, path: str, access: str, *, sees: bool = True) -> None:
        """Note a use of a file.

        Args:
            path: of the file.
            access: "r" where it matters what the file holds, "w" where that changes.
            sees: whether the script is told what it holds.
        """
        # Absolute, as the script may change its folder, and before the file is there.
        whole = os.path.realpath(path)
        inside = self._project.relative(os.path.abspath(path))
        if self._is_own(whole):
            return
        if inside is None and not self._note_outside(whole):
            return
        name = whole if inside is None else inside
        known = self._modes.get(name, "")
        if sees and "r" in access:
            self._seen(name)
        if "r" in access and not os.path.exists(path):
            access = access[1:]  # there is nothing to read yet
        if "r" in access and inside is not None and not known:
            self._inputs.note(inside)
        if "w" in access:
            self._written(name)
        self._modes[name] = known + "".join(way for way in access if way not in known)
        self._news = self._news or self._modes[name] != known

    def _seen(self, name: str) -> None:
        """A file's content, or that it is there, is told to the script."""
        if "w" not in self._modes.get(name, "") and not self._is_helped:
            return
        if self.in_loop():
            self._reread.add(name)
        elif self._left:
            self._behind.add((max(self._left), name))
        self._news = True

    def _written(self, name: str) -> None:
        self.writes += 1
        self.when_written()
        for left in self._left.values():
            if name in left:
                left[name] = False

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
        written and read: a replay finds in them what the run has left. It makes temporary ones
        anew."""
        for path, (file, line) in self._outside.items():
            if {"r", "w"} <= set(self._modes.get(path, "")) and not self._is_temporary(path):
                yield path, file, line

    def note_temporary(self, path: str) -> None:
        """Note a temporary file or folder."""
        self._temporary.add(os.path.realpath(path))

    def _is_temporary(self, path: str) -> bool:
        return path in self._temporary or any(
            str(folder) in self._temporary for folder in Path(path).parents
        )

    def leave_main(self, number: int) -> None:
        """Note what a main loop leaves the written files as."""
        self._behind.update((number, path) for path in self._kept)
        self._left[number] = {
            path: path not in self._held and stamp(os.path.join(self._project.root, path))
            for path in self._below("")
        }

    def hold_open(self) -> None:
        """Note which written files are open between two iterations: those grow with the loop, so
        that one which is read later has to be written anew."""
        self._held |= self._open_now()

    def note_saved(self, path: str) -> None:
        """Note that a file is written of which no event tells."""
        if self.active:
            self._note(path, "w")

    def note_kept(self, path: str) -> None:
        """Note the same where, in addition, no event tells who reads it."""
        self.note_saved(path)
        inside = self._project.relative(os.path.abspath(path))
        if inside is not None and self.active and self.may_read():
            self._kept.add(inside)
            self._seen(inside)

    def wrote_since(self, writes: int) -> bool:
        """Whether a project file was opened for writing since `writes` was counted, or one that
        was opened before is open still, so that it may have been written to."""
        return self.writes != writes or bool(self._open_now())

    def _open_now(self) -> frozenset[str]:
        """Those of the written files that are open; all of them where that cannot be told."""
        found = self._open.now(
            self.writes, lambda path: "w" in self._modes.get(self._name(path), "")
        )
        if found is None:
            return frozenset(path for path, mode in list(self._modes.items()) if "w" in mode)
        return frozenset(map(self._name, found)) if found else found

    def _name(self, whole: str) -> str:
        """A file as it is noted: relative to the project, or absolute."""
        return whole.removeprefix(self._project.root.rstrip(os.sep) + os.sep)

    def news(self) -> dict[str, Any] | None:
        """The journal record of what was opened since it was last asked; None for nothing."""
        if not self._news:
            return None
        self._news = False
        inside = {path: mode for path, mode in list(self._modes.items()) if not os.path.isabs(path)}
        return {
            "kind": "files",
            "read": self._untold("read", {path for path, mode in inside.items() if "r" in mode}),
            "written": self._untold(
                "written", {path for path, mode in inside.items() if "w" in mode}
            ),
            "made": self._untold("made", {p for p, mode in inside.items() if mode[:1] == "w"}),
            "reread": self._untold("reread", self._reread),
            "gone": self._untold("gone", set(self._gone.items())),
            "behind": self._untold("behind", self._behind),
            "inputs": self._input_news(),
        }

    def _input_news(self) -> list[list[Any]]:
        """What is new of the inputs, whose reading here is not the script's."""
        thread = get_ident()
        self._busy.add(thread)
        try:
            return self._inputs.news()
        finally:
            self._busy.discard(thread)

    def _untold(self, part: str, present: set[Any]) -> list[Any]:
        told = self._told.setdefault(part, set())
        new = sorted(present - told)
        told.update(new)
        return new

    def left(self) -> Iterator[dict[str, Any]]:
        """The journal records of what the main loops left the written files as."""
        for number, files in sorted(self._left.items()):
            yield {"kind": "left", "main": number, "files": dict(sorted(files.items()))}


def _access(mode: Any, flags: Any) -> str:
    """ "r", "w", or "rw" where what the file held before goes on to matter."""
    if isinstance(mode, str):
        if "w" in mode or "x" in mode:
            return "w"
        return "rw" if "a" in mode or "+" in mode else "r"
    if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
        return "r"
    return "w" if flags & os.O_TRUNC else "rw"
