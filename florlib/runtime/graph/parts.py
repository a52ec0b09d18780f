"""What an object consists of, and what its parts are called."""

from __future__ import annotations

import array
import collections
import types
from collections.abc import Iterable
from typing import Any

from florlib.runtime.graph import kinds, memory

# From this length on a list of equal numbers is one block of memory instead of JSON: the tree
# stays small, and an unchanged history is found equal by its digest.
PACKED_LENGTH = 64
_PACK = {int: ("q", "int64"), float: ("d", "float64")}
_EMPTY_HOOKS = "_hooks"


def items_in_order(value: Any) -> Iterable[tuple[Any, Any]]:
    """The items as they are iterated over, whatever a subclass makes of `items`."""
    if isinstance(value, collections.OrderedDict):
        return collections.OrderedDict.items(value)  # move_to_end is not seen by dict.items
    return dict.items(value)


def key_step(key: Any) -> str:
    """How a dictionary's value is reached by its key, "['lr']"."""
    if isinstance(key, str | int | bool | float) or key is None:
        return f"[{key!r}]"
    return f"[<{type(key).__name__}>]"


def small_integers(items: tuple[Any, ...]) -> bool:
    if set(map(type, items)) != {int}:
        return False
    try:
        array.array("q", items)
    except OverflowError:
        return False
    return True


def packed(items: list[Any]) -> memory.Block | None:
    """A long list of equal numbers as one block; None for other lists."""
    if len(items) < PACKED_LENGTH:
        return None
    kind = type(items[0])
    if kind not in _PACK or set(map(type, items)) != {kind}:
        return None
    code, dtype = _PACK[kind]
    try:
        data = array.array(code, items).tobytes()
    except OverflowError:
        return None
    return memory.Block(dtype, (len(items),), data)


def attributes_of(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an instance, without the empty hook tables of torch modules."""
    attributes = getattr(value, "__dict__", {})
    module = memory.is_network(type(value))
    found = [
        (name, item)
        for name, item in attributes.items()
        if not (module and _EMPTY_HOOKS in name and isinstance(item, dict) and not item)
    ]
    slots = kinds.slot_names(type(value))
    return found + [(name, getattr(value, name)) for name in slots if hasattr(value, name)]


_CLASS_SKIP = ("method", "reference", "module", "class", "bystander", "opaque")


def class_attributes(cls: type) -> dict[str, Any]:
    """The attributes of a class that are data: counters, caches, settings."""
    return {
        name: item
        for name, item in vars(cls).items()
        if not name.startswith("__")
        and not name.startswith("_abc_")
        and kinds.kind_of(item) not in _CLASS_SKIP
        and (is_swapped(cls, name, item) or not hasattr(type(item), "__get__"))
    }


def is_swapped(cls: type, name: str, item: Any) -> bool:
    """Whether a class's function is another than the one that its definition made."""
    if type(item) is not types.FunctionType:
        return False
    return (item.__module__, item.__qualname__) != (cls.__module__, f"{cls.__qualname__}.{name}")


def function_state(function: types.FunctionType) -> bool:
    """Whether a function carries anything that running the loop could change."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    mutable = (kinds.kind_of(item) not in ("leaf", "tuple") for item in defaults)
    return bool(function.__closure__) or bool(vars(function)) or any(mutable)
