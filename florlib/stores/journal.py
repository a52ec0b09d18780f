"""Journals on disk: one process appends records, anyone reads them, also meanwhile.

What the bytes mean is told in `florlib.ground.journal_format`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any

from florlib.ground.errors import JournalDamaged
from florlib.ground.journal_format import (
    PREAMBLE,
    Decoded,
    Record,
    decode,
    encode_frame,
    end_of_last,
    frames,
    is_unfinished,
    load,
)
from florlib.stores.atomic import published

# Private copies, because scripts that are being recorded replace open and functions of os.
_close, _fstat, _fsync, _ftruncate = os.close, os.fstat, os.fsync, os.ftruncate
_open_descriptor, _unlink, _write = os.open, os.unlink, os.write
_open = open

CHUNK_BYTES = 4 << 20
"""Of a journal, read at once."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class JournalWriter:
    """Appends to the journal of this process; a record is in the file when `append` returns.

    A file is written by one process alone: a forked child opens a journal of its own. Threads may
    share a writer.

    Args:
        path: the file to be; its folder exists and it does not.

    Raises:
        OSError: it exists, or could not be written; then nothing of it is left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Re-entrant, because a signal handler may journal while its thread is inside `append`.
        self._lock = RLock()
        self._torn_from: int | None = None
        self._descriptor = _open_descriptor(path, _FLAGS, 0o666)
        try:
            self._append(PREAMBLE)
        except OSError:
            self.close()
            _unlink(path)
            raise

    @classmethod
    def going_on(cls, path: Path) -> JournalWriter:
        """Append to the journal of a process that has ended, and that this one goes on from.

        Raises:
            OSError: it cannot be written.
        """
        writer = cls.__new__(cls)
        writer.path = path
        writer._lock = RLock()
        writer._torn_from = None
        writer._descriptor = _open_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        return writer

    def append(self, record: Mapping[str, Any]) -> None:
        """Append one record.

        Raises:
            OSError: it could not be written and is not in the file; a later one may be.
            ValueError: a float in it is not finite.
        """
        self._append(encode_frame(record))

    def append_all(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append records by one write: all of them, or none where this raises (see `append`)."""
        self._append(b"".join(encode_frame(record) for record in records))

    def sync(self) -> None:
        """Make what was appended survive a power cut."""
        _fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                _close(descriptor)

    def _append(self, data: bytes) -> None:
        with self._lock:
            self._cut_torn_frame()
            whole_bytes = _fstat(self._descriptor).st_size
            try:
                written = _write(self._descriptor, data)
                while written < len(data):  # a disk that is nearly full takes a part, then raises
                    written += _write(self._descriptor, data[written:])
            except BaseException:
                # Frames behind a torn one could not be read, so it must not stay.
                self._torn_from = whole_bytes
                with suppress(OSError):  # tried again before the next write
                    self._cut_torn_frame()
                raise

    def _cut_torn_frame(self) -> None:
        if self._torn_from is not None:
            _ftruncate(self._descriptor, self._torn_from)
            self._torn_from = None


def append_behind(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Append to the journal of a process that has ended, and bring it to disk.

    The frame that its process did not come to finish is cut off. The caller sees to it that nobody
    else appends.

    Raises:
        JournalDamaged: it is damaged elsewhere than at its end, so nobody would read what is
            appended; it stays as it is.
        FileNotFoundError, FormatTooNew, OSError: it cannot be read or written.
    """
    with _open(path, "rb") as file:
        content = file.read()
    whole_bytes = decode(content, name=str(path)).whole_bytes
    if not whole_bytes or not is_unfinished(content[whole_bytes:]):
        raise JournalDamaged(f"{path} is damaged behind its first {whole_bytes} bytes")
    descriptor = _open_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        _ftruncate(descriptor, whole_bytes)
        with memoryview(b"".join(encode_frame(record) for record in records)) as data:
            written = 0
            while written < len(data):
                written += _write(descriptor, data[written:])
        _fsync(descriptor)
    finally:
        _close(descriptor)


def cut_behind(path: Path, kind: str) -> None:
    """Cut a journal behind its last record of a kind, or remove it where there is none.

    A new file takes its place: what a process still writes that was taken for dead, as on a machine
    that is only cut off, comes to nobody.
    """
    with _open(path, "rb") as file:
        content = file.read()
    whole_bytes = end_of_last(content, kind)
    if whole_bytes:
        with published(path) as file:
            file.write(content[:whole_bytes])
    else:
        _unlink(path)


def rewrite(path: Path, records: Iterable[Mapping[str, Any]], kept: Path) -> None:
    """Put other records in a journal whose process has ended; the file that was is kept.

    Args:
        path: of the journal.
        records: that it is to hold.
        kept: where the present file is found afterwards; nothing is there yet.

    Raises:
        OSError: it cannot be written, and stays as it is.
    """
    with _open(path, "rb") as file, published(kept) as copy:
        copy.write(file.read())
    with published(path) as file_anew:
        file_anew.write(PREAMBLE + b"".join(encode_frame(record) for record in records))


def read_journal(path: Path) -> Decoded:
    """Read every whole record of a journal, which may be growing at this moment.

    Raises:
        FileNotFoundError: there is none.
        JournalDamaged: the file is no journal.
        FormatTooNew: it was written by a newer flor.
    """
    with _open(path, "rb") as file:
        return decode(file.read(), name=str(path))


def read_records(path: Path, *, after: int = 0) -> tuple[list[Record], int]:
    """Read the whole records that a growing journal holds behind an offset.

    Args:
        path: the journal.
        after: the offset that the previous call returned, in bytes; 0 at first.

    Returns:
        The records, and the offset behind the last of them.

    Raises:
        FileNotFoundError, JournalDamaged, FormatTooNew: see `read_journal`.
    """
    with _open(path, "rb") as file:
        preamble = file.read(len(PREAMBLE))
        start = file.seek(max(after, len(preamble)))
        decoded = decode(preamble + file.read(), name=str(path))
    if not decoded.whole_bytes:
        return [], 0
    return decoded.records, start + decoded.whole_bytes - len(preamble)


def walk_records(
    path: Path | str, *, after: int = 0, load: Callable[[bytes], Record] = load
) -> Iterator[tuple[Record, int]]:
    """Go through the whole records of a growing journal; of a large one, only a part is in memory.

    Args:
        path: the journal.
        after: an offset that a record was yielded with; 0 at first.
        load: see `florlib.ground.journal_format.frames`.

    Yields:
        Each record, and the offset behind it.

    Raises:
        FileNotFoundError, JournalDamaged, FormatTooNew: see `read_journal`.
    """
    with _open(path, "rb") as file:
        preamble = file.read(len(PREAMBLE))
        decode(preamble, name=str(path))
        at = file.seek(max(after, len(preamble)))
        data = b""
        while chunk := file.read(CHUNK_BYTES):
            data += chunk
            end = 0
            for record, end in frames(data, load=load):
                yield record, at + end
            data, at = data[end:], at + end
