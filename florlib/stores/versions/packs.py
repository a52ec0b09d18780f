"""Packs (gitformat-pack(5)): many objects in one file, each whole and compressed; written, and read back."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zlib
from binascii import unhexlify
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from dulwich.objects import ObjectID
from dulwich.pack import write_pack_index_v2

_KINDS = {b"commit": 1, b"tree": 2, b"blob": 3}
_PACK_HEAD_BYTES = 12


def write_pack(folder: Path, objects: Mapping[ObjectID, tuple[bytes, bytes]], level: int) -> None:
    """Write objects as a pack of a store that names them by SHA-1.

    Args:
        folder: of the object store.
        objects: (kind, content) by id.
        level: of compression, as zlib has it.

    Raises:
        OSError: it cannot be written.
    """
    packs = folder / "pack"
    packs.mkdir(exist_ok=True)
    # Named so that `git gc` clears them away after a crash.
    with (
        tempfile.NamedTemporaryFile(prefix="tmp_pack_", dir=packs, delete=False) as pack,
        tempfile.NamedTemporaryFile(prefix="tmp_idx_", dir=packs, delete=False) as index,
    ):
        try:
            checksum, places = write_objects(pack, objects, level)
            write_pack_index_v2(index, places, checksum)
            for file, ending in ((pack, "pack"), (index, "idx")):  # git looks for the index
                _publish(file, packs / f"pack-{checksum.hex()}.{ending}")
        except BaseException:
            for file in (pack, index):
                with suppress(FileNotFoundError):
                    os.unlink(file.name)
            raise


def write_objects(
    file: IO[bytes], objects: Mapping[ObjectID, tuple[bytes, bytes]], level: int
) -> tuple[bytes, list[tuple[bytes, int, int | None]]]:
    """Write the pack itself; returns its checksum, and (id, offset, CRC) of each object by id."""
    digest = hashlib.sha1(usedforsecurity=False)
    places: list[tuple[bytes, int, int | None]] = []
    header = b"PACK" + struct.pack(">LL", 2, len(objects))
    digest.update(header)
    offset = file.write(header)
    for sha, (kind, content) in objects.items():
        packed = _size_header(_KINDS[kind], len(content)) + zlib.compress(content, level)
        places.append((unhexlify(sha), offset, zlib.crc32(packed)))
        digest.update(packed)
        offset += file.write(packed)
    file.write(digest.digest())
    return digest.digest(), sorted(places)


def read_objects(pack: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each object of a pack that `write_objects` has written.

    Raises:
        ValueError, zlib.error: it is no such pack, or not as it was written.
    """
    if hashlib.sha1(pack[:-20], usedforsecurity=False).digest() != pack[-20:]:
        raise ValueError("the pack does not hash to the checksum behind it")
    magic, version, count = struct.unpack_from(">4sLL", pack)
    if (magic, version) != (b"PACK", 2):
        raise ValueError("no pack of git")
    kinds = {number: kind for kind, number in _KINDS.items()}
    at, view = _PACK_HEAD_BYTES, memoryview(pack)
    for _ in range(count):
        kind, size, at = _read_size_header(pack, at)
        unpacker = zlib.decompressobj()
        most = view[at : at + size + size // 1000 + 64]  # compressBound(), and some
        content = unpacker.decompress(most, size + 1)
        if kind not in kinds or len(content) != size or not unpacker.eof:
            raise ValueError("an object in the pack is not as it was written")
        at += len(most) - len(unpacker.unused_data)
        yield kinds[kind], content


def _read_size_header(pack: bytes, at: int) -> tuple[int, int, int]:
    """(kind, size, where the content begins)."""
    byte, shift = pack[at], 4
    kind, size, at = byte >> 4 & 7, byte & 15, at + 1
    while byte & 0x80:
        byte = pack[at]
        size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
    return kind, size, at


def _size_header(kind: int, size: int) -> bytes:
    """Kind and size of an object: four bits of the size beside the kind, then seven a byte."""
    header, byte, size = bytearray(), kind << 4 | size & 15, size >> 4
    while size:
        header.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    header.append(byte)
    return bytes(header)


def _publish(file: IO[bytes], path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    os.chmod(file.name, 0o444)
    os.rename(file.name, path)
