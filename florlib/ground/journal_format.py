"""The journal's bytes, format 1: a magic line, then frames of length, CRC-32 and a JSON payload.

The byte table stands in docs/formats/journal.md. Nothing here touches a disk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import Any

from florlib.ground.errors import FormatTooNew, JournalDamaged

MAGIC = b"FLORJRNL"
VERSION = 1
READABLE = (1,)

_VERSION = struct.Struct("<I")
_FRAME = struct.Struct("<II")  # payload length [bytes], CRC-32 of the payload
PREAMBLE = MAGIC + _VERSION.pack(VERSION)

Record = dict[str, Any]


def encode_frame(record: Mapping[str, Any]) -> bytes:
    """Turn one record into one frame.

    Args:
        record: a JSON object with a "kind"; floats must be finite (see `values.encode_value`).
    """
    payload = dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = payload.encode("utf-8", "surrogatepass")
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


@dataclass(frozen=True, slots=True)
class Decoded:
    """The whole frames at the start of a journal.

    Attributes:
        records: one JSON object a frame, in the order they were appended.
        whole_bytes: length of the part that decoded; what follows is a torn tail.
        damaged_bytes: length of what follows, where it is more than the beginning of a frame.
    """

    records: list[Record]
    whole_bytes: int
    damaged_bytes: int = 0

    def damage(self, name: object) -> str | None:
        """What is wrong with the journal of this name, in words; None where nothing is."""
        if not self.damaged_bytes:
            return None
        return (
            f"{name} is damaged behind its first {self.whole_bytes} bytes;"
            f" the {self.damaged_bytes} bytes that follow are not read"
        )


def decode(data: bytes, *, name: str = "journal") -> Decoded:
    """Read every whole frame; a torn or damaged tail is cut, never guessed at.

    Raises:
        JournalDamaged: the data does not begin as a journal does.
        FormatTooNew: it was written by a newer flor.
    """
    if len(data) < len(PREAMBLE):
        if PREAMBLE.startswith(data):
            return Decoded([], 0)
        raise JournalDamaged(f"{name} is not a flor journal")
    if not data.startswith(MAGIC):
        raise JournalDamaged(f"{name} is not a flor journal")
    (version,) = _VERSION.unpack_from(data, len(MAGIC))
    if version not in READABLE:
        raise FormatTooNew(
            f"{name} was written in journal format {version}; this flor reads {READABLE[-1]}",
            hint="pip install --upgrade florctl",
        )
    records: list[Record] = []
    end = len(PREAMBLE)
    for record, stop in frames(data, end):
        records.append(record)
        end = stop
    tail = data[end:]
    return Decoded(records, end, 0 if is_unfinished(tail) else len(tail))


def end_of_last(data: bytes, kind: str) -> int:
    """The offset behind the last whole record of a kind; 0 where there is none.

    >>> piece = PREAMBLE + encode_frame({"kind": "piece"})
    >>> end_of_last(piece + encode_frame({"kind": "end"}), "piece") == len(piece)
    True
    """
    found = 0
    for record, stop in frames(data, len(PREAMBLE)):
        found = stop if record["kind"] == kind else found
    return found


def is_unfinished(tail: bytes) -> bool:
    """Whether what follows the last whole frame is no more than the beginning of another.

    >>> is_unfinished(b""), is_unfinished(encode_frame({"kind": "end"})[:-1])
    (True, True)
    """
    if len(tail) < _FRAME.size or not any(tail):  # a power cut can leave zeros behind
        return True
    length, _ = _FRAME.unpack_from(tail, 0)
    return bool(length > len(tail) - _FRAME.size) and not _holds_frame(tail)


def _holds_frame(tail: bytes) -> bool:
    """Whether a whole frame begins anywhere: then it was the length before it that has changed."""
    at = tail.find(b"{", _FRAME.size + 1)
    while at >= 0:
        length, checksum = _FRAME.unpack_from(tail, at - _FRAME.size)
        if 0 < length <= len(tail) - at and zlib.crc32(tail[at : at + length]) == checksum:
            return True
        at = tail.find(b"{", at + 1)
    return False


def load(body: bytes) -> Record:
    """The record in the payload of a frame; ValueError where it is no JSON."""
    record: Record = loads(body.decode("utf-8", "surrogatepass"))
    return record


def frames(
    data: bytes, start: int = 0, *, load: Callable[[bytes], Record] = load
) -> Iterator[tuple[Record, int]]:
    """Every whole frame from an offset on: its record, and the offset behind it.

    Args:
        data: of a journal, or a part of it that begins with a frame.
        start: offset of the first.
        load: does what `load` does.

    >>> [record for record, _ in frames(encode_frame({"kind": "end"}))]
    [{'kind': 'end'}]
    """
    at = start
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        body = data[at + _FRAME.size : at + _FRAME.size + length]
        # Eight zero bytes, which a power cut can leave behind, are a frame of no length.
        if not length or len(body) < length or zlib.crc32(body) != checksum:
            return
        at += _FRAME.size + length
        yield load(body), at
