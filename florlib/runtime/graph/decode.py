"""From a captured tree back into the live objects of a process, in place (the way in: encode.py).

Three passes. Pairing finds, for each recorded node, the live object that stands in the same
place. Building makes what has no live counterpart. Filling writes recorded contents into both.
Nothing is changed before the first two have shown that everything can be had.
"""

from __future__ import annotations

import array
import collections
import functools
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.graph import kinds, memory
from florlib.runtime.graph.generators import new_generator, set_generator_state
from florlib.runtime.graph.leaves import (
    LEAF_TAGS,
    LIVE,
    REFERENCE,
    GlobalNotFound,
    decode_leaf,
    find_global,
)
from florlib.runtime.graph.standin import stand_in_graph

Root = tuple[str, str]


class _Absent:
    """Stands for 'there is no live object here'."""


ABSENT: Any = _Absent()


class RestoreRefused(Exception):
    """A checkpoint cannot be restored into this process; nothing has been changed."""


@dataclass(slots=True)
class Decoder:
    """Restores one captured tree; used once.

    Attributes:
        tree: what `Encoder.capture` made.
        read: gives the bytes of a block by its name.
        trusted: whether pickled leaves may be loaded.
    """

    tree: Mapping[str, Any]
    read: Callable[[str], memoryview]
    trusted: bool = True
    _nodes: list[dict[str, Any]] = field(init=False)
    _paired: dict[int, Any] = field(default_factory=dict)
    _taken: set[int] = field(default_factory=set)
    _built: dict[int, Any] = field(default_factory=dict)
    _storages: dict[int, Any] = field(default_factory=dict)
    _lost: dict[Root, str] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._nodes = self.tree["nodes"]

    def restore(self, live: Mapping[Root, Any], dead: frozenset[Root]) -> dict[Root, Any]:
        """Put everything back; return the names that must be bound anew.

        Args:
            live: the present objects by root.
            dead: roots whose values nothing reads before they are set again.

        Raises:
            RestoreRefused: something that matters has no counterpart; nothing was changed.
        """
        self._pair(live)
        lost = {root: why for root, why in self._lost.items() if root not in dead}
        if lost:
            (_, name), why = next(iter(lost.items()))
            raise RestoreRefused(f"{name}: {why}")
        for number in sorted(self._seen):
            self._object(number)
        self._fill()
        return self._bindings(live)

    def _bindings(self, live: Mapping[Root, Any]) -> dict[Root, Any]:
        bindings = {}
        for scope, name, content in self.tree["roots"]:
            if (scope, name) in self._lost:
                continue  # nothing reads it before it is set again
            present = live.get((scope, name), ABSENT)
            value = self._value(content, present)
            if value is not present and value is not ABSENT:
                bindings[scope, name] = value
        return bindings

    # ------------------------------------------------------------------ pairing

    def _pair(self, live: Mapping[Root, Any]) -> None:
        queue: collections.deque[tuple[Any, Any, Root]] = collections.deque()
        for scope, name, content in self.tree["roots"]:
            queue.append((content, live.get((scope, name), ABSENT), (scope, name)))
        later: list[tuple[int, Any, Root]] = []
        while queue or later:
            while queue:
                content, present, root = queue.popleft()
                for pair in self._pair_value(content, present, root, later):
                    queue.append((*pair, root))
            # Dictionaries with objects as keys (optimizer.state) wait until the keys are paired.
            waiting, later = later, []
            for number, present, root in waiting:
                queue.extend((*pair, root) for pair in self._pair_keyed(number, present))

    def _pair_value(
        self, content: Any, present: Any, root: Root, later: list[tuple[int, Any, Root]]
    ) -> Iterator[tuple[Any, Any]]:
        if not isinstance(content, list):
            return
        tag = content[0]
        if tag == REFERENCE:
            yield from self._pair_node(content[1], present, root, later)
        elif tag in ("t", "nt"):
            items = content[1:] if tag == "t" else content[3:]
            fits = isinstance(present, tuple) and len(present) == len(items)
            for n, item in enumerate(items):
                yield item, present[n] if fits else ABSENT
        elif tag in ("fs", "slice"):
            for item in content[1:]:
                yield item, ABSENT
        elif tag == "m":
            yield content[1], getattr(present, "__self__", ABSENT)
        elif tag == LIVE and present is ABSENT:
            self._lost.setdefault(root, f"a {content[1]} that this process does not have")
        elif tag == "file" and present is ABSENT:
            self._lost.setdefault(root, "an open file that this process does not have")
        elif tag == "g":
            self._check_global(content, root)

    def _check_global(self, content: list[Any], root: Root) -> None:
        try:
            find_global(content[1], content[2])
        except GlobalNotFound as error:
            self._lost.setdefault(root, f"{error} is not there")

    def _pair_node(
        self, number: int, present: Any, root: Root, later: list[tuple[int, Any, Root]]
    ) -> Iterator[tuple[Any, Any]]:
        node = self._nodes[number]
        if number in self._seen:
            return
        self._seen.add(number)
        if "storage" in node:
            self._seen.add(node["storage"])
        if node["k"] in ("class", "function") and node.get("g"):
            present = self._global_or_absent(node, present)
        if present is not ABSENT and id(present) not in self._taken and self._fits(node, present):
            self._paired[number] = present
            self._taken.add(id(present))
        else:
            present = ABSENT
            self._check_buildable(node, root)
        if node["k"] == "dict" and any(isinstance(key, list) for key, _ in node["v"]):
            later.append((number, present, root))
            yield from ((key, ABSENT) for key, _ in node["v"] if present is ABSENT)
        else:
            yield from self._children(node, present)

    def _global_or_absent(self, node: dict[str, Any], present: Any) -> Any:
        try:
            return find_global(*node["g"][1:])
        except GlobalNotFound:
            return present

    def _check_buildable(self, node: dict[str, Any], root: Root) -> None:
        kind = node["k"]
        if kind in ("function", "class"):
            name = (node.get("g") or ["", "", "a nested function"])[2]
            self._lost.setdefault(root, f"{name} cannot be made anew")
        elif kind == "stub":
            self._lost.setdefault(root, "a tensor of a kind that checkpoints do not hold")
        elif kind == "opaque" and not self.trusted:
            self._lost.setdefault(root, "a pickled object; --trust would load it")
        elif "c" in node:
            self._check_global(["g", *node["c"]], root)

    def _fits(self, node: dict[str, Any], present: Any) -> bool:
        kind = node["k"]
        if kind == "class":
            return isinstance(present, type)
        if kind == "opaque":
            return False
        wanted = {"objects": "array", "records": "array", "sparse": "tensor", "stub": "tensor"}
        if kinds.kind_of(present) != wanted.get(kind, kind):
            return False
        cls = type(present)
        if "c" in node and [cls.__module__, cls.__qualname__] != node["c"]:
            return False
        if kind in _PLAIN_CLASS and "c" not in node and cls is not _PLAIN_CLASS[kind]:
            return False
        if kind == "tensor":
            return self._fits_tensor(node, present)
        if kind == "array":
            return self._fits_array(node, present)
        return str(kind) not in ("partial", "sparse")

    def _fits_tensor(self, node: dict[str, Any], present: Any) -> bool:
        lib = memory.torch()
        if present.layout is not lib.strided or not present.is_leaf or "grad_fn" in node:
            return False
        if str(present.dtype) != f"torch.{node['dtype']}" or str(present.device) != node["device"]:
            return False
        geometry = (list(present.shape), list(present.stride()), present.storage_offset())
        if geometry != (node["shape"], node["stride"], node["offset"]):
            return False
        if present.is_conj() != node["conj"] or present.is_neg() != node["neg"]:
            return False
        return self._pair_storage(node["storage"], present)

    def _pair_storage(self, number: int, present: Any) -> bool:
        storage = present.untyped_storage()
        known = self._paired.get(number)
        if known is not None:
            return bool(known.untyped_storage()._cdata == storage._cdata)
        key = -storage._cdata - 1  # apart from the ids of objects
        if key in self._taken or storage.nbytes() != self._nodes[number]["bytes"]:
            return False
        self._taken.add(key)
        self._paired[number] = present
        return True

    def _fits_array(self, node: dict[str, Any], present: Any) -> bool:
        if present.dtype.str != node["dtype"] or list(present.shape) != node["shape"]:
            return False
        if "owner" in node:
            owner = memory.array_owner(present)
            same = list(present.strides) == node["strides"]
            return same and memory.array_offset(present, owner) == node["offset"]
        return bool(present.flags["WRITEABLE"]) and memory.array_owner(present) is present

    def _children(self, node: dict[str, Any], present: Any) -> Iterator[tuple[Any, Any]]:
        kind = node["k"]
        if kind in ("list", "deque", "objects"):
            items = list(present.flat) if kind == "objects" and present is not ABSENT else present
            for n, content in enumerate(node.get("v", ())):
                yield content, _at(items, n)
        elif kind == "set":
            yield from ((content, ABSENT) for content in node["v"])
        elif kind == "dict":
            yield node.get("factory"), getattr(present, "default_factory", ABSENT)
            for key, content in node["v"]:
                yield content, ABSENT if present is ABSENT else dict.get(present, key, ABSENT)
        elif kind == "function":
            cells = {} if present is ABSENT else _cells(present)
            for name, content in node["cells"]:
                yield content, cells[name].cell_contents if name in cells else ABSENT
            for n, content in enumerate(node["defaults"]):
                yield content, _at(getattr(present, "__defaults__", None) or (), n)
        elif kind == "partial":
            for name in ("func", "args", "keywords"):
                yield node[name], getattr(present, name, ABSENT)
        elif kind == "tensor":
            grad = None if present is ABSENT else present.grad
            yield node.get("grad"), ABSENT if grad is None else grad
        elif kind == "array" and "owner" in node:
            owner = ABSENT if present is ABSENT else memory.array_owner(present)
            yield [REFERENCE, node["owner"]], owner
        elif kind == "sparse":
            yield node["indices"], ABSENT
            yield node["values"], ABSENT
        elif kind == "generator":
            yield node["state"], ABSENT
        for name, content in node.get("d", ()):
            yield content, _attribute(present, name)
        if "class" in node:
            yield node["class"], ABSENT if present is ABSENT else type(present)

    def _pair_keyed(self, number: int, present: Any) -> Iterator[tuple[Any, Any]]:
        node = self._nodes[number]
        yield node.get("factory"), getattr(present, "default_factory", ABSENT)
        for key, content in node["v"]:
            live_key = self._live_key(key)
            found = ABSENT
            if present is not ABSENT and live_key is not ABSENT:
                found = dict.get(present, live_key, ABSENT)
            yield content, found
        for name, content in node.get("d", ()):
            yield content, _attribute(present, name)

    def _live_key(self, key: Any) -> Any:
        if not isinstance(key, list):
            return key
        if key[0] == REFERENCE:
            return self._paired.get(key[1], ABSENT)
        if key[0] in LEAF_TAGS:
            return decode_leaf(key)
        if key[0] == "t":
            parts = [self._live_key(part) for part in key[1:]]
            return ABSENT if any(part is ABSENT for part in parts) else tuple(parts)
        return ABSENT

    # ------------------------------------------------------------------ building

    def _value(self, content: Any, present: Any) -> Any:
        if not isinstance(content, list):
            return content
        tag, *rest = content
        if tag == REFERENCE:
            return self._object(rest[0])
        if tag == LIVE:
            return present
        if tag == "g":
            return self._global_or_absent({"g": content}, present)
        if tag in LEAF_TAGS:
            return decode_leaf(content)
        if tag in ("t", "nt"):
            return self._tuple(content, present)
        if tag == "fs":
            return frozenset(self._value(item, ABSENT) for item in rest)
        if tag == "slice":
            return slice(*(self._value(item, ABSENT) for item in rest))
        if tag == "m":
            owner = self._value(rest[0], getattr(present, "__self__", ABSENT))
            return getattr(owner, rest[1])
        return self._file(rest[0], present)

    def _tuple(self, content: list[Any], present: Any) -> Any:
        named = content[0] == "nt"
        items = content[3:] if named else content[1:]
        fits = isinstance(present, tuple) and len(present) == len(items)
        values = [self._value(item, present[n] if fits else ABSENT) for n, item in enumerate(items)]
        if fits and all(new is old for new, old in zip(values, present, strict=True)):
            return present
        if not named:
            return tuple(values)
        cls = find_global(content[1], content[2])
        return cls._make(values) if hasattr(cls, "_make") else cls(values)

    def _file(self, at: int, present: Any) -> Any:
        if present is not ABSENT:
            present.seek(at)
        return present

    def _object(self, number: int) -> Any:
        found = self._paired.get(number, ABSENT)
        if found is ABSENT:
            found = self._built.get(number, ABSENT)
        if found is ABSENT:
            found = self._built[number] = self._build(self._nodes[number])
        return found

    def _build(self, node: dict[str, Any]) -> Any:
        kind = node["k"]
        builder = _BUILD.get(kind)
        if builder is not None:
            return builder(self, node)
        if kind in ("function", "class", "stub", "storage"):
            return ABSENT  # shown to be dead, or made on demand
        cls: Any = find_global(*node["c"]) if "c" in node else _PLAIN_CLASS[kind]
        return cls.__new__(cls)

    def _build_tensor(self, node: dict[str, Any]) -> Any:
        lib = memory.torch()
        dtype = getattr(lib, node["dtype"])
        storage = self._storage(node["storage"])
        tensor = lib.empty(0, dtype=dtype, device=node["device"])
        tensor.set_(storage, node["offset"], node["shape"], node["stride"])
        tensor = tensor.conj() if node["conj"] else tensor
        tensor = lib._neg_view(tensor) if node["neg"] else tensor
        if "grad_fn" in node:
            return stand_in_graph(tensor, node["grad_fn"])
        cls = find_global(*node["c"])
        if issubclass(cls, lib.nn.Parameter):
            return cls(tensor, requires_grad=node["requires_grad"])
        if cls is not lib.Tensor:
            tensor = tensor.as_subclass(cls)
        return tensor.requires_grad_() if node["requires_grad"] else tensor

    def _storage(self, number: int) -> Any:
        paired = self._paired.get(number)
        if paired is not None:
            return paired.untyped_storage()
        storage = self._storages.get(number)
        if storage is None:
            node = self._nodes[number]
            storage = memory.new_storage(self.read(node["t"]), node["device"])
            self._storages[number] = storage
        return storage

    def _build_sparse(self, node: dict[str, Any]) -> Any:
        indices, values = (self._value(node[part], ABSENT) for part in ("indices", "values"))
        return memory.torch().sparse_coo_tensor(indices, values, node["shape"]).coalesce()

    def _build_array(self, node: dict[str, Any]) -> Any:
        numpy = sys.modules["numpy"]
        dtype = numpy.dtype(node["dtype"])
        if "owner" in node:
            owner = self._object(node["owner"])
            return numpy.ndarray(
                node["shape"], dtype, buffer=owner, offset=node["offset"], strides=node["strides"]
            )
        flat = numpy.frombuffer(bytearray(self.read(node["t"])), dtype=dtype)
        array = flat.reshape(node["shape"]).copy(order=node["order"])
        array.flags.writeable = node["writeable"]
        cls = find_global(*node["c"])
        return array if cls is numpy.ndarray else array.view(cls)

    def _build_records(self, node: dict[str, Any]) -> Any:
        numpy = sys.modules["numpy"]
        dtype = numpy.dtype([tuple(part) for part in node["dtype"]])
        flat = numpy.frombuffer(bytearray(self.read(node["t"])), dtype=dtype)
        return flat.reshape(node["shape"]).copy()

    def _build_objects(self, node: dict[str, Any]) -> Any:
        return sys.modules["numpy"].empty(node["shape"], dtype=object)

    def _build_deque(self, node: dict[str, Any]) -> Any:
        cls = find_global(*node["c"]) if "c" in node else collections.deque
        return cls([], node["maxlen"])

    def _build_opaque(self, node: dict[str, Any]) -> Any:
        return pickle.loads(self.read(node["t"]))  # noqa: S301  # written by this user, see trusted

    def _build_partial(self, node: dict[str, Any]) -> Any:
        func, args, keywords = (
            self._value(node[part], ABSENT) for part in ("func", "args", "keywords")
        )
        return functools.partial(func, *args, **keywords)

    def _build_generator(self, node: dict[str, Any]) -> Any:
        return new_generator(find_global(*node["c"]), node.get("bits"))

    # ------------------------------------------------------------------ filling

    def _fill(self) -> None:
        # A generator takes its whole state at once, so the state has to be filled before it.
        numbers = sorted(
            sorted(self._seen), key=lambda number: self._nodes[number]["k"] == "generator"
        )
        for number in numbers:
            node = self._nodes[number]
            fill = _FILL.get(node["k"])
            if fill is not None:
                fill(self, node, self._object(number), number in self._paired)

    def _fill_list(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if "t" in node:
            target[:] = array.array(_PACKED[node["p"]], bytes(self.read(node["t"])))
        else:
            old = list(target)
            target[:] = [self._value(item, _at(old, n)) for n, item in enumerate(node["v"])]
        self._fill_attributes(node, target)

    def _fill_deque(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        old = list(target)
        values = [self._value(item, _at(old, n)) for n, item in enumerate(node["v"])]
        target.clear()
        target.extend(values)
        self._fill_attributes(node, target)

    def _fill_set(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        values = [self._value(item, ABSENT) for item in node["v"]]
        if list(target) != values:
            target.clear()
            target.update(values)
        self._fill_attributes(node, target)

    def _fill_bytearray(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        target[:] = bytes(self.read(node["t"]))

    def _fill_dict(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        items = []
        for content_key, content in node["v"]:
            key = self._value(content_key, ABSENT)
            items.append((key, self._value(content, dict.get(target, key, ABSENT))))
        if "factory" in node:
            factory = self._value(node["factory"], target.default_factory)
            target.default_factory = factory
        base = collections.OrderedDict if isinstance(target, collections.OrderedDict) else dict
        base.clear(target)
        for key, value in items:
            base.__setitem__(target, key, value)
        self._fill_attributes(node, target)

    def _fill_attributes(self, node: dict[str, Any], target: Any) -> None:
        recorded = node.get("d", ())
        present = getattr(target, "__dict__", None)
        for name, content in recorded:
            old = _attribute(target, name)
            value = self._value(content, old)
            if value is ABSENT or value is old:
                continue
            if present is not None and name not in kinds.slot_names(type(target)):
                present[name] = value
            else:
                object.__setattr__(target, name, value)
        if present:
            _drop_others(present, {name for name, _ in recorded})

    def _fill_object(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        self._fill_attributes(node, target)

    def _fill_class(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        for name, content in node["d"]:
            old = vars(target).get(name, ABSENT)
            value = self._value(content, old)
            if value is not old and value is not ABSENT:
                setattr(target, name, value)

    def _fill_function(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if target is ABSENT:
            return
        cells = _cells(target)
        for name, content in node["cells"]:
            if name in cells:
                old = cells[name].cell_contents
                value = self._value(content, old)
                if value is not old:
                    cells[name].cell_contents = value
        for name, content in node["d"]:
            vars(target)[name] = self._value(content, vars(target).get(name, ABSENT))

    def _fill_generator(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        set_generator_state(target, self._value(node["state"], ABSENT))

    def _fill_storage(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if paired:
            memory.fill_storage(target, self.read(node["t"]))

    def _fill_tensor(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if "grad_fn" not in node:
            if paired and target.requires_grad != node["requires_grad"]:
                target.requires_grad_(node["requires_grad"])
            grad = self._value(node.get("grad"), ABSENT)
            if target.grad is not grad:
                target.grad = grad
        for name, content in node.get("d", ()):
            vars(target)[name] = self._value(content, vars(target).get(name, ABSENT))

    def _fill_array(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if paired and "owner" not in node:
            numpy = sys.modules["numpy"]
            flat = numpy.frombuffer(self.read(node["t"]), dtype=target.dtype)
            target[...] = flat.reshape(target.shape)

    def _fill_records(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if paired:
            numpy = sys.modules["numpy"]
            flat = numpy.frombuffer(self.read(node["t"]), dtype=target.dtype)
            target[...] = flat.reshape(target.shape)

    def _fill_objects(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        old = list(target.flat)
        for n, content in enumerate(node["v"]):
            target.flat[n] = self._value(content, _at(old, n))


def _at(items: Any, index: int) -> Any:
    if items is ABSENT or index >= len(items):
        return ABSENT
    return items[index]


def _attribute(present: Any, name: str) -> Any:
    if present is ABSENT:
        return ABSENT
    attributes = getattr(present, "__dict__", None)
    if attributes is not None and name in attributes:
        return attributes[name]
    return getattr(present, name, ABSENT) if name in kinds.slot_names(type(present)) else ABSENT


def _cells(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    return dict(zip(names, function.__closure__ or (), strict=True))


def _drop_others(attributes: dict[str, Any], recorded: set[str]) -> None:
    """Remove attributes that the recorded object did not have.

    A torch module's empty hook tables are not recorded: they are emptied, and stay.
    """
    for name in [name for name in attributes if name not in recorded]:
        value = attributes[name]
        if "_hooks" in name and isinstance(value, dict):
            value.clear()
        else:
            del attributes[name]


_PLAIN_CLASS: dict[str, type] = {
    "dict": dict,
    "list": list,
    "set": set,
    "deque": collections.deque,
    "bytearray": bytearray,
}
_PACKED = {"int64": "q", "float64": "d"}
_BUILD = {
    "tensor": Decoder._build_tensor,
    "sparse": Decoder._build_sparse,
    "array": Decoder._build_array,
    "records": Decoder._build_records,
    "objects": Decoder._build_objects,
    "deque": Decoder._build_deque,
    "opaque": Decoder._build_opaque,
    "partial": Decoder._build_partial,
    "generator": Decoder._build_generator,
}
_FILL = {
    "list": Decoder._fill_list,
    "deque": Decoder._fill_deque,
    "set": Decoder._fill_set,
    "bytearray": Decoder._fill_bytearray,
    "dict": Decoder._fill_dict,
    "object": Decoder._fill_object,
    "class": Decoder._fill_class,
    "function": Decoder._fill_function,
    "generator": Decoder._fill_generator,
    "storage": Decoder._fill_storage,
    "tensor": Decoder._fill_tensor,
    "array": Decoder._fill_array,
    "records": Decoder._fill_records,
    "objects": Decoder._fill_objects,
}
