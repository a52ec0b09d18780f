"""What an object consists of, and what its parts are called."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
import reprlib
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from florlib.runtime.graph import kinds, memory
from florlib.runtime.graph.places import GIVEN_NAMES, WRAPPERS, functions_in, member_attributes

# From this length on a list of equal numbers is one block of memory instead of JSON: the tree
# stays small, and an unchanged history is found equal by its digest.
PACKED_LENGTH = 64
_PACK = {int: ("q", "int64"), float: ("d", "float64")}
_HOOKS = "_hooks"


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
    cls = type(value)
    found = [
        (name, item)
        for name, item in attributes.items()
        if not is_hook_table(cls, name, item) or item
    ]
    slots = kinds.slot_names(type(value))
    return found + [(name, getattr(value, name)) for name in slots if hasattr(value, name)]


def is_hook_table(cls: type, name: str, item: Any) -> bool:
    """Whether an attribute is a table of hooks of a torch module: left out as long as it is empty."""
    known = type(item) in (dict, collections.OrderedDict)
    return known and _HOOKS in name and memory.is_network(cls)


def is_loaded_module(names: dict[Any, Any]) -> bool:
    """Whether a dictionary is the names of a module that `import` knows."""
    name = dict.get(names, "__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    return module is not None and getattr(module, "__dict__", None) is names


def runs_apart(function: types.FunctionType) -> bool:
    """Whether a function of a file sees other names than those of a module that `import` knows."""
    return is_written(function) and not is_loaded_module(function.__globals__)


def is_loose_module(module: types.ModuleType) -> bool:
    """Whether a module is one that the script has made, and `import` does not know.

    Its names are no roots of their own. Libraries make modules up too, of classes of theirs.
    """
    return type(module) is types.ModuleType and not is_loaded_module(vars(module))


def names_of_module(module: types.ModuleType) -> list[tuple[str, Any]]:
    """The names that a module binds, without those that Python gives every one."""
    return [(name, item) for name, item in vars(module).items() if name not in GIVEN_NAMES]


_CLASS_SKIP = ("reference", "module")
# Of names like `__calls__` those are the script's that hold what counts or collects.
_COUNTING = (int, float, list)
_OF_CLASSES = frozenset({"__firstlineno__", "__slotnames__", "__slots__"})
# Of what is only pickled, values that a class may well keep; others may be as large as they like.
_VALUE_MODULES = frozenset({"array", "datetime", "decimal", "fractions", "uuid"})


def class_attributes(cls: type, is_project: Callable[[str], bool]) -> dict[str, Any]:
    """What a class holds that running can change: counters, caches, settings, and what its
    functions keep between two calls. A wrapped function stands under the names of `functions_in`.
    """
    found = dict(member_attributes(cls)) if isinstance(cls, enum.EnumMeta) else {}
    for name, item in vars(cls).items():
        if type(item) is types.FunctionType:
            if is_swapped(cls, name, item) or (function_state(item) and is_written(item)):
                found[name] = item
        elif name.startswith("_abc_"):
            continue
        elif isinstance(item, WRAPPERS):
            found |= {
                part: function
                for part, function in functions_in(name, item)
                if is_written(function) and function_state(function)
            }
        elif _is_given(name) and (type(item) not in _COUNTING or name in _OF_CLASSES):
            continue
        elif _is_held(item, is_project):
            found[name] = item
    return found


def _is_given(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_held(item: Any, is_project: Callable[[str], bool]) -> bool:
    """Whether a class attribute is data, or a descriptor of the user's that may keep some."""
    kind = kinds.kind_of(item)
    if kind == "cache":
        return True
    if kind == "reference" and isinstance(item, types.BuiltinMethodType):
        return not isinstance(item.__self__, types.ModuleType | type | types.NoneType)
    if kind in _CLASS_SKIP or (kind == "class" and not is_project(item.__module__)):
        return False
    if kind == "opaque" and type(item).__module__ not in _VALUE_MODULES:
        return False
    if kind == "method":
        return True
    return not hasattr(type(item), "__get__") or is_project(type(item).__module__)


def _is_fixed(item: Any) -> bool:
    kind = kinds.kind_of(item)
    return kind == "leaf" or (kind in ("tuple", "frozenset") and all(map(_is_fixed, item)))


def is_written(function: types.FunctionType) -> bool:
    """Whether a function stands in a file: those that `dataclass` makes up do not."""
    return not function.__code__.co_filename.startswith("<")


def is_swapped(cls: type, name: str, item: Any) -> bool:
    """Whether a class's function is another than the one that its definition made."""
    if type(item) is not types.FunctionType:
        return False
    return (item.__module__, item.__qualname__) != (cls.__module__, f"{cls.__qualname__}.{name}")


_GUARDED = (
    reprlib.recursive_repr()(lambda _: "").__code__,
    dataclasses.make_dataclass("_Any", ())().__repr__.__func__.__code__,
)


def function_state(function: types.FunctionType) -> bool:
    """Whether a function carries anything that running the loop could change.

    What guards the `__repr__` of each dataclass against recursion holds something during a call alone.
    """
    cells = function.__closure__
    if cells is not None:
        code = function.__code__
        # By identity: a code's hash is one of all that it consists of.
        is_guarded = any(code is one for one in _GUARDED)
        if is_guarded and vars(function).keys() <= {"__wrapped__"}:
            guarded = dict(zip(code.co_freevars, cells, strict=True))["user_function"].cell_contents
            if type(guarded) is types.FunctionType:
                return function_state(guarded)
        # Every method that says `super()` closes over its class.
        if code.co_freevars != ("__class__",):
            return True
    if function.__dict__:
        return True
    defaults, named = function.__defaults__, function.__kwdefaults__
    if defaults is None and named is None:
        return False
    return not all(map(_is_fixed, (*(defaults or ()), *(named or {}).values())))
