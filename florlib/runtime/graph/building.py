"""Making what a recorded tree holds and the live process does not: the second pass of a restore."""

from __future__ import annotations

import collections
import functools
import pickle
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.graph import copying, memory, quantized, sparse
from florlib.runtime.graph.codes import new_function
from florlib.runtime.graph.generators import new_generator
from florlib.runtime.graph.holders import new_holder
from florlib.runtime.graph.leaves import (
    LEAF_TAGS,
    LIVE,
    PROXY,
    REFERENCE,
    WEAK,
    class_name,
    decode_leaf,
    find_global,
)
from florlib.runtime.graph.pairing import Pairing, global_or
from florlib.runtime.graph.places import ABSENT, PLAIN_CLASS, proxied, referent
from florlib.runtime.graph.records import decode_record_dtype
from florlib.runtime.graph.standin import stand_in_graph
from florlib.runtime.graph.together import in_threads


class _Gone:
    """What nothing but a weak reference leads to, so that it goes at once."""


@dataclass(slots=True)
class Builder:
    """Gives the object of each node, and the value of each piece of a tree.

    Attributes:
        pairing: what was found live.
        read: gives the bytes of a block by its name.
    """

    pairing: Pairing
    read: Callable[[str], memoryview]
    _built: dict[int, Any] = field(default_factory=dict)
    _storages: dict[int, Any] = field(default_factory=dict)

    def build(self) -> None:
        """Make all that has no live counterpart, and read all contents.

        So none is found damaged when half of the objects have been filled.
        """
        nodes = [self.pairing.nodes[number] for number in self.pairing.seen]
        large = [node for node in nodes if node.get("bytes", 0) >= copying.SHARED_FROM_BYTES]
        in_threads(self.read, [node["t"] for node in large])
        self._let_go()
        for number in sorted(self.pairing.seen):
            self.object(number)
            if "t" in (node := self.pairing.nodes[number]):
                self.read(node["t"])
        for name in self.pairing.texts:
            self.read(name)
        for tensor, data in self.storages():
            copying.check_length(tensor.untyped_storage(), data)

    def _let_go(self) -> None:
        """Leave out live arrays that cannot be written and hold something else, and their views."""
        nodes, paired = self.pairing.nodes, self.pairing.paired
        others = {
            number
            for number, array in paired.items()
            if nodes[number]["k"] == "array"
            and "owner" not in nodes[number]
            and not array.flags["WRITEABLE"]
            and not copying.holds(array, self.read(nodes[number]["t"]))
        }
        for number in [n for n in paired if n in others or nodes[n].get("owner") in others]:
            del paired[number]

    def storages(self) -> Iterator[tuple[Any, memoryview]]:
        """A tensor over each live storage that is written over, and its new content."""
        for number in sorted(self.pairing.seen):
            node = self.pairing.nodes[number]
            if node["k"] == "storage" and number in self.pairing.paired:
                yield self.pairing.paired[number], self.read(node["t"])

    def value(self, content: Any, present: Any) -> Any:
        """The value for a piece of a tree, given what stands in its place now."""
        if not isinstance(content, list):
            return content
        tag, *rest = content
        if tag == REFERENCE:
            return self.object(rest[0])
        if tag == LIVE:
            return present
        if tag == "id":
            return id(self.object(rest[0]))
        if tag == "g":
            return global_or({"g": content}, present)
        if tag in LEAF_TAGS:
            return decode_leaf(content)
        if tag == "text":
            return bytes(self.read(rest[0])).decode("utf-8", "surrogatepass")
        if tag == "data":
            return bytes(self.read(rest[0]))
        if tag in ("t", "nt"):
            return self._tuple(content, present)
        if tag == WEAK:
            return self._weak(rest[0], present)
        if tag == PROXY:
            shown = self.value(rest[0], proxied(present))
            return present if shown is proxied(present) else types.MappingProxyType(shown)
        if tag == "fs":
            return frozenset(self.value(item, ABSENT) for item in rest)
        if tag == "slice":
            return slice(*(self.value(item, ABSENT) for item in rest))
        if tag == "m":
            owner = self.value(rest[0], getattr(present, "__self__", ABSENT))
            return getattr(owner, rest[1])
        return self._file(rest[0], present)

    def _weak(self, content: Any, present: Any) -> Any:
        old = referent(present)
        target = _Gone() if content is None else self.value(content, old)
        if target is old or (content is None and old is ABSENT and present is not ABSENT):
            return present
        return weakref.ref(target)

    def _tuple(self, content: list[Any], present: Any) -> Any:
        named = content[0] == "nt"
        items = content[3:] if named else content[1:]
        fits = isinstance(present, tuple) and len(present) == len(items)
        values = [self.value(item, present[n] if fits else ABSENT) for n, item in enumerate(items)]
        if fits and all(new is old for new, old in zip(values, present, strict=True)):
            return present
        if not named:
            return tuple(values)
        same = class_name(type(present)) == content[1:3]
        cls = type(present) if same else find_global(content[1], content[2])
        return cls._make(values) if hasattr(cls, "_make") else cls(values)

    def _file(self, at: int, present: Any) -> Any:
        if present is not ABSENT:
            present.seek(at)
        return present

    def object(self, number: int) -> Any:
        """The object of a node: the live one, or one made for it; not filled yet."""
        found = self.pairing.paired.get(number, ABSENT)
        if found is ABSENT:
            found = self._built.get(number, ABSENT)
        if found is ABSENT:
            found = self._built[number] = self._build(self.pairing.nodes[number])
        return found

    def _build(self, node: dict[str, Any]) -> Any:
        kind = node["k"]
        builder = _BUILD.get(kind)
        if builder is not None:
            return builder(self, node)
        if kind in ("class", "module", "stub", "storage"):
            return ABSENT  # shown to be dead, or made on demand
        cls: Any = find_global(*node["c"]) if "c" in node else PLAIN_CLASS[kind]
        made = cls.__new__(cls)
        if memory.is_network(cls):
            memory.torch().nn.Module.__init__(made)  # its hook tables, which are not recorded
        return made

    def _build_tensor(self, node: dict[str, Any]) -> Any:
        lib = memory.torch()
        dtype = getattr(lib, node["dtype"])
        storage = self._storage(node["storage"])
        if "quantizer" in node:
            tensor = quantized.empty(node, self._parts(node, quantized.PARTS))
        else:
            tensor = lib.empty(0, dtype=dtype, device=node["device"])
        tensor.set_(storage, node["offset"], node["shape"], node["stride"])
        tensor = tensor.conj() if node["conj"] else tensor
        tensor = lib._neg_view(tensor) if node["neg"] else tensor
        return self._finished(tensor, node)

    def _parts(self, node: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        return {name: self.value(node[name], ABSENT) for name in names if name in node}

    def _finished(self, tensor: Any, node: dict[str, Any]) -> Any:
        """A new tensor as the class that it was of, and what autograd knows of it."""
        lib = memory.torch()
        if "grad_fn" in node:
            made = stand_in_graph(tensor, node["grad_fn"])
            if node.get("retains_grad"):
                made.retain_grad()
            return made
        cls = find_global(*node["c"])
        if issubclass(cls, lib.nn.Parameter):
            return cls(tensor, requires_grad=node["requires_grad"])
        if cls is not lib.Tensor:
            tensor = tensor.as_subclass(cls)
        return tensor.requires_grad_() if node["requires_grad"] else tensor

    def _storage(self, number: int) -> Any:
        paired = self.pairing.paired.get(number)
        if paired is not None:
            return paired.untyped_storage()
        storage = self._storages.get(number)
        if storage is None:
            node = self.pairing.nodes[number]
            storage = copying.new_storage(self.read(node["t"]), node["device"])
            self._storages[number] = storage
        return storage

    def _build_sparse(self, node: dict[str, Any]) -> Any:
        return self._finished(sparse.make(node, self._parts(node, sparse.PARTS)), node)

    def _build_array(self, node: dict[str, Any]) -> Any:
        numpy = sys.modules["numpy"]
        dtype, cls = numpy.dtype(node["dtype"]), find_global(*node["c"])
        if "owner" in node:
            owner = self.object(node["owner"])
            buffer = owner if owner.flags["C_CONTIGUOUS"] else owner.T  # the same bytes
            view = numpy.ndarray.__new__(
                cls, node["shape"], dtype, buffer, node["offset"], node["strides"]
            )
            view.flags.writeable = node["writeable"]
            return view
        array = copying.new_array(self.read(node["t"]), dtype, node["shape"], node["order"], cls)
        array.flags.writeable = node["writeable"]
        return array

    def _build_records(self, node: dict[str, Any]) -> Any:
        dtype = decode_record_dtype(node["dtype"])
        return copying.new_array(self.read(node["t"]), dtype, node["shape"], "C")

    def _build_objects(self, node: dict[str, Any]) -> Any:
        return sys.modules["numpy"].empty(node["shape"], dtype=object)

    def _build_deque(self, node: dict[str, Any]) -> Any:
        cls = find_global(*node["c"]) if "c" in node else collections.deque
        return cls([], node["maxlen"])

    def _build_function(self, node: dict[str, Any]) -> Any:
        made = new_function(node["code"]) if node.get("alone") else None
        if made is None:
            return ABSENT  # shown to be dead
        made.__module__, made.__qualname__ = node["name"]
        made.__name__ = made.__qualname__.rpartition(".")[2]
        return made

    def _build_opaque(self, node: dict[str, Any]) -> Any:
        if not self.pairing.trusted:
            return ABSENT  # shown to be dead
        return pickle.loads(self.read(node["t"]))  # noqa: S301  # written by this user, see trusted

    def _build_partial(self, node: dict[str, Any]) -> Any:
        return functools.partial(_nothing)

    def _build_holder(self, node: dict[str, Any]) -> Any:
        return new_holder(find_global(*node["c"]))

    def _build_generator(self, node: dict[str, Any]) -> Any:
        return new_generator(find_global(*node["c"]), node.get("bits"), node.get("seeds"))


def _nothing() -> None:
    """What a new partial calls until it is filled."""


_BUILD = {
    "tensor": Builder._build_tensor,
    **dict.fromkeys(sparse.KINDS, Builder._build_sparse),
    "array": Builder._build_array,
    "records": Builder._build_records,
    "objects": Builder._build_objects,
    "deque": Builder._build_deque,
    "function": Builder._build_function,
    "opaque": Builder._build_opaque,
    "partial": Builder._build_partial,
    "generator": Builder._build_generator,
    "holder": Builder._build_holder,
}
