"""Files written past the page cache: from memory to the disk, and nobody's data is evicted.

O_DIRECT takes whole pages from page-aligned memory alone (open(2)); what lies otherwise goes by way
of a small buffer. Where a file system refuses it, the same pages are written as usual.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from florlib.stores.atomic import renamed

# Private copies, because scripts that are being recorded replace functions of os.
_close, _fsync, _ftruncate = os.close, os.fsync, os.ftruncate
_open, _pwrite = os.open, os.pwrite

PAGE_BYTES = 4096
CHUNK_BYTES = 8 << 20  # so that a full disk is met early; Linux takes no more than 2 GiB at once
_BUFFER_BYTES = 1 << 20
_O_DIRECT = getattr(os, "O_DIRECT", 0)  # macOS has none
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class DirectFile:
    """A file that is written once, from its start to its end.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._direct = bool(_O_DIRECT)
        try:
            self._descriptor = _open(path, _FLAGS | _O_DIRECT, 0o666)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._direct = False
            self._descriptor = _open(path, _FLAGS, 0o666)
        self._buffer = mmap.mmap(-1, _BUFFER_BYTES)
        self._address = ctypes.addressof(ctypes.c_ubyte.from_buffer(self._buffer))
        self._filled = 0
        self._written = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`; returns its length in bytes.

        Raises:
            OSError: not all of it could be written.
        """
        done = 0
        with memoryview(data) as view:
            while done < len(view):
                count = min(len(view) - done, _BUFFER_BYTES - self._filled)
                self._buffer[self._filled : self._filled + count] = view[done : done + count]
                self._fill(count)
                done += count
        return done

    def write_memory(self, address: int, length: int) -> int:
        """Write bytes from where they lie, and let go of the GIL meanwhile; returns their number.

        Raises:
            OSError: not all of it could be written.
        """
        end = address + length
        while address < end:
            within = self._filled % PAGE_BYTES
            is_page = (address - within) % PAGE_BYTES == 0 and end - address >= PAGE_BYTES
            if is_page and not within:
                self._flush()
                count = min((end - address) // PAGE_BYTES * PAGE_BYTES, CHUNK_BYTES)
                self._put((ctypes.c_ubyte * count).from_address(address), count)
            else:
                count = min(end - address, _BUFFER_BYTES - self._filled)
                count = min(count, PAGE_BYTES - within) if is_page else count
                ctypes.memmove(self._address + self._filled, address, count)
                self._fill(count)
            address += count
        return length

    def _fill(self, count: int) -> None:
        self._filled += count
        if self._filled == _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._filled:
            self._put(self._buffer, self._filled)
            self._filled = 0

    def _put(self, source: mmap.mmap | ctypes.Array[ctypes.c_ubyte], count: int) -> None:
        with memoryview(source) as whole, whole.cast("B") as view:
            done = 0
            while done < count:
                try:
                    done += _pwrite(self._descriptor, view[done:count], self._written + done)
                except OSError as error:
                    if error.errno != errno.EINVAL or not self._direct:
                        raise
                    self._stop_direct()
        self._written += count

    def _stop_direct(self) -> None:
        """Go on through the page cache, as the file system takes no direct writes after all."""
        self._direct = False
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~_O_DIRECT)

    def finish(self) -> None:
        """Write what waits, and have all of it on the disk.

        Raises:
            OSError: that failed; the file is not to be used.
        """
        size = self._written + self._filled
        if self._direct:
            padding = -self._filled % PAGE_BYTES
            self._buffer[self._filled : self._filled + padding] = bytes(padding)
            self._filled += padding
        self._flush()
        _ftruncate(self._descriptor, size)
        _fsync(self._descriptor)
        if not self._direct and hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Let go of the file."""
        _close(self._descriptor)


@contextmanager
def published_directly(path: Path) -> Iterator[DirectFile]:
    """Write a file as `atomic.published` does, past the page cache.

    Raises:
        OSError: see `published`.
    """
    with renamed(path) as temporary:
        file = DirectFile(temporary)
        try:
            yield file
            file.finish()
        finally:
            file.close()
