"""Values of a captured tree that hold no others, as Python has them or as a text that tells them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Shown:
    """Stands for an object that only its own process can make: a text that tells what it is."""

    text: str

    def __repr__(self) -> str:
        """The text alone, so that containers read well."""
        return self.text


def leaf_value(content: list[Any]) -> Any:
    """The value of a tagged list without references in it."""
    return _LEAVES.get(content[0], _unknown)(content)


def dtype_name(dtype: str) -> str:
    """The name of an element type that numpy spells in short.

    >>> dtype_name("<f4"), dtype_name("<U3"), dtype_name("bfloat16")
    ('float32', '<U3', 'bfloat16')
    """
    return _DTYPES.get(dtype, dtype)


def item_bytes(dtype: str) -> int:
    """Bytes of an element of a type as torch or numpy spells it.

    >>> item_bytes("bfloat16"), item_bytes("float8_e4m3fn"), item_bytes("<U3"), item_bytes("bool")
    (2, 1, 12, 1)
    """
    number = _NUMBER.search(dtype)
    if number is None:
        return 1
    count = int(number[0])
    if not dtype[0].isalnum():  # numpy's: counted in bytes, text in characters of four
        return count * 4 if dtype[1] == "U" else count
    return max(1, count // 8)


def leaf_type(content: Any) -> str:
    """The class of a value that stands for itself, or of a tagged list."""
    if not isinstance(content, list):
        return type(content).__name__
    if content[0] in ("nt", "enum", "flag"):
        return str(content[2])
    if content[0] == "np":
        return dtype_name(content[1])
    return str(_TAG_TYPES.get(content[0], content[0]))


def _unknown(content: list[Any]) -> Any:
    return Shown(f"<{' '.join(map(str, content))}>")


def _complex(content: list[Any]) -> complex:
    real, imag = (float(part[1] if isinstance(part, list) else part) for part in content[1:])
    return complex(real, imag)


def _numpy_scalar(content: list[Any]) -> Any:
    import numpy

    return numpy.frombuffer(base64.b64decode(content[2]), dtype=content[1])[0]


_TAG_TYPES: dict[str, str] = {
    "f": "float",
    "int": "int",
    "b": "bytes",
    "c": "complex",
    "t": "tuple",
    "fs": "frozenset",
    "text": "str",
    "data": "bytes",
    "torch": "torch",
    "path": "path",
}
_LEAVES: dict[str, Callable[[list[Any]], Any]] = {
    "f": lambda content: float(content[1]),
    "int": lambda content: int(content[1], 16),
    "b": lambda content: base64.b64decode(content[1]),
    "c": _complex,
    "range": lambda content: range(*content[1:]),
    "ellipsis": lambda content: ...,
    "enum": lambda content: Shown(f"{content[2]}.{content[3]}"),
    "flag": lambda content: Shown(f"{content[2]}({content[3]})"),
    "path": lambda content: Shown(f"{content[1]}({content[2]!r})"),
    "torch": lambda content: Shown(f"torch.{content[1]}"),
    "device": lambda content: Shown(f"torch.device({content[1]!r})"),
    "np": _numpy_scalar,
    "npdtype": lambda content: Shown(f"dtype({content[1]!r})"),
    "g": lambda content: Shown(f"{content[1]}.{content[2]}"),
    "live": lambda content: Shown(f"<{content[1]}, not captured>"),
    "file": lambda content: Shown(f"<file at {content[1]}>"),
}
_DTYPES: dict[str, str] = {
    "|b1": "bool",
    "|i1": "int8",
    "|u1": "uint8",
    "<i2": "int16",
    "<i4": "int32",
    "<i8": "int64",
    "<u2": "uint16",
    "<u4": "uint32",
    "<u8": "uint64",
    "<f2": "float16",
    "<f4": "float32",
    "<f8": "float64",
    "<c8": "complex64",
    "<c16": "complex128",
    "|O": "object",
}
