"""The folder in which a replay runs: the project's code copied, its data linked, its outputs apart.

What the script writes there never reaches the user's files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Files that are copied even when nothing changed them: code, and small texts beside it, so that
# paths resolved from __file__ stay in the sandbox.
_CODE = frozenset({".py", ".pyi", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".txt", ".sh"})
_SMALL_BYTES = 1 << 20
# A folder with more entries is data: it is linked as a whole, unless the run wrote into it.
_MANY = 2000
_LEFT_OUT = frozenset({".git", ".hg", ".svn", "__pycache__", ".flor"})
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A laid-out project.

    Attributes:
        project: the user's folder.
        root: its stand-in.
        placed: what was put there, relative, with size and time of change of each copy.
    """

    project: Path
    root: Path
    placed: dict[str, tuple[int, int]] = field(default_factory=dict)

    def inside(self, path: Path) -> Path:
        """The stand-in of a path of the project; other paths as they are."""
        try:
            return self.root / path.relative_to(self.project)
        except ValueError:
            return path

    def outputs(self) -> list[str]:
        """What the replay wrote: files that were not placed, or changed since."""
        return sorted(
            relative
            for relative, path in _files(self.root)
            if not path.is_symlink() and self.placed.get(relative) != _stamp(path)
        )

    def clear(self) -> None:
        """Remove what was placed; what the replay wrote stays."""
        written = set(self.outputs())
        for folder, folders, names in os.walk(self.root, topdown=False):
            for name in (*names, *folders):
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                if path.is_symlink() or (path.is_file() and relative not in written):
                    path.unlink()
                elif path.is_dir() and not any(path.iterdir()):
                    path.rmdir()


def lay_out(
    project: Path,
    root: Path,
    *,
    started_ns: int,
    written: Collection[str],
    read: Collection[str],
    without: Collection[Path] = (),
) -> Sandbox:
    """Make the sandbox of a replay.

    Args:
        started_ns: when the recorded run began; files changed since may be its outputs.
        written, read: project-relative files that the recorded run opened.
        without: folders that are left out (FLOR_HOME within the project).
    """
    sandbox = Sandbox(project, root)
    outputs = set(written) - set(read)
    layer = _Layer(sandbox, started_ns, set(written), outputs, {path.resolve() for path in without})
    root.mkdir(parents=True, exist_ok=True)
    layer.folder(project, "")
    return sandbox


@dataclass(slots=True)
class _Layer:
    """Places a project's entries one by one."""

    sandbox: Sandbox
    started_ns: int
    written: set[str]
    outputs: set[str]
    without: set[Path]

    def folder(self, source: Path, relative: str) -> None:
        """Place the entries of a folder that is real in the sandbox."""
        for entry in os.scandir(source):
            name = f"{relative}{entry.name}"
            if entry.name in _LEFT_OUT or Path(entry.path).resolve() in self.without:
                continue
            if entry.is_symlink():
                self._link(Path(entry.path), name)
            elif entry.is_dir():
                self._subfolder(entry, name)
            elif entry.is_file() and name not in self.outputs:
                self._file(entry, name)

    def _subfolder(self, entry: os.DirEntry[str], name: str) -> None:
        source = Path(entry.path)
        if self._is_data(source, name):
            self._link(source, name)
            return
        (self.sandbox.root / name).mkdir()
        self.folder(source, name + "/")

    def _is_data(self, source: Path, name: str) -> bool:
        if any((source / mark).exists() for mark in _ENVIRONMENT_MARKS):
            return True
        if any(path.startswith(name + "/") for path in self.written):
            return False
        if source.stat().st_mtime_ns >= self.started_ns:
            return False
        with os.scandir(source) as entries:
            return sum(1 for _ in zip(entries, range(_MANY + 1), strict=False)) > _MANY

    def _file(self, entry: os.DirEntry[str], name: str) -> None:
        status = entry.stat()
        code = Path(name).suffix in _CODE and status.st_size <= _SMALL_BYTES
        changed = status.st_mtime_ns >= self.started_ns or name in self.written
        if Path(name).suffix == ".py" or code or changed:
            target = self.sandbox.root / name
            shutil.copy2(entry.path, target)
            self.sandbox.placed[name] = _stamp(target)
        else:
            self._link(Path(entry.path), name)

    def _link(self, source: Path, name: str) -> None:
        (self.sandbox.root / name).symlink_to(source.resolve())


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(folder) / name
            yield path.relative_to(root).as_posix(), path
