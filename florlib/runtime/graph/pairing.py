"""Which live object stands where a recorded one stood: the first pass of a restore."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.graph import kinds, memory, sparse
from florlib.runtime.graph.bystanders import can_show
from florlib.runtime.graph.children import children
from florlib.runtime.graph.codes import code_place, find_code
from florlib.runtime.graph.generators import can_spawn_as
from florlib.runtime.graph.leaves import (
    LEAF_TAGS,
    LIVE,
    PROXY,
    REFERENCE,
    WEAK,
    GlobalNotFound,
    class_name,
    decode_leaf,
    find_global,
)
from florlib.runtime.graph.ordering import Table, fill_in_order
from florlib.runtime.graph.parts import is_loose_module
from florlib.runtime.graph.places import (
    ABSENT,
    PLAIN_CLASS,
    Root,
    attribute_of,
    proxied,
    referent,
)
from florlib.runtime.graph.records import decode_record_dtype


@dataclass(slots=True)
class Pairing:
    """Walks a recorded tree and the live objects side by side; changes neither.

    Attributes:
        nodes: of the tree.
        roots: [scope, name, value] of the tree.
        trusted: whether pickled leaves may be loaded.
        graphs: by node number, the live tensor to take, wherever it stands now.
        paired: by node number, the live object; for a storage a tensor that looks into it.
        seen: numbers of the nodes that the roots lead to.
        lost: by root, why something below it can neither be found nor made.
        texts: names of blocks that hold long texts.
    """

    nodes: list[dict[str, Any]]
    roots: list[Any]
    trusted: bool
    graphs: Mapping[int, Any] = field(default_factory=dict)
    paired: dict[int, Any] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    lost: dict[Root, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    bystanders: list[tuple[Any, Mapping[str, Any], list[list[Any]]]] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)

    def pair(self, live: Mapping[Root, Any], dead: frozenset[Root]) -> None:
        """Go through all roots, and note what is paired, seen and lost.

        What is read comes before what is dead: a part that both share counts as read.
        """
        for unread in (False, True):
            queue: _Queue = collections.deque()
            for scope, name, content in self.roots:
                if ((scope, name) in dead) == unread and isinstance(content, list):
                    queue.append((content, live.get((scope, name), ABSENT), (scope, name)))
            self._walk(queue)

    def _walk(self, queue: _Queue) -> None:
        later: list[tuple[int, Any, Root]] = []
        absent: _Queue = collections.deque()
        while queue or later or absent:
            # What has nothing in its place waits: another way may lead to its live object.
            if not queue and not later:
                queue.append(absent.popleft())
            while queue:
                content, present, root = queue.popleft()
                if content[0] == REFERENCE:
                    parts = self._pair_node(content[1], present, root, later)
                else:
                    parts = self._pair_value(content, present, root)
                for part, live in parts:
                    if isinstance(part, list):
                        (absent if live is ABSENT else queue).append((part, live, root))
            # Dictionaries with objects as keys (optimizer.state) wait until the keys are paired.
            waiting, later = later, []
            for number, present, root in waiting:
                for part, live in self._pair_keyed(number, present):
                    if isinstance(part, list):
                        (absent if live is ABSENT else queue).append((part, live, root))

    def _pair_value(
        self, content: list[Any], present: Any, root: Root
    ) -> Iterator[tuple[Any, Any]]:
        tag = content[0]
        if tag in ("t", "nt"):
            if tag == "nt" and class_name(type(present)) != content[1:3]:
                self._check_global(content, root)
            items = content[1:] if tag == "t" else content[3:]
            fits = isinstance(present, tuple) and len(present) == len(items)
            for n, item in enumerate(items):
                yield item, present[n] if fits else ABSENT
        elif tag in ("fs", "slice"):
            for item in content[1:]:
                yield item, ABSENT
        elif tag == WEAK:
            yield content[1], referent(present)
        elif tag == PROXY:
            yield content[1], proxied(present)
        elif tag == "m":
            yield content[1], getattr(present, "__self__", ABSENT)
        elif tag == LIVE and present is ABSENT:
            self.lost.setdefault(root, f"a {content[1]} that this process does not have")
        elif tag == LIVE and len(content) > 2:
            parts = content[3] if len(content) > 3 else []
            if can_show(present, content[2]):
                self.bystanders.append((present, content[2], parts))
                yield from ((part, getattr(present, name, ABSENT)) for name, part in parts)
            else:
                self.lost.setdefault(root, f"a {content[1]} that is not as it was")
        elif tag == "file" and present is ABSENT:
            self.lost.setdefault(root, "an open file that this process does not have")
        elif tag == "g":
            self._check_global(content, root)
        elif tag in ("text", "data"):
            self.texts.add(content[1])
        elif tag in LEAF_TAGS:
            self._check_leaf(content, root)

    def _check_leaf(self, content: list[Any], root: Root) -> None:
        try:
            decode_leaf(content)
        except Exception as error:  # noqa: BLE001  # an enum may have become anything
            self.lost.setdefault(root, f"{error} is not there")

    def _check_global(self, content: list[Any], root: Root) -> None:
        try:
            find_global(content[1], content[2])
        except GlobalNotFound as error:
            self.lost.setdefault(root, f"{error} is not there")

    def _pair_node(
        self, number: int, present: Any, root: Root, later: list[tuple[int, Any, Root]]
    ) -> Iterable[tuple[Any, Any]]:
        node = self.nodes[number]
        if number in self.seen:
            return ()
        self.seen.add(number)
        if "storage" in node:
            self.seen.add(node["storage"])
        if node["k"] in ("class", "function") and node.get("g"):
            present = global_or(node, present)
        if node["k"] == "set" and not _order_comes_back(node, present):
            self.lost.setdefault(root, "a set whose order of iteration cannot be made again")
        kept = self.graphs.get(number)
        if kept is not None:
            if "storage" in node:
                self._pair_storage(node["storage"], kept)
            present = self.paired[number] = kept
            self._taken.add(id(kept))
        elif present is not ABSENT and id(present) not in self._taken and self._fits(node, present):
            self.paired[number] = present
            self._taken.add(id(present))
        else:
            present = ABSENT
            self._check_buildable(node, root)
        if node["k"] == "dict" and any(isinstance(key, list) for key, _ in node["v"]):
            later.append((number, present, root))
            return [(key, ABSENT) for key, _ in node["v"]]
        return children(node, present)

    def _check_buildable(self, node: dict[str, Any], root: Root) -> None:
        kind = node["k"]
        if kind == "function" and node.get("alone") and find_code(node["code"]) is not None:
            return
        if kind in ("function", "class"):
            name = (node.get("g") or ["", "", "a nested function"])[2]
            self.lost.setdefault(root, f"{name} cannot be made anew")
        elif kind == "module":
            self.lost.setdefault(root, f"a module {node['name']} that the script made")
        elif kind == "stub":
            what = node.get("c", ["", "object"])[1]
            self.lost.setdefault(root, f"a {what} of a kind that checkpoints do not hold")
        elif kind == "opaque" and not self.trusted:
            self.lost.setdefault(
                root,
                "a pickled object of a run from elsewhere: flor spool fetch --trust lets it be loaded",
            )
        elif "c" in node:
            self._check_global(["g", *node["c"]], root)

    def _fits(self, node: dict[str, Any], present: Any) -> bool:
        kind = node["k"]
        if kind == "class":
            return isinstance(present, type)
        if kind == "module":
            return is_loose_module(present) and present.__name__ == node["name"]
        if kind == "opaque":
            return False
        if kind in sparse.KINDS or "quantizer" in node:
            return False
        wanted = {"objects": "array", "records": "array"}
        if kind != "stub" and kinds.kind_of(present) != wanted.get(kind, kind):
            return False
        cls = type(present)
        if "c" in node and [cls.__module__, cls.__qualname__] != node["c"]:
            return False
        if kind in PLAIN_CLASS and "c" not in node and cls is not PLAIN_CLASS[kind]:
            return False
        if kind == "function" and "code" in node:
            return bool(code_place(present) == node["code"])
        if kind == "generator":
            return can_spawn_as(present, node.get("seeds"))
        if kind == "tensor":
            return self._fits_tensor(node, present)
        if kind == "array":
            return self._fits_array(node, present)
        if kind in ("objects", "records"):
            return self._fits_element_type(node, present)
        if kind == "deque":
            return bool(present.maxlen == node["maxlen"])
        return True

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
        known = self.paired.get(number)
        if known is not None:
            return bool(known.untyped_storage()._cdata == storage._cdata)
        key = -storage._cdata - 1  # apart from the ids of objects
        if key in self._taken or storage.nbytes() != self.nodes[number]["bytes"]:
            return False
        self._taken.add(key)
        self.paired[number] = present
        return True

    def _fits_array(self, node: dict[str, Any], present: Any) -> bool:
        if present.dtype.str != node["dtype"] or list(present.shape) != node["shape"]:
            return False
        if "owner" in node:
            owner = memory.array_owner(present)
            place = (list(present.strides), memory.array_offset(present, owner))
            return place == (node["strides"], node["offset"]) and self._pair_owner(node, owner)
        # What cannot be written, as a file that is mapped for reading, stays if it has the content.
        can_hold = present.flags["WRITEABLE"] or not node["writeable"]
        return bool(can_hold) and memory.array_owner(present) is present

    def _pair_owner(self, node: dict[str, Any], owner: Any) -> bool:
        number = node["owner"]
        if number not in self.seen:
            if id(owner) in self._taken or not self._fits(self.nodes[number], owner):
                return False
            self.seen.add(number)
            self._taken.add(id(owner))
            self.paired[number] = owner
        return self.paired.get(number) is owner

    def _fits_element_type(self, node: dict[str, Any], present: Any) -> bool:
        if list(present.shape) != node["shape"] or not present.flags["WRITEABLE"]:
            return False
        if node["k"] == "objects":
            return bool(present.dtype.str == node["dtype"])
        return bool(present.dtype == decode_record_dtype(node["dtype"]))

    def _pair_keyed(self, number: int, present: Any) -> Iterator[tuple[Any, Any]]:
        node = self.nodes[number]
        yield node.get("factory"), getattr(present, "default_factory", ABSENT)
        keys = list(present) if present is not ABSENT else []
        for n, (key, content) in enumerate(node["v"]):
            live_key = self._live_key(key)
            if live_key is ABSENT and n < len(keys):
                live_key = keys[n]  # an object that is reached in no other way
                yield key, live_key
            found = ABSENT
            if present is not ABSENT and live_key is not ABSENT:
                found = dict.get(present, live_key, ABSENT)
            yield content, found
        for name, content in node.get("d", ()):
            yield content, attribute_of(present, name)

    def _live_key(self, key: Any) -> Any:
        if not isinstance(key, list):
            return key
        if key[0] == REFERENCE:
            return self.paired.get(key[1], ABSENT)
        if key[0] == "id":
            return id(self.paired[key[1]]) if key[1] in self.paired else ABSENT
        if key[0] in LEAF_TAGS:
            return decode_leaf(key)
        if key[0] == "t":
            parts = [self._live_key(part) for part in key[1:]]
            return ABSENT if any(part is ABSENT for part in parts) else tuple(parts)
        return ABSENT


_Queue = collections.deque[tuple[Any, Any, Root]]


def global_or(node: dict[str, Any], present: Any) -> Any:
    """What a node's global name leads to, or `present` where it leads nowhere."""
    try:
        return find_global(*node["g"][1:])
    except GlobalNotFound:
        return present


def _order_comes_back(node: dict[str, Any], present: Any) -> bool:
    """Whether a set can be made to be gone through in the recorded order.

    Objects are hashed by address: theirs is chance.
    """
    content = node["v"]
    if any(isinstance(item, list) for item in content):
        return True
    if isinstance(present, set) and list(present) == content:
        return True
    return fill_in_order(set(), content, Table(*node["slots"]) if "slots" in node else None)
