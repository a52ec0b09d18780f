"""Whether an object still consists of what the last capture found in it."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from florlib.runtime.graph import kinds, memory
from florlib.runtime.graph.known import Seen, identity
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
    "dict": frozenset({"k", "c", "v", "factory"}),
    "list": frozenset({"k", "v"}),
    "set": frozenset({"k", "v", "slots"}),
    "object": frozenset({"k", "c", "d"}),
}
_EXACT = {
    "dict": (dict, collections.OrderedDict, collections.defaultdict),
    "list": (list,),
    "set": (set,),
}
_FACTORIES = frozenset({dict, list, set, int, float})


def is_unchanged(encoder: Encoder, number: int, value: Any) -> bool:
    """Whether the node of an object can stay; what it leads to is then met as well."""
    seen = encoder.known.seen[number]
    if seen is None or seen.mark is None:
        return False
    if seen.form is not None:
        return _is_same_tensor(encoder, number, value, seen)
    parts = _parts_of(encoder, value, seen.cls)
    if parts is None or tuple(map(identity, parts)) != seen.mark:
        return False
    for n in seen.unset:
        if parts[n]:
            return False
    if seen.cls not in encoder.settled:
        if seen.is_object and encoder.brings_class(seen.cls):
            return False
        encoder.settled.add(seen.cls)
    return _meets_again(encoder, number, parts, seen.children)


def _meets_again(
    encoder: Encoder, number: int, parts: Sequence[Any], children: Iterable[tuple[int, int]]
) -> bool:
    """Whether the parts with nodes are those of the node, each to be looked at in its turn."""
    known, queue = encoder.known, encoder.queue
    numbers, everything, now = known.numbers, known.seen, known.round
    for n, child in children:
        part = parts[n]
        one = everything[child]
        if numbers.get(identity(part)) != child or one is None or one.cls is not type(part):
            return False
        if one.round != now:
            if one.place.parent != number:
                return False
            one.round = now
            queue.append((child, part))
    return True


def remember(encoder: Encoder, number: int, value: Any, kind: str) -> None:
    """Note what the object of a node that was just filled consists of."""
    seen = encoder.known.seen[number]
    assert seen is not None
    if kind == "tensor":
        seen.mark = _tensor_mark(value)
        seen.form = memory.storage_form(value) if seen.mark else None
        return
    node, parts = encoder.nodes[number], _all_parts_of(encoder, value, kind)
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
    seen.mark, seen.children, seen.form = tuple(map(identity, parts)), tuple(children), None
    seen.held, seen.unset, seen.is_object = tuple(held), tuple(unset), kind == "object"


def _never_changes(part: Any) -> bool:
    cls = type(part)
    if cls is type:
        return part in _FACTORIES
    if cls is tuple:
        return len(part) <= _LONGEST_TUPLE and all(
            map(_NEVER_CHANGING.__contains__, map(type, part))
        )
    return cls in _NEVER_CHANGING and not (cls in (str, bytes) and len(part) >= LONG_TEXT)


def _all_parts_of(encoder: Encoder, value: Any, kind: str) -> Any:
    """The parts; None where there may be more to an object."""
    if kind == "object":
        whole = hasattr(value, "__dict__") and not kinds.slot_names(type(value))
    else:
        whole = type(value) in _EXACT.get(kind, ())
    return _parts_of(encoder, value, type(value)) if whole else None


def _parts_of(encoder: Encoder, value: Any, cls: type) -> Any:
    """Keys or names, and then the values, of an object that consists of its parts by its class;
    None where it has attributes besides, or an order that cannot be told."""
    if cls is list:
        return value
    if cls is dict:
        return [*value, *value.values()]
    if cls is collections.OrderedDict:
        return None if value.__dict__ else [*value, *value.values()]
    if cls is collections.defaultdict:
        return [*value, *value.values(), value.default_factory]
    if cls is set:
        return [*value, *form_of(value)] if encoder.reads_sets else None
    names = value.__dict__
    return [*names, *names.values()]


def _tensor_mark(tensor: Any) -> Any:
    """The form of a tensor that is all of its memory; None for others."""
    lib = memory.torch()
    if tensor.layout is not lib.strided or tensor.is_quantized or tensor.device.type == "meta":
        return None
    if tensor.is_complex() or not tensor.is_leaf or tensor.__dict__:
        return None
    return (
        _form(tensor, tensor.untyped_storage().nbytes()) if memory.covers_storage(tensor) else None
    )


def _form(tensor: Any, length: int) -> Any:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad, length


def _is_same_tensor(encoder: Encoder, number: int, tensor: Any, seen: Seen) -> bool:
    storage = tensor.untyped_storage()
    length = storage.nbytes()
    if _form(tensor, length) != seen.mark or not tensor.is_leaf or tensor.__dict__:
        return False
    node, grad = encoder.nodes[number], tensor.grad
    if (grad is None) == ("grad" in node):
        return False
    if not _is_same_storage(encoder, node["storage"], storage, tensor, seen):
        return False
    return grad is None or _meets_again(encoder, number, (grad,), ((0, node["grad"][1]),))


def _is_same_storage(encoder: Encoder, number: int, storage: Any, tensor: Any, shown: Seen) -> bool:
    """Whether a storage has the node that it had; `shown` is of the tensor, which shows all of it."""
    known = encoder.known
    seen, node = known.seen[number], encoder.nodes[number]
    if (
        known.storages.get(storage._cdata) != number
        or seen is None
        or node["bytes"] != shown.mark[-1]
    ):
        return False
    if seen.round == known.round:
        node.pop("partial", None)
        return True
    name = node["t"]
    if name in encoder.blocks or "partial" in node:
        return False
    seen.round = known.round
    encoder.alive.append(storage)
    encoder.blocks[name] = memory.storage_block(tensor, encoder.stored, shown.form)
    return True
