"""The elements of large logged arrays: a file for each content, named by its digest.

The process that logs writes a file before the journal tells of it. It does not wait for the disk;
what it wrote is brought there when the journal is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from florlib.ground.checkpoint_format import digest
from florlib.ground.errors import ArrayDamaged, ArrayMissing
from florlib.ground.stored_array import StoredArray
from florlib.stores.atomic import WholeWrites, sync_folder, temporary_path

# Private copies, because scripts that are being recorded replace open and functions of os.
_close, _fsync, _getpid, _makedirs = os.close, os.fsync, os.getpid, os.makedirs
_open_file = open
_open, _rename, _unlink = os.open, os.rename, os.unlink


class ArrayWriter:
    """Writes contents into a folder; one thread at a time.

    Args:
        folder: that the first content makes.
        recorded: of the run that is replayed; what lies there is not written once more.
    """

    def __init__(self, folder: Path, recorded: Path | None = None) -> None:
        self._folder = folder
        self._recorded = recorded
        self._written: set[str] = set()
        self._unsynced: list[Path] = []

    def write(self, data: bytes) -> str:
        """Have a file with a content: whole, or none.

        Returns:
            The digest, which is the file's name.

        Raises:
            OSError: it could not be written.
        """
        name = digest(data)
        path = self._folder / name
        # What another process has left may be torn by a power cut, whatever its length.
        if name in self._written or self._is_recorded(name):
            return name
        _makedirs(self._folder, exist_ok=True)
        temporary = temporary_path(path, _getpid())
        try:
            with WholeWrites(temporary, "w") as file:
                file.write(data)
            _rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                _unlink(temporary)
            raise
        self._written.add(name)
        self._unsynced.append(path)
        return name

    def _is_recorded(self, name: str) -> bool:
        if self._recorded is None:
            return False
        try:
            with _open_file(self._recorded / name, "rb") as file:
                return digest(file.read()) == name
        except FileNotFoundError:
            return False

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        paths, self._unsynced = self._unsynced, []
        for path in paths:
            descriptor = _open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _fsync(descriptor)
            finally:
                _close(descriptor)
        if paths:
            sync_folder(self._folder)


def read_array(folders: Iterable[Path], stored: StoredArray) -> bytes:
    """The elements of a large array, from the first of some folders that has them whole.

    Raises:
        ArrayMissing: none has; the message names the first one's file.
        ArrayDamaged: they are not what was written.
    """
    looked = [folder / stored.digest for folder in folders]
    damaged = None
    for path in looked:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        if digest(data) == stored.digest:
            return data
        damaged = damaged or path
    if damaged is not None:
        raise ArrayDamaged(f"{damaged} does not hash to its name")
    raise ArrayMissing(f"{looked[0]} is not there")
