"""Two captured trees held against each other, item by item, by the names people know.

An item is a leaf value or a block of memory below a root; blocks are compared by digest.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Tree = Mapping[str, Any]
Digests = Mapping[str, str]
Root = tuple[str, str]

# Parts of a node that lead to other nodes or blocks, and what no script sees; the rest are plain
# values.
_STRUCTURE = (
    *("factory", "globals", "func", "args", "keywords", "state"),
    *("indices", "compressed", "plain", "values", "scales", "zero_points"),
)
_FOLLOWED = frozenset(
    {
        "k",
        "c",
        "t",
        "v",
        "d",
        "storage",
        "owner",
        "grad",
        "class",
        "cells",
        "defaults",
        "kwdefaults",
        "alone",
        "slots",
    }
).union(_STRUCTURE)


UNSTEADY = "~"
"""Begins the names of what is kept of an object and depends on the clock: it is not compared."""
_FRAME = "frame "  # begins the scope of a function that was under way
_INSIDE_MODULES = re.compile(r"\._(?:modules|parameters|buffers)\['([^']*)'\]")


@dataclass(frozen=True, slots=True)
class Difference:
    """One item that is not the same in both trees."""

    item: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding two trees against each other.

    Attributes:
        checked: number of items looked at.
        differences: those that are not the same, in the order they were met.
        near: number of those that are not, but lie within the tolerance.
    """

    checked: int
    differences: tuple[Difference, ...]
    near: int = 0


@dataclass(frozen=True, slots=True)
class Nearness:
    """What passes for the same on a device that does not repeat itself bit for bit.

    Attributes:
        tolerance: largest relative difference of two floats.
        blocks: whether two blocks, of the recorded and of the replayed tree, are near.
    """

    tolerance: float
    blocks: Callable[[str, str], bool]


def compare_trees(
    recorded: Tree,
    replayed: Tree,
    digests: tuple[Digests, Digests],
    *,
    ignored: Callable[[Root], bool],
    nearness: Nearness | None = None,
) -> Comparison:
    """Compare the values of all roots that the recorded tree has.

    Args:
        recorded: the tree that counts.
        replayed: the tree that is held against it.
        digests: of the blocks of the recorded and of the replayed tree, by block name.
        ignored: roots that need not agree (wall-clock values, names that a probe introduced).
        nearness: what passes besides equality; None for nothing.
    """
    present = {(scope, name): content for scope, name, content in replayed["roots"]}
    walk = _Walk(recorded["nodes"], replayed["nodes"], *digests, nearness)
    walk.note_variables(recorded["roots"])
    for scope, name, content in recorded["roots"]:
        root = (scope, name)
        if not ignored(root):
            walk.root(name, content, present.get(root, _GONE))
    walk.sets()
    return Comparison(walk.checked, tuple(walk.differences), walk.near)


_GONE = object()


