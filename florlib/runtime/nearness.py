"""Blocks of numbers held against each other on devices that do not repeat themselves bit for bit."""

from __future__ import annotations

import sys
from typing import Any

Numbers = tuple[str, memoryview]
"""(element type as torch or numpy spells it, bytes)"""


def are_near(one: Numbers, other: Numbers, tolerance: float) -> bool:
    """Whether two blocks are the same up to a tolerance.

    Numbers near zero are what rounding changes most, so the difference is held against the largest
    number of the block, not against each number by itself. Only floats may differ at all; what is
    not finite has to be the same in both.

    Args:
        one: a block of memory.
        other: likewise.
        tolerance: largest difference, as a share of the largest finite number of the two.
    """
    if one[0] != other[0] or len(one[1]) != len(other[1]):
        return False
    if not len(one[1]):
        return True
    if "torch" in sys.modules:
        return _near_tensors(sys.modules["torch"], one, other, tolerance)
    if "numpy" in sys.modules:
        return _near_arrays(sys.modules["numpy"], one, other, tolerance)
    return False


def _near_tensors(torch: Any, one: Numbers, other: Numbers, tolerance: float) -> bool:
    dtype = getattr(torch, one[0], None)
    if dtype is None or not (dtype.is_floating_point or dtype.is_complex):
        return False
    left, right = (
        torch.frombuffer(bytearray(data), dtype=torch.uint8).view(dtype) for _, data in (one, other)
    )
    wide = torch.complex128 if dtype.is_complex else torch.float64
    left, right = left.to(wide), right.to(wide)
    finite = torch.isfinite(left) & torch.isfinite(right)
    if not torch.equal(left[~finite].nan_to_num(nan=0.5), right[~finite].nan_to_num(nan=0.5)):
        return False
    return _within(left[finite].abs(), right[finite].abs(), (left - right)[finite].abs(), tolerance)


def _near_arrays(numpy: Any, one: Numbers, other: Numbers, tolerance: float) -> bool:
    dtype = numpy.dtype(one[0])
    if dtype.kind not in "fc":
        return False
    left, right = (numpy.frombuffer(data, dtype=dtype) for _, data in (one, other))
    finite = numpy.isfinite(left) & numpy.isfinite(right)
    if not numpy.array_equal(left[~finite], right[~finite], equal_nan=True):
        return False
    left, right = left[finite], right[finite]
    return _within(abs(left), abs(right), abs(left - right), tolerance)


def _within(left: Any, right: Any, difference: Any, tolerance: float) -> bool:
    if not len(difference):
        return True
    largest = max(float(left.max()), float(right.max()))
    return float(difference.max()) <= tolerance * largest
