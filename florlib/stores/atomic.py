"""Publishing files whole: a reader finds the old file, the new one or none, never a part of one."""

from __future__ import annotations

import errno
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Private copies, because scripts that are being recorded replace functions of os.
_close, _fsync, _getpid = os.close, os.fsync, os.getpid
_open, _rename, _unlink = os.open, os.rename, os.unlink

CHUNK_BYTES = 8 << 20  # so that a full disk is met early; Linux takes no more than 2 GiB at once

_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")


class WholeWrites(io.FileIO):
    """A file without a buffer, so that a forked child has nothing of ours to flush."""

    def write(self, data: Any) -> int:
        """Write all of `data`, which is bytes-like; returns its length in bytes.

        Raises:
            OSError: not all of it could be written.
        """
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += super().write(view[written : written + CHUNK_BYTES])
        return written


def temporary_path(path: Path, pid: int) -> Path:
    """Where a process writes what is to become `path`.

    >>> temporary_path(Path("run.json"), 17).name
    '.run.json.17.tmp'
    """
    return path.with_name(f".{path.name}.{pid}.tmp")


def writer_of(name: str) -> int | None:
    """The pid of the process that writes or wrote the temporary file of this name.

    >>> writer_of(".run.json.17.tmp"), writer_of("run.json")
    (17, None)
    """
    match = _TEMPORARY.fullmatch(name)
    return int(match[1]) if match else None


@contextmanager
def published(path: Path) -> Iterator[WholeWrites]:
    """Write a file that appears under `path` when the block ends, and not at all when it raises.

    A process writes one path by one thread at a time. When this returns, the file survives a
    power cut.

    Raises:
        OSError: it could not be written or renamed, and nothing of it is left; or the folder could
            not be synced.
    """
    with renamed(path) as temporary, WholeWrites(temporary, "w") as file:
        yield file
        _fsync(file.fileno())


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """Give a path to write a file to, which becomes `path` when the block ends.

    The block has the file on the disk before it ends; when it raises, nothing is left.

    Raises:
        OSError: it could not be renamed, or the folder could not be synced.
    """
    temporary = temporary_path(path, _getpid())
    try:
        yield temporary
        _rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            _unlink(temporary)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where its file system can do that."""
    descriptor = _open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # network file systems that know no fsync of folders
            raise
    finally:
        _close(descriptor)


def write_json(path: Path, content: Any) -> None:
    """Publish JSON for people and programs: indented, ASCII, a newline at the end.

    Raises:
        ValueError: a float in it is not finite.
        OSError: see `published`.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with published(path) as file:
        file.write(text.encode("ascii"))
