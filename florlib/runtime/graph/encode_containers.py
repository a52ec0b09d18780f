"""Nodes of containers: their items in order, and what subclasses add."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

from florlib.runtime.graph import memory
from florlib.runtime.graph.leaves import class_name
from florlib.runtime.graph.ordering import table_of
from florlib.runtime.graph.parts import attributes_of, items_in_order, key_step, packed

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder

_ADDRESS = 1 << 20  # a key from here on may be the id() of an object, which is an address


def fill_list(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a list; one of equal numbers alone becomes a block."""
    node = _begin(encoder, number, "list", value, list)
    items = list.copy(value)  # another thread, or a profile function, may lengthen it meanwhile
    block = packed(items)
    if block is not None:
        node["p"], node["t"] = block.dtype, encoder.block(number, block)
    else:
        node["v"] = [encoder.child(number, f"[{n}]", item) for n, item in enumerate(items)]


def fill_deque(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a deque."""
    node = _begin(encoder, number, "deque", value, collections.deque)
    node["maxlen"] = value.maxlen
    node["v"] = [encoder.child(number, f"[{n}]", item) for n, item in enumerate(value)]


def fill_set(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a set, in the order in which it is gone through."""
    node = _begin(encoder, number, "set", value, set)
    table = table_of(value)
    if table is not None:
        node["slots"] = [table.size, table.places, table.removed]
    node["v"] = [encoder.child(number, "{…}", item) for item in value]


def fill_bytearray(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a bytearray."""
    node = _begin(encoder, number, "bytearray", value, bytearray)
    node["t"] = encoder.block(number, memory.Block("uint8", (len(value),), bytes(value)))


def fill_dict(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a dictionary."""
    node = _begin(encoder, number, "dict", value, dict)
    if isinstance(value, collections.defaultdict):
        node["factory"] = encoder.child(number, ".default_factory", value.default_factory)
    if any(type(key) is int and key >= _ADDRESS for key in value):
        encoder.id_keys.append(number)
    node["v"] = [
        [
            encoder.child(number, "{key}", key),
            encoder.child(number, key_step(key), item),
        ]
        for key, item in items_in_order(value)
    ]


def _begin(encoder: Encoder, number: int, kind: str, value: Any, base: type) -> dict[str, Any]:
    node = encoder.nodes[number]
    node["k"] = kind
    cls = type(value)
    if cls is not base:
        node["c"] = class_name(cls)
        attributes = attributes_of(value)
        if attributes:
            node["d"] = encoder.attributes(number, attributes)
    return node
