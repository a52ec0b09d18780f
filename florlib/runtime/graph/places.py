"""What stands in a place of a live object, or that nothing does."""

from __future__ import annotations

import collections
import enum
import gc
import types
import weakref
from collections.abc import Iterator
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


GIVEN_NAMES = frozenset(
    {
        "__annotations__",
        "__annotate__",
        "__builtins__",
        "__cached__",
        "__conditional_annotations__",
        "__doc__",
        "__file__",
        "__flor__",
        "__loader__",
        "__name__",
        "__package__",
        "__path__",
        "__spec__",
        "__warningregistry__",
    }
)
"""What Python itself binds in a module."""

WRAPPERS = (staticmethod, classmethod, property)


def functions_in(name: str, wrapper: Any) -> list[tuple[str, types.FunctionType]]:
    """(name, function) of what a class attribute wraps: of a property up to three."""
    if isinstance(wrapper, property):
        parts = [(f"{name}.{part}", getattr(wrapper, part)) for part in ("fget", "fset", "fdel")]
    else:
        parts = [(f"{name}.__func__", wrapper.__func__)]
    return [(part, item) for part, item in parts if type(item) is types.FunctionType]


def member_attributes(cls: enum.EnumMeta) -> Iterator[tuple[str, Any]]:
    """("MEMBER.attribute", value) of what an enumeration's members hold besides their values."""
    members: dict[str, Any] = dict(cls.__members__)
    for name, member in members.items():
        for attribute, item in vars(member).items():
            if not attribute.startswith("_"):
                yield f"{name}.{attribute}", item


def class_part(cls: Any, part: str) -> Any:
    """What `class_attributes` names, in a live class."""
    name, _, inside = part.partition(".")
    if inside and isinstance(cls, enum.EnumMeta) and name in cls.__members__:
        return vars(cls.__members__[name]).get(inside, ABSENT)
    item = ABSENT if cls is ABSENT else vars(cls).get(name, ABSENT)
    if not inside:
        return item
    return (
        dict(functions_in(name, item)).get(part, ABSENT) if isinstance(item, WRAPPERS) else ABSENT
    )


def referent(present: Any) -> Any:
    """What a weak reference leads to, if it is one and that is still there."""
    target = present() if isinstance(present, weakref.ref) else None
    return ABSENT if target is None else target


def proxied(present: Any) -> Any:
    """What a `types.MappingProxyType` shows, if it is one."""
    if type(present) is not types.MappingProxyType:
        return ABSENT
    return next(iter(gc.get_referents(present)), ABSENT)


def cell_content(cell: Any) -> Any:
    """What a closure's variable is bound to, if it is bound."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def cells_of(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    return dict(zip(names, function.__closure__ or (), strict=True))
