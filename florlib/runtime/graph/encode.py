"""From live objects to a tree of JSON nodes and blocks of memory (the way into a checkpoint).

Breadth first from named roots, so that a node's path does not depend on anything but the objects.
The way back is decode.py.
"""

from __future__ import annotations

import collections
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.graph import readable_path
from florlib.runtime.graph import kinds, memory, workers
from florlib.runtime.graph.captured import Captured, Missing
from florlib.runtime.graph.encode_containers import (
    fill_bytearray,
    fill_deque,
    fill_dict,
    fill_list,
    fill_set,
)
from florlib.runtime.graph.encode_live import (
    encode_bystander,
    encode_cache,
    encode_channel,
    encode_file,
    encode_iterator,
    encode_processes,
    encode_proxy,
    encode_weak,
    live,
)
from florlib.runtime.graph.encode_memory import fill_array, fill_tensor
from florlib.runtime.graph.encode_named import (
    encode_class,
    encode_function,
    encode_method,
    encode_module,
    encode_reference,
)
from florlib.runtime.graph.encode_objects import (
    fill_class,
    fill_function,
    fill_generator,
    fill_holder,
    fill_module,
    fill_object,
    fill_partial,
)
from florlib.runtime.graph.known import Known, Place, Seen, identity
from florlib.runtime.graph.leaves import (
    LONG_TEXT,
    REFERENCE,
    NotALeaf,
    class_name,
    encode_leaf,
    stands_for_itself,
)
from florlib.runtime.graph.ordering import are_readable
from florlib.runtime.graph.parts import is_loaded_module, small_integers
from florlib.runtime.graph.pickling import pickled
from florlib.runtime.graph.recall import is_unchanged, remember


