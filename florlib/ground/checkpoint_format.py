"""The checkpoint file's bytes, format 1: a safetensors file whose metadata holds a tree and digests.

The byte table stands in docs/formats/checkpoint.md. Nothing here touches a disk.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from json import JSONDecoder, dumps, loads
from typing import Any

from xxhash import xxh3_128_hexdigest

from florlib.ground.errors import CheckpointDamaged, FormatTooNew

VERSION = 1
READABLE = (1,)
DATA_ALIGNMENT = 4096  # a page: what O_DIRECT writes and mmap maps start at multiples of it
HEADER_LIMIT_BYTES = 100_000_000  # stock safetensors refuses longer headers

_LENGTH = struct.Struct("<Q")  # length of the header without these 8 bytes
_METADATA = "__metadata__"
# The digest stands first and at a fixed place, so that it can cover every other byte of the header.
_PREFIX = b'{"__metadata__":{"digest":"'
_DIGEST_LENGTH = 32
_COVERED_FROM = len(_PREFIX) + _DIGEST_LENGTH
# How a header goes on behind the digest, if its tree, most of it, can be left unparsed. A quotation
# mark within the text of `flor` has a backslash before it, and one within a string there three: so
# these bytes can stand nowhere else.
_TENSORS = b'","flor":"{\\"format\\":%d,\\"tensors\\":' % VERSION
_TREE = b',\\"tree\\":'
_END = b'}"}'
_JSON = JSONDecoder()

# Only what `safetensors.torch` 0.8 loads: one other name in a header and it refuses the whole file.
_SAFETENSORS_DTYPES: Mapping[str, tuple[str, int]] = {
    "bool": ("BOOL", 1),
    "uint8": ("U8", 1),
    "int8": ("I8", 1),
    "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2": ("F8_E5M2", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1),
    "uint16": ("U16", 2),
    "int16": ("I16", 2),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "uint32": ("U32", 4),
    "int32": ("I32", 4),
    "float32": ("F32", 4),
    "uint64": ("U64", 8),
    "int64": ("I64", 8),
    "float64": ("F64", 8),
    "complex64": ("C64", 8),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a checkpoint: what it is, and where its bytes lie.

    Attributes:
        dtype: the element type as torch or numpy spells it, "bfloat16".
        shape: sizes, outermost first.
        bytes: length of the content.
        digest: xxh3_128 of the content, 32 hexadecimal digits.
        file: name of the file in the same folder that holds the bytes; None for this file.
        stored_as: the name under which that file holds them.
    """

    dtype: str
    shape: tuple[int, ...]
    bytes: int
    digest: str
    file: str | None
    stored_as: str


@dataclass(frozen=True, slots=True)
class Header:
    """All that a checkpoint file says about its content.

    Attributes:
        spans: first byte and byte after the last, counted from the start of the file, of each
            tensor whose bytes lie in this file.
    """

    spans: dict[str, tuple[int, int]]
    _tensors: dict[str, Any] = field(repr=False)
    _tree: bytes = field(repr=False)  # JSON, escaped as in a string

    @property
    def tree(self) -> Any:
        """The JSON given when it was written, parsed at each access: one tensor needs none of it."""
        return _JSON.raw_decode(_unescaped(self._tree))[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Every tensor, also those whose bytes lie elsewhere, in the writer's order."""
        return tuple(self._tensors)

    @property
    def entries(self) -> dict[str, Entry]:
        """What every tensor is."""
        return {name: self.entry(name) for name in self._tensors}

    def entry(self, name: str) -> Entry:
        """What one tensor is; KeyError where there is none."""
        return _entry_from_json(self._tensors[name])


def digest(data: bytes | memoryview) -> str:
    """Hash a tensor's content; the GIL is let go while it runs.

    >>> digest(b"")
    '99aa06d3014798d86001c324468d497f'
    """
    return xxh3_128_hexdigest(data)


def data_order(entries: Mapping[str, Entry]) -> list[str]:
    """The tensors whose bytes follow the header, in their order in the file.

    Wide elements come first: then each tensor starts at a multiple of its element size, and
    none needs a hole before it.
    """
    own = [name for name, entry in entries.items() if (entry.file, entry.stored_as) == (None, name)]
    return sorted(
        own, key=lambda name: alignment(entries[name].shape, entries[name].bytes), reverse=True
    )


def alignment(shape: tuple[int, ...], length: int) -> int:
    """What the first byte of a content must be a multiple of, in bytes.

    >>> alignment((10, 20), 800), alignment((3,), 36)
    (4, 4)
    """
    elements = math.prod(shape)
    if not elements or length % elements:  # sub-byte elements: packed, no size of their own
        return 1
    size = length // elements
    return size & -size  # the largest power of two in it: 4 for the 12 bytes of numpy's "<U3"


class JsonText(str):
    """JSON that has been written as text already, without spaces."""

    __slots__ = ()


def _text(content: Any) -> str:
    return dumps(content, separators=(",", ":"), allow_nan=False)


def encode_header(tree: Any, entries: Mapping[str, Entry]) -> bytes:
    """The bytes in front of the data, a multiple of 4096.

    Args:
        tree: JSON, or its text; floats must be finite.
        entries: every tensor by name; `data_order` tells which contents follow the header.

    Raises:
        ValueError: a length does not fit dtype and shape, a name cannot stand in a header, or the
            header is longer than safetensors reads.
    """
    if _METADATA in entries:
        raise ValueError(f"no tensor can be named {_METADATA}")
    tensors = _text({name: _entry_to_json(entry) for name, entry in entries.items()})
    tree = tree if isinstance(tree, JsonText) else _text(tree)
    text = f'{{"format":{VERSION},"tensors":{tensors},"tree":{tree}}}'
    metadata = {"digest": "0" * _DIGEST_LENGTH, "flor": text}
    header = {_METADATA: metadata, **_placements(entries)}
    body = dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    length = -(-(_LENGTH.size + len(body)) // DATA_ALIGNMENT) * DATA_ALIGNMENT - _LENGTH.size
    if length > HEADER_LIMIT_BYTES:
        raise ValueError(f"a header of {length} bytes; safetensors reads {HEADER_LIMIT_BYTES}")
    covered = body.ljust(length)[_COVERED_FROM:]
    return _LENGTH.pack(length) + _PREFIX + digest(covered).encode("ascii") + covered


def _placements(entries: Mapping[str, Entry]) -> dict[str, Any]:
    placements: dict[str, Any] = {}
    at = 0
    for name in data_order(entries):
        entry = entries[name]
        dtype, shape = _stored_form(name, entry)
        stop = at + entry.bytes
        placements[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, stop]}
        at = stop
    return placements


def _stored_form(name: str, entry: Entry) -> tuple[str, list[int]]:
    """The dtype and shape that safetensors is told; bytes in one row where it has no name."""
    known = _SAFETENSORS_DTYPES.get(entry.dtype)
    if known is None:
        return "U8", [entry.bytes]
    dtype, size = known
    expected = math.prod(entry.shape) * size
    if entry.bytes != expected:
        raise ValueError(
            f"{name}: {entry.dtype} of shape {list(entry.shape)} takes {expected} bytes, "
            f"not {entry.bytes}"
        )
    return dtype, list(entry.shape)


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        "dtype": entry.dtype,
        "shape": list(entry.shape),
        "bytes": entry.bytes,
        "digest": entry.digest,
        "in": entry.file,
        "as": entry.stored_as,
    }


