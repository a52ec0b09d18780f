"""Logged values as JSON: what goes into a journal comes out equal, bit for bit.

Live tensors and arrays are turned into `Array` by the runtime; this file knows no torch.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from florlib.ground.histogram import Histogram
from florlib.ground.stored_array import FIGURES, STORED, StoredArray

# Tags stand in a one-key object so that a plain dict of the user's is never mistaken for one.
_FLOAT, _INT, _ARRAY, _BYTES, _OTHER, _TUPLE, _DICT, _COMPLEX, _HISTOGRAM, _LOST = (
    "$float",
    "$int",
    "$array",
    "$bytes",
    "$other",
    "$tuple",
    "$dict",
    "$complex",
    "$histogram",
    "$lost",
)

# Longer ones are hexadecimal: Python refuses to write more than 4,300 digits
# (sys.set_int_max_str_digits).
LONGEST_INT_BITS = 8192


@dataclass(frozen=True, slots=True)
class Array:
    """The content of a logged tensor or array.

    Attributes:
        dtype: numpy's or torch's name of the element type, "float32".
        shape: sizes, outermost first.
        data: the elements in C order, little-endian.
        library: "torch" or "numpy".
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    library: str


@dataclass(frozen=True, slots=True)
class Other:
    """A logged object that is no number, text, array, histogram or tree of them: its type and repr."""

    type_name: str
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that was logged and could not be kept: why."""

    reason: str


def encode_value(value: Any) -> Any:
    """Turn a logged value into JSON.

    >>> encode_value([1.5, float("nan"), None])
    [1.5, {'$float': 'NaN'}, None]
    >>> decode_value(encode_value({"a": (1, 2)})) == {"a": (1, 2)}
    True
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else {_FLOAT: _float_name(value)}
    if kind is int and value.bit_length() > LONGEST_INT_BITS:
        return {_INT: hex(value)}
    if value is None or kind in (bool, int, str):
        return value
    if kind is list:
        return [encode_value(item) for item in value]
    if kind is tuple:
        return {_TUPLE: [encode_value(item) for item in value]}
    if kind is dict:
        return _encode_dict(value)
    if kind is bytes:
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if kind is complex:
        return {_COMPLEX: [encode_value(value.real), encode_value(value.imag)]}
    if isinstance(value, Array):
        text = base64.b64encode(value.data).decode("ascii")
        return {_ARRAY: [value.library, value.dtype, list(value.shape), text]}
    if isinstance(value, Other):
        return {_OTHER: [value.type_name, value.text]}
    if isinstance(value, StoredArray):
        return {STORED: _stored_fields(value)}
    if isinstance(value, Histogram):
        return {_HISTOGRAM: _histogram_fields(value)}
    if isinstance(value, Lost):
        return {_LOST: value.reason}
    raise TypeError(f"{kind.__qualname__} is no logged value")


def _stored_fields(value: StoredArray) -> list[Any]:
    figures = {name: encode_value(one) for name, one in value.figures.items()}
    return [value.library, value.dtype, list(value.shape), value.digest, value.bytes, figures]


def _decode_stored(body: list[Any]) -> StoredArray:
    library, dtype, shape, digest, size, figures = body
    return StoredArray(library, dtype, tuple(shape), digest, size, decode_value(figures))


def _histogram_fields(value: Histogram) -> dict[str, Any]:
    return {
        "edges": list(value.edges),
        "counts": list(value.counts),
        **{name: getattr(value, name) for name in _OUTSIDE},
    }


_OUTSIDE = ("below", "above", "nan", "negative_infinity", "positive_infinity")


def _float_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _encode_dict(value: Mapping[Any, Any]) -> Any:
    plain = all(type(key) is str and not key.startswith("$") for key in value)
    if plain:
        return {key: encode_value(item) for key, item in value.items()}
    return {_DICT: [[encode_value(key), encode_value(item)] for key, item in value.items()]}


def decode_value(content: Any) -> Any:
    """The value that `encode_value` was given."""
    if isinstance(content, list):
        return [decode_value(item) for item in content]
    if not isinstance(content, dict):
        return content
    if len(content) == 1:
        ((tag, body),) = content.items()
        decoder = _DECODERS.get(tag)
        if decoder is not None:
            return decoder(body)
    return {key: decode_value(item) for key, item in content.items()}


_DECODERS: dict[str, Callable[[Any], Any]] = {
    _FLOAT: lambda body: float(body.replace("Infinity", "inf").replace("NaN", "nan")),
    _INT: lambda body: int(body, 16),
    _TUPLE: lambda body: tuple(decode_value(item) for item in body),
    _DICT: lambda body: {decode_value(key): decode_value(item) for key, item in body},
    _BYTES: base64.b64decode,
    _COMPLEX: lambda body: complex(decode_value(body[0]), decode_value(body[1])),
    _ARRAY: lambda body: Array(body[1], tuple(body[2]), base64.b64decode(body[3]), body[0]),
    _OTHER: lambda body: Other(body[0], body[1]),
    _HISTOGRAM: lambda body: Histogram(
        tuple(body["edges"]), tuple(body["counts"]), *(body[name] for name in _OUTSIDE)
    ),
    STORED: _decode_stored,
    _LOST: Lost,
}


def stored_arrays(content: Any) -> Iterator[StoredArray]:
    """All large arrays within an encoded value.

    >>> [one.digest for one in stored_arrays([{"$stored": ["torch", "int8", [9], "ab", 9, {}]}, 1])]
    ['ab']
    """
    if isinstance(content, list):
        for item in content:
            yield from stored_arrays(item)
    elif isinstance(content, dict):
        if content.keys() == {STORED}:
            yield _decode_stored(content[STORED])
        else:
            for item in content.values():
                yield from stored_arrays(item)


def plain_json(content: Any) -> Any:
    """The encoded value as other programs like to read it (`flor log get --json`).

    Floats that JSON cannot hold are the strings "NaN", "Infinity", "-Infinity", very long
    integers hexadecimal text; tuples are lists; an array is an object with dtype, shape and its
    values in base64, or in place of them the digest that its file is named by, and its figures; a
    histogram is one with edges and counts, a lost value one with the reason.

    >>> plain_json({"$tuple": [1, {"$float": "NaN"}]})
    [1, 'NaN']
    """
    if isinstance(content, list):
        return [plain_json(item) for item in content]
    if not isinstance(content, dict):
        return content
    if len(content) == 1:
        ((tag, body),) = content.items()
        if tag in (_FLOAT, _INT, _BYTES):
            return body
        if tag in (_TUPLE, _COMPLEX):
            return [plain_json(item) for item in body]
        if tag == _DICT:
            return {str(plain_json(key)): plain_json(item) for key, item in body}
        if tag == _ARRAY:
            library, dtype, shape, data = body
            return {"library": library, "dtype": dtype, "shape": shape, "base64": data}
        if tag == _OTHER:
            return body[1]
        if tag == STORED:
            library, dtype, shape, digest, size, figures = body
            known = {"library": library, "dtype": dtype, "shape": shape}
            shown = {name: plain_json(figures[name]) for name in FIGURES if name in figures}
            return {**known, "digest": digest, "bytes": size, **shown}
        if tag == _HISTOGRAM:
            return body
        if tag == _LOST:
            return {"lost": body}
    return {key: plain_json(item) for key, item in content.items()}
