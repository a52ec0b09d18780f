"""Nodes of objects, and of what is no plain one: classes, modules, functions, partials, holders, generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from florlib.runtime.graph.codes import code_place, has_cells_alone
from florlib.runtime.graph.generators import bits_name, generator_state, seeds_of
from florlib.runtime.graph.holders import held_value, own_attributes
from florlib.runtime.graph.known import identity
from florlib.runtime.graph.leaves import class_name, global_name
from florlib.runtime.graph.parts import attributes_of, names_of_module, runs_apart

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder


def fill_object(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of an instance: its attributes; the first of a class of the user's leads there."""
    node, cls = encoder.nodes[number], type(value)
    node["k"], node["c"] = "object", class_name(cls)
    node["d"] = encoder.attributes(number, attributes_of(value))
    if encoder.brings_class(cls):
        node["class"] = encoder.child(number, ".__class__", cls)
        encoder.settled.add(cls)


def fill_class(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a class: the attributes that are data."""
    node = encoder.nodes[number]
    node["k"], node["g"] = "class", global_name(value)
    node["d"] = encoder.attributes(number, encoder.class_parts.pop(identity(value)).items())


def fill_module(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a module that the script has made itself."""
    node = encoder.nodes[number]
    node["k"], node["name"] = "module", value.__name__
    node["d"] = encoder.attributes(number, names_of_module(value))


def fill_function(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a function: its variables, attributes, defaults, and which one it is."""
    node = encoder.nodes[number]
    node["k"], node["g"] = "function", global_name(value)
    if node["g"] is None:
        node["code"], node["name"] = code_place(value), [value.__module__, value.__qualname__]
        node["alone"] = has_cells_alone(value)
    cells = []
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            cells.append([name, encoder.child(number, f".<{name}>", cell.cell_contents)])
        except ValueError:  # the variable is not bound yet
            continue
    node["cells"] = cells
    node["d"] = encoder.attributes(number, vars(value).items())
    node["defaults"] = [
        encoder.child(number, ".<default>", item) for item in value.__defaults__ or ()
    ]
    if runs_apart(value):
        node["globals"] = encoder.child(number, ".<globals>", value.__globals__)
    if value.__kwdefaults__:
        node["kwdefaults"] = [
            [name, encoder.child(number, f".<{name}=>", item)]
            for name, item in value.__kwdefaults__.items()
        ]


def fill_partial(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a functools.partial."""
    node = encoder.nodes[number]
    node["k"] = "partial"
    node["func"] = encoder.child(number, ".func", value.func)
    node["args"] = encoder.child(number, ".args", value.args)
    node["keywords"] = encoder.child(number, ".keywords", value.keywords)
    if vars(value):
        node["d"] = encoder.attributes(number, vars(value).items())


def fill_holder(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of an object that holds one value behind C code."""
    node = encoder.nodes[number]
    node["k"], node["c"] = "holder", class_name(type(value))
    node["state"] = encoder.child(number, ".<value>", held_value(value))
    attributes = own_attributes(value)
    if attributes:
        node["d"] = encoder.attributes(number, attributes.items())


def fill_generator(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a generator of random numbers."""
    node = encoder.nodes[number]
    node["k"], node["c"] = "generator", class_name(type(value))
    node["bits"] = bits_name(value)
    if (seeds := seeds_of(value)) is not None:
        node["seeds"] = seeds
    node["state"] = encoder.child(number, ".<state>", generator_state(value))
    attributes = getattr(value, "__dict__", None)
    if attributes:  # a subclass of the user's
        node["d"] = encoder.attributes(number, attributes.items())