def _entry_from_json(content: Mapping[str, Any]) -> Entry:
    return Entry(
        dtype=content["dtype"],
        shape=tuple(content["shape"]),
        bytes=content["bytes"],
        digest=content["digest"],
        file=content["in"],
        stored_as=content["as"],
    )


def decode_header(data: bytes | memoryview, *, name: str = "checkpoint") -> Header:
    """Read the header of a whole checkpoint file.

    The tensors' contents are not looked at; `Entry.digest` says what they must hash to.

    Args:
        data: the file from its first byte to its last.
        name: what errors call the file.

    Raises:
        CheckpointDamaged: it is no checkpoint, its header does not hash to the digest in it, or
            the file is longer or shorter than the header says.
        FormatTooNew: it was written by a newer flor.
    """
    body, data_start = _header_body(data, name)
    placements, tensors, tree = _split(body) or _parsed(body, name)
    spans = {
        tensor: (
            data_start + placement["data_offsets"][0],
            data_start + placement["data_offsets"][1],
        )
        for tensor, placement in placements.items()
    }
    expected = max((stop for _, stop in spans.values()), default=data_start)
    if len(data) != expected:
        raise CheckpointDamaged(f"{name} has {len(data)} bytes where its header says {expected}")
    return Header(spans, tensors, tree)


def _split(body: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes] | None:
    """Placements, entries and the text of the tree of a header as `encode_header` writes it."""
    if not body.startswith(_TENSORS, _COVERED_FROM):
        return None
    start = _COVERED_FROM + len(_TENSORS)
    tree = body.find(_TREE, start)
    end = body.find(_END, tree)
    if tree < 0 or end < 0:
        return None
    text = _unescaped(body[start:tree])
    tensors, stop = _JSON.raw_decode(text)
    if stop != len(text):  # fields that this version does not know
        return None
    rest = body[end + len(_END) :]
    placements = loads(b"{" + rest[1:]) if rest[:1] == b"," else {}
    return placements, tensors, body[tree + len(_TREE) : end]


def _parsed(body: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The same of any other header."""
    header = loads(body)
    content = loads(header.pop(_METADATA)["flor"])
    version = content["format"]
    if version not in READABLE:
        raise FormatTooNew(
            f"{name} was written in checkpoint format {version}; this flor reads {READABLE[-1]}",
            hint="pip install --upgrade florctl",
        )
    tree = dumps(dumps(content["tree"]))[1:-1]
    return header, content["tensors"], tree.encode("ascii")


def _unescaped(text: bytes) -> str:
    return str(loads(b'"%b"' % text))


def _header_body(data: bytes | memoryview, name: str) -> tuple[bytes, int]:
    """The header's JSON, found whole, and the offset of the first byte after it."""
    if len(data) < _LENGTH.size:
        raise CheckpointDamaged(f"{name} ends after {len(data)} bytes, inside its header")
    (length,) = _LENGTH.unpack_from(data)
    data_start = _LENGTH.size + length
    if data_start > len(data):
        raise CheckpointDamaged(f"{name} ends after {len(data)} bytes, inside its header")
    body = bytes(data[_LENGTH.size : data_start])
    if not body.startswith(_PREFIX):
        raise CheckpointDamaged(f"{name} is not a flor checkpoint, or its first bytes are damaged")
    found = digest(body[_COVERED_FROM:]).encode("ascii")
    if body[len(_PREFIX) : _COVERED_FROM] != found:
        raise CheckpointDamaged(f"the header of {name} does not hash to the digest it carries")
    return body, data_start
