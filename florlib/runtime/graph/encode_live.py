"""What stands in the tree for objects that are not taken apart: they stay as they are, or are missed."""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any

from florlib.runtime.graph import kinds, memory
from florlib.runtime.graph.bystanders import hidden_part, parts_of, state_of
from florlib.runtime.graph.channels import open_channel
from florlib.runtime.graph.known import Place
from florlib.runtime.graph.leaves import LIVE, PROXY, WEAK, global_name
from florlib.runtime.graph.places import proxied

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder


def live(value: Any) -> Any:
    """Whatever the process has in its place."""
    return [LIVE, type(value).__qualname__]


def encode_bystander(encoder: Encoder, value: Any, place: Place) -> Any:
    """One that reports or coordinates, with what a script sees of it."""
    hidden = hidden_part(value)
    if hidden is not None:
        return encoder.miss(value, place, hidden)
    state, found = state_of(value), parts_of(value, encoder.put)
    parts = [[name, encoder.inner(place, f".{name}", item)] for name, item in found]
    return [*live(value), *([state] if state or parts else ()), *([parts] if parts else ())]


def encode_weak(encoder: Encoder, value: Any, place: Place) -> Any:
    """A weak reference: what it leads to, where that is the script's."""
    if isinstance(value, weakref.WeakSet):
        return encoder.miss(value, place, "a WeakSet, whose order nothing governs")
    target = value()
    if target is None:
        return [WEAK, None]
    cls = type(target)
    own = encoder.is_project(cls.__module__) or memory.is_network(cls)
    if own or kinds.kind_of(target) == "tensor":
        return [WEAK, encoder.inner(place, "()", target)]
    return live(value)


def encode_proxy(encoder: Encoder, value: Any, place: Place) -> Any:
    """A view of a dictionary that one may only read; that of a class's names is the class's."""
    shown = proxied(value)
    if type(shown) is not dict or "__module__" in shown:
        return live(value)
    return [PROXY, encoder.inner(place, ".<shown>", shown)]


def encode_iterator(encoder: Encoder, value: Any, place: Place) -> Any:
    """A generator or an iterator of C code."""
    what = "a generator" if isinstance(value, types.GeneratorType) else "an iterator"
    return encoder.miss(value, place, f"{what} ({type(value).__name__}) that is under way")


def encode_file(encoder: Encoder, value: Any, place: Place) -> Any:
    """An open file: its place, where it is only read."""
    if value.closed or not value.readable():
        return live(value)
    if value.writable():
        return encoder.miss(value, place, "a file that is open for reading and writing")
    try:
        return ["file", value.tell()]
    except OSError:  # a text file whose lines are being gone through, or a pipe
        return encoder.miss(value, place, "an open file whose place cannot be told")


def encode_cache(encoder: Encoder, value: Any, place: Place) -> Any:
    """A function with an lru_cache."""
    size, name = value.cache_info().currsize, global_name(value)
    if size and (
        name is None or encoder.is_project(name[1])
    ):  # not what a library keeps for itself
        reason = f"an lru_cache with {size} results"
        encoder.note_missing(place, reason, kind="cache", node=place.parent)
    return name or live(value)


def encode_processes(encoder: Encoder, value: Any, place: Place) -> Any:
    """A pool, or a process."""
    return encoder.miss(value, place, f"a {type(value).__name__}, whose state is in processes")


def encode_channel(encoder: Encoder, value: Any, place: Place) -> Any:
    """A socket, a pipe, a connection."""
    reason = open_channel(value)
    return live(value) if reason is None else encoder.miss(value, place, reason)