@dataclass(slots=True)
class Encoder:
    """Takes live objects apart; used for one capture and thrown away.

    Attributes:
        known: what was found before.
        is_project: whether a module name belongs to the user's project.
        stored: contents that need no copy, because they are on disk already.
        under_way: ids of the DataLoaders that are being gone through.
        queue: (number, object) of nodes that are yet to be looked at.
        put: names of attributes that the script's text puts on objects.
        reads_sets: whether the order within sets may be read off their memory.
        settled: classes whose nodes, if they have some, were met.
        class_parts: by identity, what the classes hold whose nodes are yet to be filled.
        named: likewise what stands for the classes and functions that are not taken apart.
        graphs: where tensors with an autograd graph are kept by node; None keeps none, so that a
            checkpoint that is being written holds no graph in memory.
    """

    is_project: Any
    stored: memory.Stored = memory.NOTHING_STORED
    under_way: frozenset[int] = frozenset()
    graphs: dict[int, Any] | None = None
    known: Known = field(default_factory=Known)
    blocks: dict[str, memory.Block] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    alive: list[Any] = field(default_factory=list)
    id_keys: list[int] = field(default_factory=list)
    put: Container[str] = ()
    class_parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    named: dict[int, Any] = field(default_factory=dict)
    reads_sets: bool = field(default_factory=are_readable)
    settled: set[type] = field(default_factory=set)
    queue: collections.deque[tuple[int, Any]] = field(default_factory=collections.deque)
    _moved: set[int] = field(default_factory=set)  # nodes that are reached in another way now

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The contents of all nodes, by number."""
        return self.known.contents

    def capture(self, roots: Iterable[tuple[str, str, Any]]) -> Captured:
        """Capture the named objects and all that they lead to.

        Args:
            roots: (scope, name, object), in the order that fixes who is met first.
        """
        self.known.begin()
        encoded = []
        for scope, name, value in roots:
            encoded.append([scope, name, self._value(value, Place(-1, name, scope, name))])
            if self.queue:
                self._drain()
        self._name_ids()
        self.known.end()
        tree = {"roots": encoded, "nodes": list(self.nodes)}
        return Captured(tree, self.blocks, self.missing, self.alive, self.graphs or {})

    def _name_ids(self) -> None:
        """Say of keys that are an object's id() whose it is: the number itself is chance."""
        for items in [self.nodes[number]["v"] for number in self.id_keys]:
            for item in items:
                owner = self.known.met_id(item[0]) if type(item[0]) is int else None
                if owner is not None:
                    item[0] = ["id", owner]

    def _drain(self) -> None:
        while self.queue:
            number, value = self.queue.popleft()
            try:
                if not is_unchanged(self, number, value):
                    self._fill(number, value, kinds.kind_of(value))
            except Exception as error:  # noqa: BLE001  # attributes run code of any library
                self._give_up(number, value, error)

    def _fill(self, number: int, value: Any, kind: str) -> None:
        self.known.empty(number)
        _FILL[kind](self, number, value)
        remember(self, number, value, kind)

    def _give_up(self, number: int, value: Any, error: Exception) -> None:
        """Leave out an object that cannot be taken apart, and name it."""
        self.nodes[number] = {"k": "stub", "c": class_name(type(value))}
        reason = (
            f"a {type(value).__name__} that cannot be captured ({type(error).__name__}: {error})"
        )
        place = self.place(number)
        self.note_missing(place, reason, value=value, node=number)

    # ------------------------------------------------------------------ values

    def _value(self, value: Any, place: Place) -> Any:
        kind = kinds.kind_of(value)
        if kind == "leaf":
            if type(value) in (str, bytes) and len(value) >= LONG_TEXT:
                return self._long_text(value, place)
            try:
                return encode_leaf(value)
            except NotALeaf:
                return self._opaque(value, place)
        number = self.known.met(value)
        if number is not None:
            return [REFERENCE, number]
        if kind == "dict" and is_loaded_module(value):
            return live(value)  # globals(): its names are roots of their own
        inline = _INLINE.get(kind)
        if inline is not None:
            return inline(self, value, place)
        return self.node(value, place)

    def _long_text(self, value: str | bytes, place: Place) -> Any:
        tag = "text" if isinstance(value, str) else "data"
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return [tag, self.block_at(place, memory.Block("uint8", (len(data),), data))]

    def node(self, value: Any, place: Place) -> Any:
        """A reference to an object that this capture has not met, to be filled in its turn."""
        number = self._own(value, place)
        self.queue.append((number, value))
        return [REFERENCE, number]

    def _own(self, value: Any, place: Place) -> int:
        known = self.known
        self.alive.append(value)
        key = identity(value)
        number = known.numbers.get(key)
        seen = None if number is None else known.seen[number]
        if number is None or seen is None or seen.cls is not type(value):
            number = known.add(Seen(type(value), place, known.round))
            known.numbers[key] = number
            return number
        seen.round = known.round
        if place.parent in self._moved or not seen.place.is_same(place):
            self._moved.add(number)
            seen.place, seen.mark, seen.block = place, None, None
        return number

    def brings_class(self, cls: type) -> bool:
        """Whether a node is the first of its class, one of the user's."""
        return (
            cls not in self.settled
            and self.is_project(cls.__module__)
            and self.known.met(cls) is None
        )

    def place(self, number: int) -> Place:
        """Where a node was reached first."""
        seen = self.known.seen[number]
        assert seen is not None
        return seen.place

    def child(self, number: int, step: str, value: Any) -> Any:
        """The value of something that a node leads to by a step."""
        if stands_for_itself(value):
            return value
        origin = self.place(number)
        return self._value(value, Place(number, step, origin.scope, origin.name))

    def path(self, place: Place) -> str:
        """How an object is reached from its root, as one would write it."""
        steps = [place.step]
        while place.parent >= 0:
            place = self.place(place.parent)
            steps.append(place.step)
        return "".join(reversed(steps))

    def miss(self, value: Any, place: Place, reason: str) -> Any:
        """Leave something out, by name; what stands for it in the tree."""
        self.note_missing(place, reason, value=value, node=place.parent)
        return live(value)

    def note_missing(self, place: Place, reason: str, **more: Any) -> None:
        """Name something that is left out."""
        path = self.path(place)
        self.missing.append(Missing(place.scope, place.name, path, reason, **more))

    def loader_states(self) -> Iterator[tuple[str, Any]]:
        """By path, each DataLoader that was met and the states of its workers, where known."""
        found = ((self.known.met(loader), loader) for loader in workers.known_loaders())
        met = [(number, loader) for number, loader in found if number is not None]
        for number, loader in sorted(met, key=lambda item: self.path(self.place(item[0]))):
            state = self._workers_of(loader)
            if state is not None and workers.expects_reuse(loader):
                yield readable_path(self.path(self.place(number))), (loader, state)

    def _workers_of(self, loader: Any) -> Any:
        return workers.loader_state(loader, under_way=id(loader) in self.under_way)

    def _workers(self, value: Any, place: Place) -> Any:
        loader = workers.loader_of(value)
        if loader is not None and self._workers_of(loader) is not None:
            return live(value)
        reason = "worker processes of a DataLoader, which go on from epoch to epoch"
        self.note_missing(place, reason, kind="workers", node=place.parent)
        return live(value)

    def _tuple(self, value: Any, place: Place) -> Any:
        cls = type(value)
        if cls is tuple and small_integers(value):
            return ["t", *value]  # such as the 625 integers of a Mersenne twister
        if getattr(value, "__dict__", None):
            return self._opaque(value, place)
        items = [self.inner(place, f"[{n}]", item) for n, item in enumerate(value)]
        if cls is tuple:
            return ["t", *items]
        return ["nt", cls.__module__, cls.__qualname__, *items]

    def _frozenset(self, value: Any, place: Place) -> Any:
        return ["fs", *(self.inner(place, "{…}", item) for item in value)]

    def _slice(self, value: Any, place: Place) -> Any:
        parts = (value.start, value.stop, value.step)
        return ["slice", *(self.inner(place, "", part) for part in parts)]

    def inner(self, place: Place, step: str, value: Any) -> Any:
        """The value of something that lies within a value without a node."""
        return self._value(value, Place(place.parent, place.step + step, place.scope, place.name))

    def _opaque(self, value: Any, place: Place) -> Any:
        if memory.shows_memory(value):  # pickled as the bytes that it shows, and no view
            return self.miss(value, place, f"a {type(value).__name__} of another object's memory")
        try:
            data = pickled(value)
        except Exception as error:  # noqa: BLE001  # pickling runs code of any library
            reason = f"a {type(value).__name__} that cannot be captured ({error})"
            return self.miss(value, place, reason)
        number = self._own(value, place)
        name = self.block(number, memory.Block("uint8", (len(data),), data))
        self.nodes[number] = {"k": "opaque", "c": class_name(type(value)), "t": name}
        return [REFERENCE, number]

    # ------------------------------------------------------------------ nodes

    def block(self, number: int, block: memory.Block) -> str:
        """Keep a block under the readable path of a node; returns its name."""
        seen = self.known.seen[number]
        assert seen is not None
        if seen.block is None or seen.block in self.blocks:
            seen.block = self.block_at(seen.place, block)
        else:
            self.blocks[seen.block] = block
        return seen.block

    def block_at(self, place: Place, block: memory.Block) -> str:
        """Keep a block under the readable path of a place; returns its name.

        Paths are not unique, and a block that stayed keeps the name that it had.
        """
        path = readable_path(self.path(place))
        name, number = path, len(self.blocks)
        while name in self.blocks:
            name, number = f"{path}~{number}", number + 1
        self.blocks[name] = block
        return name

    def attributes(self, number: int, items: Iterable[tuple[str, Any]]) -> list[list[Any]]:
        """Named attributes of a node's object, [[name, value]]."""
        return [[name, self.child(number, f".{name}", item)] for name, item in items]


_INLINE = {
    "tuple": Encoder._tuple,
    "frozenset": Encoder._frozenset,
    "slice": Encoder._slice,
    "reference": encode_reference,
    "method": encode_method,
    "class": encode_class,
    "function": encode_function,
    "module": encode_module,
    "bystander": encode_bystander,
    "weak": encode_weak,
    "proxy": encode_proxy,
    "iterator": encode_iterator,
    "workers": Encoder._workers,
    "file": encode_file,
    "cache": encode_cache,
    "processes": encode_processes,
    "channel": encode_channel,
    "opaque": Encoder._opaque,
}
_FILL = {
    "list": fill_list,
    "deque": fill_deque,
    "set": fill_set,
    "bytearray": fill_bytearray,
    "dict": fill_dict,
    "object": fill_object,
    "class": fill_class,
    "function": fill_function,
    "module": fill_module,
    "partial": fill_partial,
    "generator": fill_generator,
    "holder": fill_holder,
    "tensor": fill_tensor,
    "array": fill_array,
}
