"""What stands in a place of a live object, or that nothing does."""

from __future__ import annotations

import collections
from typing import Any

from florlib.runtime.graph import kinds

Root = tuple[str, str]
"""(scope, name) from which objects are reached."""


class _Absent:
    """Stands for 'there is no live object here'."""


ABSENT: Any = _Absent()

PLAIN_CLASS: dict[str, type] = {
    "dict": dict,
    "list": list,
    "set": set,
    "deque": collections.deque,
    "bytearray": bytearray,
}
"""The class of a node that names none."""


def item_at(items: Any, index: int) -> Any:
    if items is ABSENT or index >= len(items):
        return ABSENT
    return items[index]


def attribute_of(present: Any, name: str) -> Any:
    if present is ABSENT:
        return ABSENT
    attributes = getattr(present, "__dict__", None)
    if attributes is not None and name in attributes:
        return attributes[name]
    return getattr(present, name, ABSENT) if name in kinds.slot_names(type(present)) else ABSENT


def cell_content(cell: Any) -> Any:
    """What a closure's variable is bound to, if it is bound."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def cells_of(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    return dict(zip(names, function.__closure__ or (), strict=True))
