"""Checkpoint files on disk: publishing, opening and checking them, and sweeping what died halfway.

What the bytes mean is told in `florlib.ground.checkpoint_format`; what the tree means, its writer
knows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EFAULT
from mmap import ACCESS_READ, PAGESIZE, mmap
from pathlib import Path
from typing import Any

from florlib.ground.checkpoint_format import (
    Entry,
    Header,
    data_order,
    decode_header,
    digest,
    encode_header,
)
from florlib.ground.errors import CheckpointDamaged, CheckpointMissing
from florlib.stores.atomic import writer_of
from florlib.stores.direct import published_directly
from florlib.stores.keyframes import Contents, Key

# Private copies, because scripts that are being recorded replace open and functions of os.
_listdir, _unlink = os.listdir, os.unlink
_open = open

_MADV_POPULATE_READ = 22  # linux/mman.h; the mmap module has no name for it
SHARED_FROM_BYTES = 64  # a smaller tensor costs less than the reader's look into another file


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor's content on its way to disk.

    Attributes:
        name: unique in its checkpoint.
        dtype: the element type as torch or numpy spells it, "bfloat16".
        shape: sizes, outermost first.
        data: the elements in C order, little-endian, contiguous; they must not change meanwhile.
        held: instead of data, digest and length of a content that another file holds.
        address: where the data lie, if that is known: those that follow each other in memory as
            they do in the file are written as one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview | bytes
    held: Key | None = None
    address: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint file that is on disk now.

    Attributes:
        path: the file.
        bytes: its length.
        holds: where the contents lie that it holds itself.
        referenced: the tensors whose content lies in other files, and was not written again.
        files: these other files, of the same folder.
    """

    path: Path
    bytes: int
    holds: Contents = field(repr=False)
    referenced: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()


def contents_of(path: Path) -> Contents:
    """What a published file holds itself, for others to refer to.

    Raises:
        CheckpointMissing, CheckpointDamaged, FormatTooNew: see `Checkpoint.open`.
    """
    checkpoint = Checkpoint.open(path)
    return _held({name: checkpoint.entry(name) for name in checkpoint.names}, path)


def _held(entries: Mapping[str, Entry], path: Path) -> Contents:
    return {
        (entry.digest, entry.bytes): (path.name, name)
        for name, entry in entries.items()
        if (entry.file, entry.stored_as) == (None, name) and entry.bytes >= SHARED_FROM_BYTES
    }


def publish(
    path: Path,
    tree: Any,
    buffers: Iterable[Buffer],
    *,
    refer: Callable[[Collection[Key]], Contents] = lambda keys: {},
) -> Published:
    """Write a checkpoint; it appears under `path` whole or not at all.

    Contents that are equal byte for byte are stored once; those that `refer` finds, not here.

    Args:
        path: the file to be; its folder exists.
        tree: JSON that tells how the tensors belong together, or its text; floats must be finite.
        buffers: the tensors.
        refer: told the contents of all buffers; where those lie that other files of the folder
            hold, which will be kept as long as this one.

    Raises:
        ValueError: two buffers of one name, a buffer leaves its content to others and none has
            it, or see `encode_header`.
        OSError: it could not be written (see `published`).
    """
    contents: dict[str, Buffer] = {}
    keys: dict[str, Key] = {}
    for buffer in buffers:
        if buffer.name in contents:
            raise ValueError(f"two buffers are named {buffer.name}")
        contents[buffer.name] = buffer
        keys[buffer.name] = buffer.held or _key(_as_bytes(buffer.data))
    elsewhere = refer({key for key in keys.values() if key[1] >= SHARED_FROM_BYTES})
    entries: dict[str, Entry] = {}
    stored: dict[Key, str] = {}
    for name, buffer in contents.items():
        entries[name] = _place(buffer, keys[name], stored, elsewhere)
    header = encode_header(tree, entries)
    size = 0
    with published_directly(path) as file:
        size += file.write(header)
        for piece in _pieces(contents[name] for name in data_order(entries)):
            size += file.write_memory(*piece) if isinstance(piece, tuple) else file.write(piece)
    referenced = tuple(name for name, entry in entries.items() if entry.file is not None)
    files = frozenset(entry.file for entry in entries.values() if entry.file is not None)
    return Published(path, size, _held(entries, path), referenced, files)


def _pieces(buffers: Iterable[Buffer]) -> Iterator[tuple[int, int] | memoryview]:
    """What to write one after the other: (address, bytes), or the bytes themselves."""
    start = end = 0
    for buffer in buffers:
        view = _as_bytes(buffer.data)
        if buffer.address is not None and buffer.address == end:
            end += len(view)
            continue
        if end > start:
            yield start, end - start
        start = end = 0
        if buffer.address is None:
            yield view
        else:
            start, end = buffer.address, buffer.address + len(view)
    if end > start:
        yield start, end - start


