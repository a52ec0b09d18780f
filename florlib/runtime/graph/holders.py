"""Objects of the standard library that hold a value behind C code: read out, and set in place."""

from __future__ import annotations

import io
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any


def holds(cls: type) -> bool:
    """Whether instances of a class are held values that can be read out and set."""
    if issubclass(cls, io.StringIO | io.BytesIO | BaseException | threading.local):
        return True
    if issubclass(cls, weakref.WeakKeyDictionary | weakref.WeakValueDictionary):
        return True
    return _is_shared(cls) or _is_memory_of_c(cls)


def _is_memory_of_c(cls: type) -> bool:
    """Whether instances are numbers, arrays or structures of ctypes, without pointers in them."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is None or not issubclass(cls, _memory_classes(ctypes)):
        return False
    element: Any = cls
    while issubclass(element, ctypes.Array):
        element = element._type_  # as many of them as there are would be as many bytes to look at
    try:
        element.__new__(element).__reduce__()  # ctypes refuses this where there are pointers
    except (TypeError, ValueError):
        return False
    return True


def _memory_classes(ctypes: Any) -> tuple[type, ...]:
    return (ctypes._SimpleCData, ctypes.Array, ctypes.Structure, ctypes.Union)


def _is_shared(cls: type) -> bool:
    shared = sys.modules.get("multiprocessing.sharedctypes")
    return shared is not None and issubclass(cls, shared.SynchronizedBase)


def held_value(holder: Any) -> Any:
    """What an object holds, as containers and plain values."""
    if isinstance(holder, io.StringIO | io.BytesIO):
        return None if holder.closed else (holder.getvalue(), holder.tell())
    if isinstance(holder, BaseException):
        return (holder.args, dict(vars(holder)), dict(_parts_of_error(holder)))
    if isinstance(holder, threading.local):
        return dict(vars(holder))
    if isinstance(holder, weakref.WeakKeyDictionary | weakref.WeakValueDictionary):
        return dict(holder.items())
    if _is_memory_of_c(type(holder)):
        return bytes(holder)
    array = getattr(holder, "value", None) is None and hasattr(holder, "__getitem__")
    return list(holder[:]) if array else holder.value


def _parts_of_error(error: BaseException) -> Iterator[tuple[str, Any]]:
    """What an error keeps behind C code, such as `errno`, its cause and its context.

    Not where it was raised (`__traceback__`), nor what it was about (`obj`): no checkpoint holds
    those. A group's errors are its arguments.
    """
    for cls in type(error).__mro__:
        for name, part in vars(cls).items():
            is_part = type(part) is types.MemberDescriptorType and name not in _NO_PARTS
            if is_part and hasattr(error, name):
                yield name, getattr(error, name)
    yield "__cause__", error.__cause__
    yield "__context__", error.__context__
    yield "__suppress_context__", error.__suppress_context__  # which a cause has set


_NO_PARTS = frozenset({"obj", "message", "exceptions", "__suppress_context__"})


def own_attributes(holder: Any) -> dict[str, Any]:
    """What instances of a class of the user's have besides the value that they hold."""
    if isinstance(holder, io.StringIO | io.BytesIO):
        return dict(vars(holder))
    for base in (weakref.WeakKeyDictionary, weakref.WeakValueDictionary):
        if isinstance(holder, base):
            usual = vars(base())
            return {name: item for name, item in vars(holder).items() if name not in usual}
    return {}


def set_held_value(holder: Any, value: Any) -> None:
    """Put a value that `held_value` gave back into an object of the same class."""
    if isinstance(holder, io.StringIO | io.BytesIO):
        if value is not None:
            holder.seek(0)
            holder.truncate()
            holder.write(value[0])
            holder.seek(value[1])
    elif isinstance(holder, BaseException):
        holder.args = value[0]
        vars(holder).clear()
        vars(holder).update(value[1])
        for name, part in value[2].items():
            setattr(holder, name, part)
    elif isinstance(holder, threading.local):
        vars(holder).clear()
        vars(holder).update(value)
    elif isinstance(holder, weakref.WeakKeyDictionary | weakref.WeakValueDictionary):
        holder.clear()
        holder.update(value)
    elif _is_memory_of_c(type(holder)):
        ctypes = sys.modules["ctypes"]
        ctypes.memmove(ctypes.addressof(holder), value, len(value))
    elif isinstance(value, list):
        holder[:] = value
    else:
        holder.value = value


def new_holder(cls: type) -> Any:
    """An empty object of a class; shared memory of multiprocessing cannot be made anew."""
    bare: Any = cls.__new__
    return bare(cls) if issubclass(cls, BaseException) or _is_memory_of_c(cls) else cls()
