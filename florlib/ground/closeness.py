"""Encoded values held against each other: the same bits, or near enough."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from florlib.ground.checkpoint_format import digest
from florlib.ground.stored_array import LEAST_BYTES, STORED


def same_value(one: Any, other: Any) -> bool:
    """Whether two encoded values are the same bits: 1, 1.0 and true are three values.

    >>> same_value(1, 1.0), same_value(0.0, -0.0), same_value([1.5], [1.5])
    (False, False, True)
    """
    return _comparable(one) == _comparable(other)


def _comparable(value: Any) -> str:
    is_tree = isinstance(value, list | dict)
    return json.dumps(_without_figures(value) if is_tree else value, sort_keys=True)


def _without_figures(value: Any) -> Any:
    """The value with what tells the elements of large arrays apart, wherever those lie."""
    if isinstance(value, list):
        return [_without_figures(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {STORED}:
        return {STORED: value[STORED][:4]}
    if value.keys() == {"$array"}:
        *known, text = value["$array"]
        # Written by a flor that had them in the journal, whatever their size.
        if len(text) > LEAST_BYTES:
            return {STORED: [*known, digest(base64.b64decode(text))]}
    return {key: _without_figures(item) for key, item in value.items()}


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
