"""Nodes of tensors and arrays: their geometry, and the memory that several may share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from florlib.ground.checkpoint_format import digest
from florlib.runtime.graph import memory, quantized, sparse
from florlib.runtime.graph.known import Place, Seen
from florlib.runtime.graph.leaves import class_name
from florlib.runtime.graph.records import encode_record_dtype

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder


def fill_tensor(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of a tensor; its storage becomes a node of its own."""
    node = encoder.nodes[number]
    node["k"], node["c"] = "tensor", class_name(type(value))
    lib = memory.torch()
    if value.device.type == "meta":
        node["k"] = "stub"
        return
    if value.layout is not lib.strided:
        _fill_sparse(encoder, number, node, value)
        return
    if value.is_quantized:
        node["quantizer"] = quantized.quantizer(value)
        for part, item in quantized.per_channel(value).items():
            node[part] = encoder.child(number, f".{part}", item)
    node["dtype"] = str(value.dtype).removeprefix("torch.")
    node["shape"], node["stride"] = list(value.shape), list(value.stride())
    node["offset"], node["device"] = value.storage_offset(), str(value.device)
    node["conj"], node["neg"] = bool(value.is_conj()), bool(value.is_neg())
    node["storage"] = _storage_node(encoder, number, value)
    if not memory.covers_storage(value):
        node["content"] = digest(memory.tensor_content(value.detach()))
    elif encoder.nodes[node["storage"]].get("partial"):
        del encoder.nodes[node["storage"]]["partial"]
    _fill_autograd(encoder, number, node, value)


def _fill_sparse(encoder: Encoder, number: int, node: dict[str, Any], value: Any) -> None:
    parts = sparse.parts_of(value)
    if not parts:
        node["k"] = "stub"
        encoder.miss(value, encoder.place(number), f"a tensor of layout {value.layout}")
        return
    for part, item in parts.items():
        node[part] = encoder.child(number, f".{part}", item)
    node["shape"] = list(value.shape)
    if value.is_sparse:
        node["k"], node["coalesced"] = "sparse", value.is_coalesced()
    else:
        node["k"], node["layout"] = "compressed", str(value.layout).removeprefix("torch.")
    _fill_autograd(encoder, number, node, value)


def _fill_autograd(encoder: Encoder, number: int, node: dict[str, Any], value: Any) -> None:
    node["requires_grad"] = value.requires_grad
    if not value.is_leaf:
        node["grad_fn"] = type(value.grad_fn).__name__
        if value.retains_grad:
            node["retains_grad"] = True
        if encoder.graphs is not None:
            encoder.graphs[number] = value
        elif value.retains_grad and value.grad is not None:
            place = Place(number, ".grad", *_root_of(encoder, number))
            reason = "the gradient of a tensor within an autograd graph"
            node["grad"] = encoder.miss(value.grad, place, reason)
    grad = value.grad if value.is_leaf else None
    if grad is not None:
        node["grad"] = encoder.child(number, ".grad", grad)
    attributes = {key: item for key, item in vars(value).items() if key != "grad"}
    if attributes:
        node["d"] = encoder.attributes(number, attributes.items())


def _root_of(encoder: Encoder, number: int) -> tuple[str, str]:
    place = encoder.place(number)
    return place.scope, place.name


def _storage_node(encoder: Encoder, number: int, value: Any) -> int:
    storage = value.untyped_storage()
    key = storage._cdata
    known = encoder.known
    position = known.storages.get(key)
    seen = None if position is None else known.seen[position]
    if position is None or seen is None:
        seen = Seen(type(storage), encoder.place(number), known.round)
        position = known.storages[key] = known.add(seen)
    elif seen.round == known.round:
        return position
    seen.round, seen.place, seen.block = known.round, encoder.place(number), None
    encoder.alive.append(storage)
    node = {"k": "storage", "bytes": storage.nbytes(), "device": str(value.device)}
    if not memory.covers_storage(value):
        node["partial"] = True  # parts that no tensor shows may hold anything
    encoder.nodes[position] = node
    node["t"] = encoder.block(position, memory.storage_block(value.detach(), encoder.stored))
    return position


def fill_array(encoder: Encoder, number: int, value: Any) -> None:
    """Fill the node of an array; a view refers to the array that owns the memory."""
    node = encoder.nodes[number]
    node["k"], node["c"] = "array", class_name(type(value))
    node["dtype"], node["shape"] = value.dtype.str, list(value.shape)
    if memory.keeps_attributes(type(value), encoder.is_project) and vars(value):
        node["d"] = encoder.attributes(number, vars(value).items())
    if value.dtype.hasobject or value.dtype.names is not None:
        _fill_object_array(encoder, number, node, value)
        return
    owner = memory.array_owner(value)
    if owner is not value and owner.flags["FORC"] and not owner.dtype.hasobject:
        node["owner"] = encoder.child(number, ".base", owner)[1]
        node["offset"] = memory.array_offset(value, owner)
        node["strides"] = list(value.strides)
        node["writeable"] = bool(value.flags["WRITEABLE"])
        return
    node["order"] = "F" if value.flags["F_CONTIGUOUS"] and value.ndim > 1 else "C"
    node["writeable"] = bool(value.flags["WRITEABLE"])
    node["t"] = encoder.block(number, memory.array_block(value, encoder.stored))


def _fill_object_array(encoder: Encoder, number: int, node: dict[str, Any], value: Any) -> None:
    if value.dtype.names is not None:
        node["k"] = "records"
        node["dtype"] = encode_record_dtype(value.dtype)
        if value.dtype.hasobject:
            raise TypeError("records that hold objects")
        clean = memory.zeros_like(value)  # padding holds whatever lay there
        clean[...] = value
        data = clean.tobytes()
        node["t"] = encoder.block(number, memory.Block("uint8", (len(data),), data))
        return
    node["k"] = "objects"
    node["v"] = [encoder.child(number, f"[{n}]", item) for n, item in enumerate(value.flat)]
