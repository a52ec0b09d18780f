"""What stands in the tree for code: classes, functions, methods and modules, mostly their names."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from florlib.runtime.graph.encode_live import live
from florlib.runtime.graph.known import Place, identity
from florlib.runtime.graph.leaves import global_name
from florlib.runtime.graph.parts import (
    class_attributes,
    function_state,
    is_loose_module,
    runs_apart,
)

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder


def encode_reference(encoder: Encoder, value: Any, place: Place) -> Any:
    """A function or descriptor of C code."""
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType | type):
        return encode_method(encoder, value, place)
    return global_name(value) or live(value)


def encode_method(encoder: Encoder, value: Any, place: Place) -> Any:
    """A method that is bound to an object: that, and the method's name."""
    name = value.__name__
    if getattr(value.__self__, name, None) != value:  # super().step, or a name of its own
        return live(value)
    return ["m", encoder.inner(place, ".__self__", value.__self__), name]


def encode_class(encoder: Encoder, value: Any, place: Place) -> Any:
    """A class: its name, or a node where it holds what running can change."""
    key = identity(value)
    if key in encoder.named:
        return encoder.named[key]
    if encoder.is_project(value.__module__):
        attributes = class_attributes(value, encoder.is_project)
        if attributes:
            encoder.class_parts[key] = attributes
            return encoder.node(value, place)
    return _named(encoder, value, global_name(value))


def encode_function(encoder: Encoder, value: Any, place: Place) -> Any:
    """A function: its name, or a node where it carries what running can change."""
    key = identity(value)
    if key in encoder.named:
        return encoder.named[key]
    name = global_name(value)
    own = encoder.is_project(value.__module__) or runs_apart(value)
    if own and (name is None or function_state(value)):
        return encoder.node(value, place)
    return _named(encoder, value, name)


def _named(encoder: Encoder, value: Any, name: list[str] | None) -> Any:
    """What stands for it, also where it is met again: modules import much from each other."""
    encoder.alive.append(value)
    found = encoder.named[identity(value)] = name or live(value)
    return found


def encode_module(encoder: Encoder, value: Any, place: Place) -> Any:
    """A module: none of the script's own making is taken apart."""
    return encoder.node(value, place) if is_loose_module(value) else live(value)
