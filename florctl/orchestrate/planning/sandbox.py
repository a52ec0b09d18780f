"""The folder in which a replay runs: the project's code copied, its data linked, its outputs apart.

What the script writes there never reaches the user's files.
"""

from __future__ import annotations

import io
import os
import shutil
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from florlib.ground.stamp import Stamp, stamp
from florlib.stores.versions import VersionFiles

# Files that are copied even when nothing changed them: code, and small texts beside it, so that
# paths resolved from __file__ stay in the sandbox.
_CODE = frozenset({".py", ".pyi", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".txt", ".sh"})
_SMALL_BYTES = 1 << 20
# A folder with more files below it is data: it is linked as a whole, unless it holds code that the
# run loaded, or something in it was written since the run began.
_MANY = 500
_LEFT_OUT = frozenset({".git", ".hg", ".svn", "__pycache__", ".flor"})
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A laid-out folder.

    Attributes:
        project: the user's folder, symbolic links resolved.
        root: its stand-in, likewise.
        placed: what was copied there, relative, with size and time of change of each copy.
    """

    project: Path
    root: Path
    placed: dict[str, Stamp | None] = field(default_factory=dict)

    def inside(self, path: Path) -> Path:
        """The stand-in of an absolute path of the project; other paths as they are.

        Data that the sandbox only links has no stand-in.
        """
        try:
            relative = Path(os.path.realpath(path)).relative_to(self.project)
        except ValueError:
            return path
        moved = self.root / relative
        return moved if Path(os.path.realpath(moved)).is_relative_to(self.root) else path

    def put(self, texts: Mapping[str, str]) -> None:
        """Put sources in, whatever else was placed at their paths."""
        for name, text in texts.items():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.write_bytes(text.encode(_encoding(text)))
            self.placed[name] = stamp(target)

    def outputs(self) -> list[str]:
        """What the replay wrote: files that are neither what was placed nor what the project has."""
        return sorted(
            relative
            for relative, path in _files(self.root)
            if not path.is_symlink()
            and stamp(path) not in (self.placed.get(relative), stamp(self.project / relative))
        )

    def clear(self) -> None:
        """Remove what was placed; what the replay wrote stays."""
        written = set(self.outputs())
        for folder, folders, names in os.walk(self.root, topdown=False):
            for name in (*names, *folders):
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                with suppress(OSError):  # the script took its own folder's permissions away
                    if path.is_symlink() or (not path.is_dir() and relative not in written):
                        path.unlink()
                    elif path.is_dir() and not any(path.iterdir()):
                        path.rmdir()
        if not written:
            shutil.rmtree(self.root, ignore_errors=True)


def lay_out(
    project: Path,
    root: Path,
    *,
    started_ns: int,
    written: Collection[str] = (),
    read: Collection[str] = (),
    code: Collection[str] = (),
    without: Collection[Path] = (),
    version: VersionFiles | None = None,
) -> Sandbox:
    """Make the sandbox of a replay.

    Args:
        project: the user's folder.
        root: the sandbox to be.
        started_ns: when the recorded run began; files changed since may be its outputs.
        written: project-relative files that the recorded run opened to write.
        read: and those that it opened to read.
        code: project-relative files that the recorded run executed.
        without: folders that are left out (FLOR_HOME within the project).
        version: how the project's files differed when the run was recorded; None where the present
            ones are to be used.

    Raises:
        OSError: it cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(Path(os.path.realpath(project)), Path(os.path.realpath(root)))
    then = version or VersionFiles()
    layer = _Layer(
        sandbox,
        started_ns,
        written=frozenset(written),
        outputs=frozenset(written) - frozenset(read),
        real=frozenset(_folders_of((*written, *code, *then.changed, *then.newer))),
        without=frozenset(os.path.realpath(path) for path in without),
        absent=frozenset(then.newer) | frozenset(then.changed),
    )
    layer.folder(sandbox.project, "")
    for path, file in then.changed.items():
        if path not in layer.outputs:
            layer.earlier(file, path)
    return sandbox