class _Walk:
    """The state of one comparison: pairs of nodes met so far, and what differed."""

    def __init__(
        self,
        recorded: list[Mapping[str, Any]],
        replayed: list[Mapping[str, Any]],
        recorded_digests: Digests,
        replayed_digests: Digests,
        nearness: Nearness | None,
    ) -> None:
        self.nodes = (recorded, replayed)
        self.digests = (recorded_digests, replayed_digests)
        self.nearness = nearness
        self.near = 0
        self.seen: dict[int, int] = {}
        self.shared: set[int] = set()  # nodes of the replayed tree that were met
        self.waiting: list[tuple[str, list[Any], list[Any]]] = []  # the objects of sets
        self.checked = 0
        self.differences: list[Difference] = []
        self.variables: dict[tuple[str, str], Any] = {}  # by function and name

    def note_variables(self, roots: list[Any]) -> None:
        """Note what the variables of functions under way are; none of those that call themselves."""
        for scope, name, content in roots:
            if scope.startswith(_FRAME):
                variable = (scope.rpartition(" ")[2], name)
                self.variables[variable] = _GONE if variable in self.variables else content

    def root(self, name: str, left: Any, right: Any) -> None:
        queue = collections.deque([(name, left, right)])
        while queue:
            path, one, other = queue.popleft()
            queue.extend(self._value(path, one, other))

    def sets(self) -> None:
        """Compare the objects of sets, which come in the order of their addresses: by chance.

        Those that were met elsewhere are known by that; the others are taken in their order.
        """
        while self.waiting:
            path, left, right = self.waiting.pop(0)
            met = [number for number in left if number in self.seen]
            there = set(right)
            for number in met:
                if self.seen[number] not in there:
                    self._differ(path, "an object that is there", "absent")
            counterparts = {self.seen[number] for number in met}
            rest = [number for number in left if number not in self.seen]
            others = [number for number in right if number not in counterparts]
            for n, (one, other) in enumerate(zip(rest, others, strict=False)):
                self.root(f"{path}[{n}]", ["r", one], ["r", other])

    def _value(self, path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
        if not isinstance(one, list) or not one:
            self._leaf(path, one, other)
            return
        tag = one[0]
        if tag == "live":
            yield from self._bystander(path, one, other)
            return
        if not isinstance(other, list) or not other or other[0] != tag:
            self._differ(path, one, other)
        elif tag == "r":
            yield from self._node(path, one[1], other[1])
        elif tag == "id":
            yield from self._node(path, one[1], other[1])
        elif tag in ("text", "data"):
            self._digest(path, one[1], other[1])
        elif tag in ("t", "nt", "fs", "slice", "m", "weak", "proxy"):
            if len(one) != len(other):
                self._differ(path, one, other)
                return
            for n, (left, right) in enumerate(zip(one[1:], other[1:], strict=True)):
                yield f"{path}[{n}]", left, right
        else:
            self._leaf(path, one, other)

    def _bystander(self, path: str, one: list[Any], other: Any) -> Iterator[tuple[str, Any, Any]]:
        """What was kept of an object that stays as it is; what depends on the clock is not compared."""
        if len(one) > 2 and isinstance(other, list) and other[:2] == one[:2] and len(other) > 2:
            for name, item in one[2].items():
                if not name.startswith(UNSTEADY):
                    self._leaf(f"{path}.{name}", item, other[2].get(name))
            if len(one) > 3 and len(other) > 3:
                yield from self._named(path, one[3], other[3])

    def _leaf(self, path: str, one: Any, other: Any) -> None:
        self.checked += 1
        # 1 == 1.0 == True in Python, and they are three values to a script; -0.0 is not 0.0.
        if type(one) is not type(other) or repr(one) != repr(other):
            if self.nearness is not None and isinstance(one, float) and isinstance(other, float):
                if math.isclose(one, other, rel_tol=self.nearness.tolerance):
                    self.near += 1
                    return
            self._differ(path, one, other)

    def _differ(self, path: str, one: Any, other: Any) -> None:
        self.differences.append(Difference(readable_path(path), _short(one), _short(other)))

    def _node(self, path: str, left: int, right: int) -> Iterator[tuple[str, Any, Any]]:
        if left in self.seen:
            if self.seen[left] != right:
                self._differ(path, "shared with another name", "not shared")
            return
        if right in self.shared:
            self._differ(path, "an object of its own", "shared with another name")
            return
        self.seen[left] = right
        self.shared.add(right)
        one, other = self.nodes[0][left], self.nodes[1][right]
        if one.get("k") != other.get("k") or one.get("c") != other.get("c"):
            self._differ(path, _describe(one), _describe(other))
            return
        for part in one:
            if part == "content" and self._shows_near(one, other):
                self.checked += 1
                self.near += 1
            elif part not in _FOLLOWED:
                self._leaf(f"{path}.{part}", one[part], other.get(part))
        self._block(path, one, other)
        yield from self._parts(path, one, other)

    def _block(self, path: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        if ("t" not in one and "t" not in other) or one.get("partial"):
            return  # bytes that no tensor shows are nobody's: the tensors' content is compared
        self._digest(path, one.get("t", ""), other.get("t", ""))

    def _digest(self, path: str, one: str, other: str) -> None:
        self.checked += 1
        left, right = self.digests[0].get(one), self.digests[1].get(other)
        if left != right and self._are_near(one, other):
            self.near += 1
        elif left != right:
            self._differ(path, f"digest {str(left)[:12]}", f"digest {str(right)[:12]}")

    def _are_near(self, one: str, other: str) -> bool:
        return self.nearness is not None and self.nearness.blocks(one, other)

    def _shows_near(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two tensors that show a part of a storage differ, and the storages are near."""
        if one["content"] == other.get("content") or "storage" not in one or "storage" not in other:
            return False
        left = self.nodes[0][one["storage"]].get("t", "")
        right = self.nodes[1][other["storage"]].get("t", "")
        return self._are_near(left, right)

    def _parts(
        self, path: str, one: Mapping[str, Any], other: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, Any]]:
        for part in ("storage", "owner"):
            if part in one and part in other:
                yield path, ["r", one[part]], ["r", other[part]]
        for part in ("grad", "class", *_STRUCTURE):
            if part in one or part in other:
                yield f"{path}.{part}", one.get(part), other.get(part)
        left, right = one.get("v", []), other.get("v", [])
        if len(left) != len(right):
            self._differ(path, f"{len(left)} elements", f"{len(right)} elements")
        elif one["k"] == "dict":
            for n, ((key, value), (other_key, other_value)) in enumerate(
                zip(left, right, strict=True)
            ):
                yield f"{path}.key", key, other_key
                step = f"<{n}>" if isinstance(key, list) else repr(key)
                yield f"{path}[{step}]", value, other_value
        else:
            if one["k"] == "set":
                left, right = self._without_objects(path, left, right)
            for n, (item, other_item) in enumerate(zip(left, right, strict=False)):
                yield f"{path}[{n}]", item, other_item
        for n, (item, other_item) in enumerate(
            zip(one.get("defaults", ()), other.get("defaults", ()), strict=False)
        ):
            yield f"{path}.<default {n}>", item, other_item
        for part in ("d", "kwdefaults"):
            yield from self._named(path, one.get(part, ()), other.get(part, ()))
        yield from self._named(path, self._cells(one, other), other.get("cells", ()))

    def _without_objects(
        self, path: str, left: list[Any], right: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The plain items of two sets; their objects are compared when all else has been."""
        objects, plain = [], []
        for items in (left, right):
            refers = [isinstance(item, list) and item[0] == "r" for item in items]
            objects.append([item[1] for item, is_one in zip(items, refers, strict=True) if is_one])
            plain.append([item for item, is_one in zip(items, refers, strict=True) if not is_one])
        if len(objects[0]) != len(objects[1]):
            self._differ(path, f"{len(objects[0])} objects", f"{len(objects[1])} objects")
        else:
            self.waiting.append((path, objects[0], objects[1]))
        return plain[0], plain[1]

    def _cells(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Any]:
        """The variables that a function shares with the one around it.

        An added line may read one more than the recorded function did: that is recorded where it
        is a variable of a function that was under way.
        """
        cells = list(one.get("cells", ()))
        known = {name for name, _ in cells}
        around = one.get("name", ["", ""])[1].rpartition(".<locals>.")[0].rpartition(".")[2]
        added = [name for name, _ in other.get("cells", ()) if name not in known]
        found = [(name, self.variables.get((around, name), _GONE)) for name in added]
        return cells + [[name, content] for name, content in found if content is not _GONE]

    def _named(self, path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
        left, right = dict(one), dict(other)
        for name in {**left, **right}:
            yield f"{path}.{name}", left.get(name, _GONE), right.get(name, _GONE)


def readable_path(path: str) -> str:
    """A path as people write it, without the dictionaries inside of modules.

    >>> readable_path("net._modules['fc']._parameters['weight']")
    'net.fc.weight'
    """
    return _INSIDE_MODULES.sub(r".\1", path)


def _describe(node: Mapping[str, Any]) -> str:
    name: str = node["c"][-1] if "c" in node else str(node.get("k"))
    return f"a {name}"


def _short(content: Any) -> str:
    if content is _GONE:
        return "absent"
    text = content if isinstance(content, str) else repr(content)
    return text if len(text) <= 60 else text[:57] + "..."
