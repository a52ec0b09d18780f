"""Contents made shorter without loss: the bytes of equal weight together, each plane by zstd where that pays.

Of a float's bytes the ones with the exponent are alike from element to element, and the ones with the
end of the mantissa are noise: apart, the first shrink to a half and the others are left as they are.
Which width the elements have is tried on samples, so nothing has to be known of the content.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any, Protocol, cast

from florlib.ground.errors import UsageError

MAGIC = b"FLORPLN1"
WIDTHS = (1, 2, 4, 8)
LEVEL = 1
WORTH_SHARE = 0.97  # of the content, that its coded form may take at most
SAMPLES, SAMPLE_BYTES = 4, 16 << 10  # spread over the content
_HEAD = struct.Struct("<8sBxxxxxxxQ")  # magic, width, bytes of the content
_PLANE = struct.Struct("<BxxxxxxxQ")  # method, bytes of the plane as it is stored
_AS_IT_IS, _ZSTD = 0, 1


class Damaged(ValueError):
    """Bytes that are no coded content, or not the one they should be."""


class _Zstd(Protocol):
    def compress(self, data: Any, level: int) -> bytes: ...

    def ZstdDecompressor(self) -> Any: ...

    @property
    def ZstdError(self) -> type[Exception]: ...


def can_code() -> bool:
    """Whether this Python has zstd."""
    try:
        _zstd()
    except UsageError:  # where it is wanted for reading, there is no way around it
        return False
    return True


def encode(content: bytes) -> bytes | None:
    """The coded form of a content; None where it is not worth the work."""
    zstd = _zstd()
    width, pays = _tried(content, zstd)
    if not any(pays):
        return None
    whole = len(content) - len(content) % width
    parts = [_HEAD.pack(MAGIC, width, len(content))]
    for plane, worth in zip(_planes(content[:whole], width), pays, strict=True):
        stored = zstd.compress(plane, LEVEL) if worth else plane
        parts += [_PLANE.pack(_ZSTD if worth else _AS_IT_IS, len(stored)), stored]
    parts.append(content[whole:])
    coded = b"".join(parts)
    return coded if len(coded) <= WORTH_SHARE * len(content) else None


def decode(coded: bytes, length: int) -> bytes:
    """The content again.

    Args:
        coded: what `encode` gave.
        length: of the content, so that nothing larger is ever made.

    Raises:
        Damaged: it is nothing of that length.
        UsageError: this Python has no zstd.
    """
    if len(coded) < _HEAD.size:
        raise Damaged("it ends within its head")
    magic, width, told = _HEAD.unpack_from(coded)
    if magic != MAGIC or width not in WIDTHS or told != length:
        raise Damaged("its head is not that of the content")
    zstd, at, planes = _zstd(), _HEAD.size, []
    for _ in range(width):
        plane, at = _plane(coded, at, length // width, zstd)
        planes.append(plane)
    rest = coded[at:]
    if len(rest) != length % width:
        raise Damaged("its end is cut off")
    return _woven(planes, length // width) + rest


def _plane(coded: bytes, at: int, length: int, zstd: _Zstd) -> tuple[bytes, int]:
    if len(coded) < at + _PLANE.size:
        raise Damaged("it ends within a plane")
    method, stored = _PLANE.unpack_from(coded, at)
    start = at + _PLANE.size
    plane = coded[start : start + stored]
    if method == _ZSTD:
        try:
            plane = zstd.ZstdDecompressor().decompress(plane, length + 1)
        except zstd.ZstdError as error:
            raise Damaged(str(error)) from None
    if len(plane) != length:
        raise Damaged("a plane has another length")
    return plane, start + stored


def _tried(content: bytes, zstd: _Zstd) -> tuple[int, list[bool]]:
    """(the width that samples come out shortest with, which planes are worth compressing then)."""
    sample = _sample(content)
    best: tuple[int, int, list[bool]] = (len(sample), 1, [False])
    for width in WIDTHS:
        planes = _planes(sample[: len(sample) - len(sample) % width], width)
        lengths = [len(zstd.compress(plane, LEVEL)) for plane in planes]
        pays = [new < 0.95 * len(old) for new, old in zip(lengths, planes, strict=True)]
        total = sum(
            new if worth else len(old)
            for new, old, worth in zip(lengths, planes, pays, strict=True)
        )
        if total < best[0]:
            best = (total, width, pays)
    return best[1], best[2]


def _sample(content: bytes) -> bytes:
    if len(content) <= SAMPLES * SAMPLE_BYTES:
        return content
    step = len(content) // SAMPLES // 8 * 8  # so that elements are not cut through
    return b"".join(content[n * step : n * step + SAMPLE_BYTES] for n in range(SAMPLES))


def _planes(content: bytes, width: int) -> list[bytes]:
    if width == 1:
        return [content]
    import numpy

    elements = numpy.frombuffer(content, numpy.uint8).reshape(-1, width)
    return [elements[:, byte].tobytes() for byte in range(width)]


def _woven(planes: Sequence[bytes], elements: int) -> bytes:
    if len(planes) == 1:
        return planes[0]
    import numpy

    content = numpy.empty((elements, len(planes)), numpy.uint8)
    for byte, plane in enumerate(planes):
        content[:, byte] = numpy.frombuffer(plane, numpy.uint8)
    return content.tobytes()


def _zstd() -> _Zstd:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return cast(_Zstd, zstd)
    try:
        from backports import zstd as backported
    except ModuleNotFoundError:
        raise UsageError(
            "what lies in the spool is compressed, and this Python has no zstd",
            hint="pip install 'florctl[s3]'",
        ) from None
    return cast(_Zstd, backported)
