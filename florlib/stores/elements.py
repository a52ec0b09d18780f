"""Elements that torch or numpy has stored, as numpy has them, without torch; and figures of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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


_WIDENED: Mapping[str, Callable[[memoryview], Array]] = {
    "bfloat16": _bfloat16,
    "complex32": _complex32,
    "float8_e4m3fn": _by_table(4, 7, "fn"),
    "float8_e4m3fnuz": _by_table(4, 8, "fnuz"),
    "float8_e5m2": _by_table(5, 15, "ieee"),
    "float8_e5m2fnuz": _by_table(5, 16, "fnuz"),
    "float8_e8m0fnu": _powers,
}