@dataclass(frozen=True, slots=True)
class _Layer:
    """Places a project's entries one by one.

    Attributes:
        real: folders that must not be linked as a whole.
        absent: files that are not those of the present.
        followed: folders outside the project that a link has led to.
    """

    sandbox: Sandbox
    started_ns: int
    written: frozenset[str]
    outputs: frozenset[str]
    real: frozenset[str]
    without: frozenset[str]
    absent: frozenset[str] = frozenset()
    followed: set[Path] = field(default_factory=set)

    def folder(self, source: Path, relative: str) -> None:
        """Place the entries of a folder that is real in the sandbox."""
        with os.scandir(source) as entries:
            for entry in entries:
                name = f"{relative}{entry.name}"
                left_out = entry.name in _LEFT_OUT or name in self.absent
                if left_out or entry.path in self.without:
                    continue
                if entry.is_symlink():
                    self._symlink(Path(entry.path), name)
                elif entry.is_dir():
                    self._subfolder(Path(entry.path), name)
                elif entry.is_file() and name not in self.outputs:
                    self._file(Path(entry.path), name)

    def earlier(self, source: Path, name: str) -> None:
        """Place a file that lies elsewhere as an earlier version has it."""
        target = self.sandbox.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif source.stat().st_size <= _SMALL_BYTES or name in self.written:
            shutil.copy2(source, target)
            self.sandbox.placed[name] = stamp(target)
        else:
            self._link(source, name)

    def _subfolder(self, source: Path, name: str) -> None:
        if not os.access(source, os.R_OK | os.X_OK) or self._is_data(source, name):
            self._link(source, name)
            return
        (self.sandbox.root / name).mkdir()
        self.folder(source, name + "/")

    def _is_data(self, source: Path, name: str) -> bool:
        if any((source / mark).exists() for mark in _ENVIRONMENT_MARKS):
            return True
        if name in self.real:
            return False
        count = 0
        for folder, folders, names in os.walk(source):
            if Path(folder).stat().st_mtime_ns >= self.started_ns:
                return False
            count += len(folders) + len(names)
        return count > _MANY

    def _symlink(self, source: Path, name: str) -> None:
        """Lead a link of the project to the target's stand-in; follow those to changed things.

        The run may have written through a link that leads out of the project, and no list of its
        files tells: what has changed there since is treated as if it lay in the project.
        """
        target = Path(os.path.realpath(source))
        if target.is_relative_to(self.sandbox.project):
            standin = self.sandbox.root / target.relative_to(self.sandbox.project)
            place = self.sandbox.root / name
            place.symlink_to(os.path.relpath(standin, place.parent))
        elif target.is_dir() and self._may_follow(target):
            self.followed.add(target)
            self._followed(target, name)
        elif target.is_file():
            self._file(target, name)
        else:
            self._link(source, name)

    def _may_follow(self, target: Path) -> bool:
        """Not in circles, nor to a folder around the project or the sandbox."""
        ours = (self.sandbox.project, self.sandbox.root)
        around = any(folder.is_relative_to(target) for folder in ours)
        return not around and target not in self.followed

    def _followed(self, target: Path, name: str) -> None:
        folders = (Path(folder) for folder, _, _ in os.walk(target))
        if any(folder.stat().st_mtime_ns >= self.started_ns for folder in folders):
            self._subfolder(target, name)
        else:
            self._link(target, name)

    def _file(self, source: Path, name: str) -> None:
        status = source.stat()
        code = source.suffix in _CODE and status.st_size <= _SMALL_BYTES
        changed = status.st_mtime_ns >= self.started_ns or name in self.written
        if (source.suffix == ".py" or code or changed) and os.access(source, os.R_OK):
            target = self.sandbox.root / name
            shutil.copy2(source, target)
            self.sandbox.placed[name] = stamp(target)
        else:
            self._link(source, name)

    def _link(self, source: Path, name: str) -> None:
        (self.sandbox.root / name).symlink_to(os.path.realpath(source))


def _encoding(text: str) -> str:
    """The encoding that a source declares."""
    head = "".join(text.splitlines(keepends=True)[:2])
    encoding, _ = tokenize.detect_encoding(io.BytesIO(head.encode()).readline)
    return encoding


def _folders_of(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        for folder in Path(path).parents:
            yield folder.as_posix()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(folder) / name
            yield path.relative_to(root).as_posix(), path
