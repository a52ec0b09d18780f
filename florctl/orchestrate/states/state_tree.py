"""What a captured tree holds, by the names people know, without the process that it came from.

The table of nodes stands beside their writer, `florlib.runtime.graph.encode`. Two trees are
held against each other in `florlib.ground.graph`.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from florctl.orchestrate.states.state_leaves import Shown, dtype_name, leaf_type, leaf_value
from florlib.ground.graph import readable_path

REFERENCE = "r"
TENSORS = ("tensor", "sparse", "compressed", "quantized", "array", "records", "objects")
"""Kinds of nodes that hold elements."""

SPARSE_PARTS = ("indices", "compressed", "plain", "values")

_OUR_OWN = ("line.", "workers.", "course.")  # what restoring needs besides the script's state
_CODE = ("class", "function", "module")
_MODULE_TABLES = ("_parameters", "_buffers", "_modules")
_STEP = re.compile(r"\.([^.\[\]]+)|\[")


class PartNotFound(LookupError):
    """The tree holds nothing under a name.

    Attributes:
        known: names that stand beside the one that was looked for.
    """

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.known = known


@dataclass(slots=True)
class StateTree:
    """A captured tree to look things up in.

    Attributes:
        tree: {"roots": [[scope, name, content]], "nodes": [...]}.
        read: gives the bytes of a block by its name.
    """

    tree: Mapping[str, Any]
    read: Callable[[str], memoryview]
    _roots: dict[str, Any] = field(default_factory=dict)
    _qualified: dict[str, Any] = field(default_factory=dict)
    _places: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for scope, name, content in sorted(self.tree["roots"], key=lambda root: _rank(root[0])):
            qualified = f"{_owner(scope)}.{name}"
            self._qualified.setdefault(qualified, content)
            bare = name if scope.startswith(("frame ", "module ")) else qualified
            self._roots.setdefault(bare if bare not in self._roots else qualified, content)

    # ------------------------------------------------------------------ names

    def roots(self) -> Iterator[tuple[str, Any]]:
        """(name, content) of all that names lead to and that is no code.

        Names of the innermost function come first. One that an inner name hides has its function
        or module in front: `run.lr`, `__main__.lr`; the generators are `rng.torch` and the like.
        """
        for name, content in self._roots.items():
            if not self._is_code(content) and not name.startswith(_OUR_OWN):
                yield name, content

    def find(self, name: str) -> Any:
        """The content under a name such as `net.fc.weight` or `optimizer.param_groups[0].lr`.

        Raises:
            PartNotFound: there is none.
        """
        for roots in (self._roots, self._qualified):
            for root in sorted(roots, key=len, reverse=True):
                if name == root or name.startswith((f"{root}.", f"{root}[")):
                    return self._follow(root, roots[root], name[len(root) :])
        raise PartNotFound(name, [root for root, _ in self.roots()])

    def _follow(self, path: str, content: Any, rest: str) -> Any:
        while rest:
            step = _STEP.match(rest)
            if step is None:
                raise PartNotFound(path + rest, [part for part, _ in self.parts(path, content)])
            if step[1] is not None:
                key, end, bracket = step[1], step.end(), False
            else:
                end = _closing(rest)
                key, bracket = rest[1 : end - 1], True
            content, path = self._step(path, content, key, bracket), path + rest[:end]
            rest = rest[end:]
        return content

    def _step(self, path: str, content: Any, key: str, bracket: bool) -> Any:
        wanted = f"{path}[{key}]" if bracket else f"{path}.{key}"
        if bracket and key.startswith("-") and key[1:].isdecimal():
            size = len(self.items(content))
            wanted = f"{path}[{size - int(key[1:])}]"
        parts = list(self.parts(path, content))
        for name, part in parts:
            if name == wanted:
                return part
        # As people write it: x.key and x[key] for x['key'], net.0 and net[0] for a module's.
        for name, part in parts:
            step = name[len(path) :]
            if step in (f"['{key}']", f'["{key}"]', f".{key}", f"[{key}]"):
                return part
            if bracket and len(key) > 1 and key[0] == key[-1] == '"' and step == f"['{key[1:-1]}']":
                return part
        raise PartNotFound(wanted, [name for name, _ in parts])

    def parts(self, name: str, content: Any) -> Iterator[tuple[str, Any]]:
        """(name, content) of what something leads to by one step."""
        for step, part in self._steps(content):
            yield readable_path(name + step), part

    def _steps(self, content: Any) -> Iterator[tuple[str, Any]]:
        node = self.node(content)
        if node is None:
            for n, item in enumerate(self.items(content)):
                yield f"[{n}]", item
            return
        if node["k"] == "dict":
            for key, item in node["v"]:
                yield f"[{self._key_text(key)}]", item
        elif node["k"] in ("list", "deque", "objects"):
            for n, item in enumerate(self.items(content)):
                yield f"[{n}]", item
        for part in ("grad", *SPARSE_PARTS, "func", "args", "keywords", "state"):
            if part in node:
                yield f".{part}", node[part]
        for attribute, item in node.get("d", ()):
            inner = self.node(item)
            if attribute in _MODULE_TABLES and inner is not None and inner["k"] == "dict":
                for step, part in self._steps(item):
                    yield f".{attribute}{step}", part
            else:
                yield f".{attribute}", item

    def _key_text(self, key: Any) -> str:
        node = self.node(key)
        if node is None:
            return repr(self.value(key))
        return self.place(key[1])

    def place(self, number: int) -> str:
        """The name by which a node is reached first."""
        if not self._places:
            queue = collections.deque(self._roots.items())
            while queue:
                name, content = queue.popleft()
                node = self.node(content)
                if node is not None:
                    if content[1] in self._places:
                        continue
                    self._places[content[1]] = name
                    if node["k"] == "dict" and any(self.node(key) for key, _ in node["v"]):
                        continue  # its keys are reached in another way, or in none
                queue.extend(self.parts(name, content))
        return self._places.get(number, f"<{self.type_name([REFERENCE, number])} {number}>")

    def tensors(self, name: str, content: Any) -> Iterator[tuple[str, Any]]:
        """(name, content) of all tensors and arrays that something leads to, each once."""
        queue, seen = collections.deque([(name, content)]), set()
        while queue:
            path, part = queue.popleft()
            node = self.node(part)
            if node is not None:
                if part[1] in seen or node["k"] in _CODE:
                    continue
                seen.add(part[1])
                if node["k"] in TENSORS:
                    yield path, part
            queue.extend(self.parts(path, part))

    # ------------------------------------------------------------------ contents

    def node(self, content: Any) -> Mapping[str, Any] | None:
        """The node that a content refers to, if it refers to one."""
        if isinstance(content, list) and content[0] == REFERENCE:
            found: Mapping[str, Any] = self.tree["nodes"][content[1]]
            return found
        return None

    def items(self, content: Any) -> list[Any]:
        """The items of a list, tuple or deque, in order; of anything else none."""
        node = self.node(content)
        if node is None:
            tag = content[0] if isinstance(content, list) else None
            return content[1:] if tag == "t" else content[3:] if tag == "nt" else []
        if node["k"] not in ("list", "deque", "objects"):
            return []
        if "t" in node:
            data = self.read(node["t"])
            return data.cast("q").tolist() if node["p"] == "int64" else data.cast("d").tolist()
        return list(node["v"])

    def length(self, content: Any) -> int | None:
        """How many items a container has; None for what is none."""
        node = self.node(content)
        if node is None:
            return len(self.items(content)) if self.type_name(content) == "tuple" else None
        if node["k"] in ("dict", "set"):
            return len(node["v"])
        return len(self.items(content)) if node["k"] in ("list", "deque") else None

    def _is_code(self, content: Any) -> bool:
        node = self.node(content)
        if node is not None:
            return node["k"] in _CODE
        return isinstance(content, list) and content[0] in ("live", "g", "m")

    def type_name(self, content: Any) -> str:
        """The class of something, as its module spells it."""
        node = self.node(content)
        if node is None:
            return leaf_type(content)
        if "c" in node:
            return str(node["c"][1])
        return str(node["k"])

    def value(self, content: Any) -> Any:
        """Numbers, texts and containers of them as Python has them; `Shown` for all else."""
        return self._value(content, {})

    def _value(self, content: Any, made: dict[int, Any]) -> Any:
        if not isinstance(content, list):
            return content
        tag, *rest = content
        if tag == REFERENCE:
            if rest[0] not in made:
                made[rest[0]] = Shown("...")  # what contains itself
                made[rest[0]] = self._node_value(content, made)
            return made[rest[0]]
        if tag == "t":
            return tuple(self._value(item, made) for item in rest)
        if tag == "nt":
            return Shown(f"{rest[1]}{tuple(self._value(item, made) for item in rest[2:])!r}")
        if tag == "fs":
            return frozenset(self._value(item, made) for item in rest)
        if tag == "text":
            return bytes(self.read(rest[0])).decode("utf-8", "surrogatepass")
        if tag == "data":
            return bytes(self.read(rest[0]))
        return leaf_value(content)

    def _node_value(self, content: Any, made: dict[int, Any]) -> Any:
        node = self.tree["nodes"][content[1]]
        kind = node["k"]
        if kind == "list":
            return [self._value(item, made) for item in self.items(content)]
        if kind == "deque":
            items = [self._value(item, made) for item in node["v"]]
            return collections.deque(items, node["maxlen"])
        if kind == "set":
            return {self._hashable(item, made) for item in node["v"]}
        if kind == "dict":
            return {self._hashable(key, made): self._value(item, made) for key, item in node["v"]}
        if kind == "bytearray":
            return bytearray(self.read(node["t"]))
        return Shown(self.describe(content))

    def _hashable(self, content: Any, made: dict[int, Any]) -> Any:
        if self.node(content) is not None:
            return Shown(self.place(content[1]))
        return self._value(content, made)

    def describe(self, content: Any) -> str:
        """One line that tells what an object is."""
        node = self.node(content)
        name = self.type_name(content)
        if node is not None and "shape" in node:
            dtype = self.dtype(content)
            return f"<{name} {dtype} {node['shape']}>" if dtype else f"<{name} {node['shape']}>"
        return f"<{name}>"

    def dtype(self, content: Any) -> str | None:
        """The element type of a tensor or array."""
        node = self.node(content)
        if node is None:
            return None
        if node["k"] in ("sparse", "compressed"):
            return self.dtype(node["values"])
        dtype = node.get("dtype")
        if isinstance(dtype, dict):
            return "record"
        return None if dtype is None else dtype_name(dtype)


def _closing(text: str) -> int:
    """Where the bracket that a text begins with is closed, behind it."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if not depth:
            return at + 1
    return len(text) + 1


def _rank(scope: str) -> tuple[int, int, str]:
    """The order of scopes: functions from the innermost, the script, modules, all else."""
    kind, _, rest = scope.partition(" ")
    if kind == "frame":
        return 0, -int(rest.split(" ")[0]), ""
    return {"module": 1 + (rest != "__main__")}.get(kind, 3), 0, ""


def _owner(scope: str) -> str:
    kind, _, rest = scope.partition(" ")
    return rest.split(" ", 1)[1] if kind == "frame" else rest or kind
