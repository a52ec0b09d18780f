"""Files that are written past the page cache hold what was written, whatever lies where."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import random

import pytest

from florlib.stores import direct
from florlib.stores.direct import PAGE_BYTES, DirectFile, published_directly

PAGES = 700  # more than the buffer holds


@pytest.fixture
def memory():
    """Pages of noise and where they lie."""
    held = mmap.mmap(-1, PAGES * PAGE_BYTES)
    held[:] = random.Random(5).randbytes(len(held))
    return held, ctypes.addressof(ctypes.c_ubyte.from_buffer(held))


PIECES = {
    "pages alone": [("memory", 0, 10 * PAGE_BYTES)],
    "a header of pages, then all": [("bytes", 2 * PAGE_BYTES), ("memory", 0, PAGES * PAGE_BYTES)],
    "an odd length": [("memory", 0, 5 * PAGE_BYTES + 17)],
    "an odd beginning": [("memory", 13, 5 * PAGE_BYTES)],
    "an odd header, then pages": [("bytes", 100), ("memory", 0, 600 * PAGE_BYTES)],
    "pages that follow as they lie": [("memory", 8, 100), ("memory", 108, 400 * PAGE_BYTES)],
    "small things": [("bytes", n) for n in range(60)] + [("memory", 5, 3)],
    "nothing": [],
}


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("refuses", ["nothing", "to open", "to write"])
def test_a_file_is_what_was_written(tmp_path, monkeypatch, memory, pieces, refuses):
    held, address = memory
    if refuses == "to open":
        opened = direct._open

        def _open(path, flags, mode):
            if flags & direct._O_DIRECT:
                raise OSError(errno.EINVAL, "no direct access")
            return opened(path, flags, mode)

        monkeypatch.setattr(direct, "_open", _open)
    elif refuses == "to write":
        refused = []

        def _pwrite(descriptor, data, offset):
            if not refused:
                refused.append(offset)
                raise OSError(errno.EINVAL, "no direct access")
            return os.pwrite(descriptor, data, offset)

        monkeypatch.setattr(direct, "_pwrite", _pwrite)
    expected = b""

    with published_directly(tmp_path / "file") as file:
        for kind, *numbers in pieces:
            if kind == "bytes":
                expected += bytes(numbers[0])
                assert file.write(bytes(numbers[0])) == numbers[0]
            else:
                start, length = numbers
                expected += held[start : start + length]
                assert file.write_memory(address + start, length) == length

    assert (tmp_path / "file").read_bytes() == expected
    assert os.listdir(tmp_path) == ["file"]


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch, memory):
    held, address = memory

    def _pwrite(descriptor, data, offset):
        return os.pwrite(descriptor, data[:PAGE_BYTES], offset)

    monkeypatch.setattr(direct, "_pwrite", _pwrite)

    with published_directly(tmp_path / "file") as file:
        file.write_memory(address, 20 * PAGE_BYTES + 5)

    assert (tmp_path / "file").read_bytes() == held[: 20 * PAGE_BYTES + 5]


@pytest.mark.parametrize("failing", ["_pwrite", "_fsync", "_ftruncate"])
def test_what_fails_leaves_nothing(tmp_path, monkeypatch, memory, failing):
    def fail(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(direct, failing, fail)

    with pytest.raises(OSError, match="no space"), published_directly(tmp_path / "file") as file:
        file.write_memory(memory[1], PAGES * PAGE_BYTES)

    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        DirectFile(tmp_path / "no" / "file")
