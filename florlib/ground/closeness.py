"""Encoded values held against each other: the same bits, or near enough."""

from __future__ import annotations

import json
import math
from typing import Any


def same_value(one: Any, other: Any) -> bool:
    """Whether two encoded values are the same bits: 1, 1.0 and true are three values.

    >>> same_value(1, 1.0), same_value(0.0, -0.0), same_value([1.5], [1.5])
    (False, False, True)
    """
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def is_close(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two encoded values differ by no more than a tolerance, number by number.

    Args:
        one: as `encode_value` gives it.
        other: likewise.
        tolerance: largest relative difference of two numbers; 0 for none.

    >>> is_close([1.0, {"a": 2}], [1.001, {"a": 2}], 0.01), is_close(1, True, 0.5)
    (True, False)
    """
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(is_close(a, b, tolerance) for a, b in pairs)
    if isinstance(one, dict) and isinstance(other, dict):
        shared = one.keys() == other.keys()
        return shared and all(is_close(one[key], other[key], tolerance) for key in one)
    if _is_number(one) and _is_number(other):
        return math.isclose(one, other, rel_tol=tolerance)
    return same_value(one, other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
