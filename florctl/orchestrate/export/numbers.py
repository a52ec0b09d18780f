"""Logged values as single numbers and as arrays, for formats that hold nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from florctl.orchestrate.export.tables import cell_of
from florlib.ground.values import Array, decode_value

if TYPE_CHECKING:
    from florlib.stores.elements import Array as Elements


def number_of(content: Any) -> float | None:
    """A logged value, given as JSON of the journal, as a float64; None where it is no one number.

    >>> number_of(True), number_of({"$float": "-Infinity"}), number_of("0.5")
    (1.0, -inf, None)
    """
    if type(content) is float:
        return content
    cell = cell_of(content)
    if isinstance(cell, (bool, int, float)):
        try:
            return float(cell)
        except OverflowError:
            return None
    elements = elements_of(content)
    if elements is None or elements.size != 1 or elements.dtype.kind not in "biuf":
        return None
    return float(elements.reshape(-1)[0])


def elements_of(content: Any) -> Elements | None:
    """The elements of a logged tensor or array; None where it is none, or has no numbers."""
    array = decode_value(content) if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(array, Array):
        return None
    from florlib.stores.elements import NoElements, typed

    try:
        return typed(memoryview(array.data), array.dtype).reshape(array.shape)
    except NoElements:
        return None