def _as_bytes(data: memoryview | bytes) -> memoryview:
    view = memoryview(data)
    return view.cast("B") if view.nbytes else memoryview(b"")  # cast refuses a zero in a shape


def _key(view: memoryview) -> Key:
    return digest(view), len(view)


def _place(buffer: Buffer, key: Key, stored: dict[Key, str], elsewhere: Contents) -> Entry:
    """Decide where a content lies, and note in `stored` what this file will hold."""
    file, stored_as = elsewhere.get(key, (None, buffer.name))
    if file is None and buffer.held is not None:
        raise ValueError(f"no other file holds the content of {buffer.name}")
    if file is None and key[1] >= SHARED_FROM_BYTES:
        stored_as = stored.setdefault(key, buffer.name)
    return Entry(buffer.dtype, tuple(buffer.shape), key[1], key[0], file, stored_as)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A published checkpoint, mapped into memory to be read.

    Attributes:
        path: the file.
    """

    path: Path
    _header: Header = field(repr=False)
    _data: memoryview = field(repr=False)
    _others: dict[str, Checkpoint] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Map a file and check its header; the tensors are checked when they are read.

        Raises:
            CheckpointMissing: there is no such file.
            CheckpointDamaged: the file is cut short or its header is damaged.
            FormatTooNew: it was written by a newer flor.
        """
        try:
            with _open(path, "rb") as file:
                empty = not file.seek(0, os.SEEK_END)
                data = memoryview(b"" if empty else mmap(file.fileno(), 0, access=ACCESS_READ))
        except FileNotFoundError:
            raise CheckpointMissing(f"there is no checkpoint {path}") from None
        return cls(path, decode_header(data, name=str(path)), data)

    @property
    def tree(self) -> Any:
        """The JSON that was given to `publish`."""
        return self._header.tree

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors, in the order in which they were given to `publish`."""
        return self._header.names

    def entry(self, name: str) -> Entry:
        """What one tensor is: dtype, shape, bytes, digest; KeyError where there is none."""
        return self._header.entry(name)

    @property
    def references(self) -> frozenset[str]:
        """The files of the same folder that hold contents of this one."""
        return frozenset(entry.file for entry in self._header.entries.values() if entry.file)

    def read(self, name: str, *, verify: bool = True) -> memoryview:
        """The content of one tensor, uint8[bytes], read-only; pages are loaded when touched.

        Args:
            name: one of `names`.
            verify: hash the content first and hold it against the digest.

        Raises:
            CheckpointDamaged: the content is not what was written.
            CheckpointMissing: it lies in another file, and that file is gone.
        """
        entry = self.entry(name)
        holder = self if entry.file is None else self._other(entry.file)
        start, stop = holder._header.spans.get(entry.stored_as, (0, 0))
        data = holder._data[start:stop]
        if len(data) != entry.bytes:
            raise CheckpointDamaged(
                f"{holder.path} holds {len(data)} bytes of tensor {name} of {self.path}, "
                f"which has {entry.bytes}"
            )
        if verify and not (holder._load(start, stop) and digest(data) == entry.digest):
            raise CheckpointDamaged(f"tensor {name} of {self.path} is damaged in {holder.path}")
        return data

    def _load(self, start: int, stop: int) -> bool:
        """Have the pages of a part in memory; False where the disk does not give them.

        Touching such a page ends the process with SIGBUS. Where the system cannot be asked
        (before Linux 5.14), nothing is known and pages are loaded when touched.
        """
        mapped = self._data.obj
        if start == stop or sys.platform != "linux" or not isinstance(mapped, mmap):
            return True
        first = start - start % PAGESIZE
        try:
            mapped.madvise(_MADV_POPULATE_READ, first, stop - first)
        except OSError as error:
            return error.errno != EFAULT
        return True

    def _other(self, file: str) -> Checkpoint:
        if file not in self._others:
            self._others[file] = Checkpoint.open(self.path.with_name(file))
        return self._others[file]

    def verify(self) -> int:
        """Read every tensor, those in other files as well, and count them.

        Raises:
            CheckpointDamaged, CheckpointMissing, FormatTooNew: at the first that is not as written.
        """
        for name in self.names:
            self.read(name)
        return len(self.names)


def orphans(folder: Path, alive: Callable[[int], bool]) -> list[Path]:
    """The temporary files of writers that died before they could publish; see `sweep_orphans`."""
    found = ((name, writer_of(name)) for name in sorted(_listdir(folder)))
    return [folder / name for name, pid in found if pid is not None and not alive(pid)]


def sweep_orphans(folder: Path, alive: Callable[[int], bool]) -> list[Path]:
    """Remove the temporary files of writers that died before they could publish.

    Args:
        folder: where checkpoints are published.
        alive: tells whether the process of a pid still runs.

    Returns:
        What was removed.
    """
    removed = orphans(folder, alive)
    for path in removed:
        with suppress(FileNotFoundError):  # another process of the run sweeps as well
            _unlink(path)
    return removed
