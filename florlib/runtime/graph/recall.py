"""Whether an object still consists of what the last capture found in it."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

from florlib.runtime.graph import kinds, memory
from florlib.runtime.graph.known import Seen
from florlib.runtime.graph.leaves import LONG_TEXT
from florlib.runtime.graph.ordering import form_of
from florlib.runtime.graph.parts import is_hook_table

if TYPE_CHECKING:
    from florlib.runtime.graph.encode import Encoder

_NEVER_CHANGING = frozenset({type(None), bool, int, float, complex, str, bytes, range})
_LONGEST_TUPLE = 8  # of values that never change, such as the sizes of a kernel
# Kinds that stand in the tree as references to their nodes, whatever they hold.
_WITH_NODES = frozenset(
    """dict list set deque bytearray object tensor array generator holder partial""".split()
)
# What a node holds whose object consists of its parts alone.
_FIELDS = {
    "dict": frozenset({"k", "c", "v"}),
    "list": frozenset({"k", "v"}),
    "set": frozenset({"k", "v", "slots"}),
    "object": frozenset({"k", "c", "d"}),
}
_EXACT = {"dict": (dict, collections.OrderedDict), "list": (list,), "set": (set,)}


def is_unchanged(encoder: Encoder, number: int, value: Any, kind: str) -> bool:
    """Whether the node of an object can stay; what it leads to is then met as well."""
    seen = encoder.known.seen[number]
    if seen is None or seen.mark is None:
        return False
    if kind == "tensor":
        return _is_same_tensor(encoder, number, value, seen)
    parts = _parts_of(value, kind)
    if parts is None or tuple(map(id, parts)) != seen.mark:
        return False
    if seen.unset and any(parts[n] for n in seen.unset):
        return False
    if kind == "object" and encoder.brings_class(type(value)):
        return False
    return all(encoder.again(parts[n], number) == child for n, child in seen.children)


def remember(encoder: Encoder, number: int, value: Any, kind: str) -> None:
    """Note what the object of a node that was just filled consists of."""
    seen = encoder.known.seen[number]
    assert seen is not None
    if kind == "tensor":
        seen.mark = _tensor_mark(value)
        return
    node, parts = encoder.nodes[number], _parts_of(value, kind)
    if parts is None or node.keys() - _FIELDS[kind] or number in encoder.id_keys:
        return
    children, held, unset = [], [], []
    for n, part in enumerate(parts):
        child = encoder.known.met(part)
        if _never_changes(part):
            held.append(part)
        elif kind == "object" and is_hook_table(type(value), parts[n - len(parts) // 2], part):
            if part:
                return
            unset.append(n)
        elif child is not None and kinds.kind_of(part) in _WITH_NODES:
            children.append((n, child))
        else:
            return
    seen.mark, seen.children = tuple(map(id, parts)), tuple(children)
    seen.held, seen.unset = tuple(held), tuple(unset)


def _never_changes(part: Any) -> bool:
    cls = type(part)
    if cls is tuple:
        return len(part) <= _LONGEST_TUPLE and all(
            map(_NEVER_CHANGING.__contains__, map(type, part))
        )
    return cls in _NEVER_CHANGING and not (cls in (str, bytes) and len(part) >= LONG_TEXT)


def _parts_of(value: Any, kind: str) -> list[Any] | None:
    """Keys or names, and then the values; None where there may be more to an object."""
    if kind == "object":
        if kinds.slot_names(type(value)) or not hasattr(value, "__dict__"):
            return None
        names = vars(value)
        return [*names, *names.values()]
    if type(value) not in _EXACT.get(kind, ()) or getattr(value, "__dict__", None):
        return None
    if kind == "set":
        form = form_of(value)
        return None if form is None else [*value, *form]
    return [*value.keys(), *value.values()] if kind == "dict" else list.copy(value)


def _tensor_mark(tensor: Any) -> Any:
    """The form of a tensor that is all of its memory; None for others."""
    lib = memory.torch()
    if tensor.layout is not lib.strided or tensor.is_quantized or tensor.device.type == "meta":
        return None
    if tensor.is_complex() or not tensor.is_leaf or tensor.__dict__:
        return None
    return _form(tensor, tensor.untyped_storage()) if memory.covers_storage(tensor) else None


def _form(tensor: Any, storage: Any) -> Any:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad, storage.nbytes()


def _is_same_tensor(encoder: Encoder, number: int, tensor: Any, seen: Seen) -> bool:
    storage = tensor.untyped_storage()
    if _form(tensor, storage) != seen.mark or not tensor.is_leaf or tensor.__dict__:
        return False
    node, grad = encoder.nodes[number], tensor.grad
    if (grad is None) == ("grad" in node):
        return False
    if not _is_same_storage(encoder, node["storage"], storage, tensor):
        return False
    return grad is None or encoder.again(grad, number) == node["grad"][1]


def _is_same_storage(encoder: Encoder, number: int, storage: Any, tensor: Any) -> bool:
    known = encoder.known
    if known.storages.get((str(tensor.device), storage._cdata)) != number:
        return False
    seen, node = known.seen[number], encoder.nodes[number]
    if seen is None or node["bytes"] != storage.nbytes():
        return False
    if seen.round == known.round:
        node.pop("partial", None)  # the tensor shows all of it
        return True
    if node["t"] in encoder.blocks or "partial" in node:
        return False
    seen.round = known.round
    encoder.alive.append(storage)
    encoder.blocks[node["t"]] = memory.storage_block(tensor, encoder.stored)
    return True
