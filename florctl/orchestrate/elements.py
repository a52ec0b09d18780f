"""The elements of recorded tensors and arrays as numpy has them, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from florctl.orchestrate.state_tree import StateTree
from florlib.ground.errors import FlorError

Array = np.ndarray[Any, np.dtype[Any]]


class NoElements(FlorError):
    """What was asked for is no tensor or array whose elements can be told."""

    code, exit_status = "no-elements", 2


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of a tensor; those of no element, and what complex numbers do not have, are None.

    Attributes:
        elements: how many there are.
        min, max, mean: of the finite ones, in float64.
        std: likewise, divided by their number less one, as torch does.
        norm: the root of the sum of the squares of all of them.
        nan, inf: how many are none.
    """

    elements: int
    min: float | int | None
    max: float | int | None
    mean: float | None
    std: float | None
    norm: float | None
    nan: int
    inf: int


def elements_of(tree: StateTree, name: str, content: Any) -> Array:
    """The elements of a tensor or array, in its shape.

    numpy has no bfloat16 and no 8-bit floats: those are float32, which holds each of them exactly.
    Quantised elements are float32 as torch dequantises them.

    Raises:
        NoElements: it is none, or one of objects.
        CheckpointDamaged, CheckpointMissing: see `Checkpoint.read`.
    """
    node = tree.node(content)
    find = _KINDS.get(node["k"]) if node is not None else None
    if node is None or find is None:
        raise NoElements(f"{name} is {tree.describe(content)}, whose elements cannot be told")
    return find(tree, node)


def stats_of(array: Array) -> Stats:
    """Figures of an array.

    >>> stats_of(np.array([1.0, 3.0, np.nan])).mean
    2.0
    """
    flat = array.reshape(-1)
    is_float = flat.dtype.kind in "fc"
    nan = int(np.isnan(flat).sum()) if is_float else 0
    inf = int(np.isinf(flat).sum()) if is_float else 0
    finite = flat[np.isfinite(flat)] if nan or inf else flat
    if flat.dtype.kind == "c" or not finite.size:
        norm = float(np.linalg.norm(flat.astype(np.complex128))) if flat.size else None
        return Stats(flat.size, None, None, None, None, norm, nan, inf)
    wide = finite.astype(np.float64)
    mean = float(wide.mean())
    std = float(wide.std(ddof=1)) if wide.size > 1 else None
    # A norm of what is not all finite is not finite either, as torch has it.
    norm = float(np.linalg.norm(wide)) if not nan and not inf else (math.nan if nan else math.inf)
    return Stats(flat.size, finite.min().item(), finite.max().item(), mean, std, norm, nan, inf)


def _tensor(tree: StateTree, node: Mapping[str, Any]) -> Array:
    storage = tree.tree["nodes"][node["storage"]]
    dtype = node["dtype"]
    flat = typed(tree.read(storage["t"]), _QUANTIZED.get(dtype, dtype))
    array = _strided(flat, node["offset"], node["shape"], node["stride"])
    if "quantizer" in node:
        return _dequantized(tree, node, array)
    array = array.conj() if node["conj"] else array
    return -array if node["neg"] else array


def _strided(flat: Array, offset: int, shape: list[int], stride: list[int]) -> Array:
    if not math.prod(shape):
        return np.empty(shape, flat.dtype)
    strides = [step * flat.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, strides, writeable=False)


def _dequantized(tree: StateTree, node: Mapping[str, Any], array: Array) -> Array:
    about = node["quantizer"]
    if "axis" not in about:
        steps = array.astype(np.int64) - about["zero_point"]
        found: Array = np.float32(about["scale"]) * steps.astype(np.float32)
        return found
    along = [1] * array.ndim
    along[about["axis"]] = -1
    scales, zero_points = (
        elements_of(tree, part, node[part]).reshape(along).astype(np.float32)
        for part in ("scales", "zero_points")
    )
    found = scales * (array.astype(np.float32) - zero_points)
    return found


def _array(tree: StateTree, node: Mapping[str, Any]) -> Array:
    dtype = np.dtype(node["dtype"])
    if "owner" in node:
        owner = tree.tree["nodes"][node["owner"]]
        data = tree.read(owner["t"])
        if owner["order"] == "F":
            turned = np.frombuffer(data, owner["dtype"]).reshape(owner["shape"])
            data = memoryview(turned.tobytes(order="F"))
        view: Array = np.ndarray(
            node["shape"], dtype, buffer=data, offset=node["offset"], strides=node["strides"]
        )
        return view
    whole: Array = np.frombuffer(tree.read(node["t"]), dtype).reshape(node["shape"])
    return whole


def typed(data: memoryview, dtype: str) -> Array:
    """Bytes as elements of a torch type, one after the other."""
    widen = _WIDENED.get(dtype)
    if widen is not None:
        return widen(data)
    try:
        return np.frombuffer(data, dtype)
    except TypeError:
        raise NoElements(f"numpy has no numbers of type {dtype}") from None


def _bfloat16(data: memoryview) -> Array:
    return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)


def _complex32(data: memoryview) -> Array:
    return np.frombuffer(data, np.float16).astype(np.float32).view(np.complex64)


def _by_table(exponent_bits: int, bias: int, special: str) -> Callable[[memoryview], Array]:
    table = np.array([_small_float(n, exponent_bits, bias, special) for n in range(256)])
    return lambda data: table.astype(np.float32)[np.frombuffer(data, np.uint8)]


def _small_float(bits: int, exponent_bits: int, bias: int, special: str) -> float:
    """The number that 8 bits mean.

    Args:
        bits: sign, exponent, mantissa.
        exponent_bits: how many of them are the exponent.
        bias: of the exponent.
        special: "ieee" has infinities and NaNs at the largest exponent, "fn" a NaN where all bits
            but the sign are set, "fnuz" one NaN in the place of minus zero.
    """
    mantissa_bits = 7 - exponent_bits
    sign = -1.0 if bits >> 7 else 1.0
    exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = bits & ((1 << mantissa_bits) - 1)
    if special == "ieee" and exponent == (1 << exponent_bits) - 1:
        return math.nan if mantissa else sign * math.inf
    if (special == "fn" and bits & 0x7F == 0x7F) or (special == "fnuz" and bits == 0x80):
        return math.nan
    if not exponent:
        return sign * math.ldexp(mantissa, 1 - bias - mantissa_bits)
    return sign * math.ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits)


def _powers(data: memoryview) -> Array:
    """float8_e8m0fnu: powers of two alone; 255 is a NaN."""
    table = np.array([math.ldexp(1.0, n - 127) for n in range(255)] + [math.nan], np.float32)
    return table[np.frombuffer(data, np.uint8)]


_QUANTIZED = {"quint8": "uint8", "qint8": "int8", "qint32": "int32"}
_WIDENED: Mapping[str, Callable[[memoryview], Array]] = {
    "bfloat16": _bfloat16,
    "complex32": _complex32,
    "float8_e4m3fn": _by_table(4, 7, "fn"),
    "float8_e4m3fnuz": _by_table(4, 8, "fnuz"),
    "float8_e5m2": _by_table(5, 15, "ieee"),
    "float8_e5m2fnuz": _by_table(5, 16, "fnuz"),
    "float8_e8m0fnu": _powers,
}
_KINDS: Mapping[str, Callable[[StateTree, Mapping[str, Any]], Array]] = {
    "tensor": _tensor,
    "array": _array,
}
