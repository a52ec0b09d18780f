"""Values without an identity of their own: numbers, text, references to classes and functions.

In a captured tree JSON's own null, booleans, integers, finite floats and strings stand for
themselves; everything else is a list whose first element is one of the tags below. `["r", n]`
refers to node n, which is how objects with an identity appear.
"""

from __future__ import annotations

import base64
import enum
import math
import sys
import types
from pathlib import PurePath
from typing import Any

from florlib.ground.values import LONGEST_INT_BITS

REFERENCE = "r"
LIVE = "live"
WEAK = "weak"
PROXY = "proxy"

LONG_TEXT = 4096  # characters of a text, or bytes, that are a block as well
_SAFE_BITS = 62  # any reader takes such integers
PLAIN = frozenset({type(None), bool, int, str})


class NotALeaf(Exception):
    """The object has an identity and belongs into a node."""


def stands_for_itself(value: Any) -> bool:
    """Whether a value is its own JSON, and short."""
    cls = type(value)
    if cls is str:
        return bool(len(value) < LONG_TEXT)
    if cls is int:
        return bool(value.bit_length() <= _SAFE_BITS)
    if cls is float:
        return math.isfinite(value)
    return value is None or cls is bool


def encode_float(value: float) -> Any:
    """JSON for one float, NaN and infinities included."""
    return value if math.isfinite(value) else ["f", repr(value)]


def encode_leaf(value: Any) -> Any:
    """JSON for an immutable value that holds no other objects.

    Raises:
        NotALeaf: the value is something else.
    """
    kind = type(value)
    if kind is int and value.bit_length() > LONGEST_INT_BITS:
        return ["int", hex(value)]
    if kind in PLAIN:
        return value
    if kind is float:
        return encode_float(value)
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value)
    if isinstance(value, enum.Flag):  # a combination of flags is no member and has no name
        return ["flag", kind.__module__, kind.__qualname__, value.value]
    if isinstance(value, enum.Enum):
        return ["enum", kind.__module__, kind.__qualname__, value.name]
    if isinstance(value, PurePath):
        return ["path", kind.__name__, str(value)]
    encoded = _encode_library_leaf(value, kind)
    if encoded is None:
        raise NotALeaf
    return encoded


def _encode_library_leaf(value: Any, kind: type) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None:
        if kind is torch.dtype:
            return ["torch", str(value).removeprefix("torch.")]
        if kind in (torch.layout, torch.memory_format):
            return ["torch", str(value).removeprefix("torch.")]
        if kind is torch.device:
            return ["device", str(value)]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic) and value.dtype.names is not None:
            return None  # a record, which can be written to
        if isinstance(value, numpy.generic) and not value.dtype.hasobject:
            data = base64.b64encode(value.tobytes()).decode("ascii")
            return ["np", value.dtype.str, data]
        if isinstance(value, numpy.dtype) and value.names is None:
            return ["npdtype", value.str]
    return None


_ENCODERS: dict[type, Any] = {
    bytes: lambda value: ["b", base64.b64encode(value).decode("ascii")],
    complex: lambda value: ["c", encode_float(value.real), encode_float(value.imag)],
    range: lambda value: ["range", value.start, value.stop, value.step],
    type(Ellipsis): lambda value: ["ellipsis"],
    type(NotImplemented): lambda value: ["notimplemented"],
}


def decode_leaf(content: list[Any]) -> Any:
    """The value for a tagged list that `encode_leaf` made."""
    return _DECODERS[content[0]](*content[1:])


def _decode_float(value: Any) -> float:
    return float(value[1]) if isinstance(value, list) else float(value)


def _decode_int(text: str) -> int:
    return int(text, 16)


def _decode_enum(module: str, qualname: str, name: str) -> Any:
    return find_global(module, qualname)[name]


def _decode_flag(module: str, qualname: str, value: int) -> Any:
    return find_global(module, qualname)(value)


def _decode_path(kind: str, text: str) -> Any:
    import pathlib

    return getattr(pathlib, kind)(text)


def _decode_torch(name: str) -> Any:
    return getattr(sys.modules["torch"], name)


def _decode_device(text: str) -> Any:
    return sys.modules["torch"].device(text)


def _decode_global(module: str, qualname: str) -> Any:
    return find_global(module, qualname)


def _decode_numpy_scalar(dtype: str, data: str) -> Any:
    import numpy

    return numpy.frombuffer(base64.b64decode(data), dtype=dtype)[0]


def _decode_numpy_dtype(text: str) -> Any:
    import numpy

    return numpy.dtype(text)


_DECODERS: dict[str, Any] = {
    "f": float,
    "b": base64.b64decode,
    "c": lambda real, imag: complex(_decode_float(real), _decode_float(imag)),
    "range": range,
    "ellipsis": lambda: Ellipsis,
    "notimplemented": lambda: NotImplemented,
    "enum": _decode_enum,
    "flag": _decode_flag,
    "int": _decode_int,
    "path": _decode_path,
    "torch": _decode_torch,
    "device": _decode_device,
    "np": _decode_numpy_scalar,
    "npdtype": _decode_numpy_dtype,
    "g": _decode_global,
}
LEAF_TAGS = frozenset(_DECODERS)


class GlobalNotFound(LookupError):
    """A class or function that a checkpoint names does not exist in this process."""


def find_global(module: str, qualname: str) -> Any:
    """The object that a module holds under a dotted name.

    Raises:
        GlobalNotFound: the module is not loaded and cannot be imported, or has no such name.
    """
    import importlib

    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise GlobalNotFound(f"{module}.{qualname}") from error
    return found


def global_name(value: Any) -> list[str] | None:
    """["g", module, qualname] where that name leads back to the same object, else None."""
    module = getattr(value, "__module__", None)
    qualname = getattr(value, "__qualname__", None)
    if isinstance(value, types.ModuleType):
        return None
    if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
        return None
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return ["g", module, qualname] if found is value else None


def class_name(cls: type) -> list[str]:
    """[module, qualname] of a class."""
    return [cls.__module__, cls.__qualname__]
