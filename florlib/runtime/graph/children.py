"""What a recorded node leads to, and what stands in the same place of a live object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from florlib.runtime.graph import quantized, sparse
from florlib.runtime.graph.leaves import REFERENCE
from florlib.runtime.graph.places import (
    ABSENT,
    attribute_of,
    cell_content,
    cells_of,
    class_part,
    item_at,
)

Node = dict[str, Any]
Parts = list[tuple[Any, Any]]
"""(content of the tree, live object or ABSENT)"""


def children(node: Node, present: Any) -> Parts:
    """The parts of a node, beside those of a live object; ABSENT has none.

    Dictionaries with objects as keys are not for this: see `Pairing`.
    """
    find = _PARTS.get(node["k"])
    parts = [] if find is None else find(node, present)
    if "d" in node:
        part_of = class_part if node["k"] == "class" else attribute_of
        parts += [(content, part_of(present, name)) for name, content in node["d"]]
    if "class" in node:
        parts.append((node["class"], ABSENT if present is ABSENT else type(present)))
    return parts


def reached(nodes: Sequence[Node], contents: Iterable[Any]) -> set[int]:
    """The numbers of all nodes that contents of a tree lead to."""
    found: set[int] = set()
    waiting = list(contents)
    while waiting:
        content = waiting.pop()
        if not isinstance(content, list) or not content:
            continue
        if content[0] != REFERENCE:
            waiting += content[1:]
        elif content[1] not in found:
            found.add(content[1])
            node = nodes[content[1]]
            waiting += [part for part, _ in children(node, ABSENT)]
            if node["k"] == "dict":
                waiting += [key for key, _ in node["v"]]
    return found


def _list(node: Node, present: Any) -> Parts:
    return [(content, item_at(present, n)) for n, content in enumerate(node.get("v", ()))]


def _objects(node: Node, present: Any) -> Parts:
    return _list(node, ABSENT if present is ABSENT else list(present.flat))


def _set(node: Node, present: Any) -> Parts:
    return [(content, ABSENT) for content in node["v"]]


def _dict(node: Node, present: Any) -> Parts:
    # An attribute of any dictionary is not to be asked for: `__getattr__ = dict.__getitem__`.
    factory = present.default_factory if isinstance(present, defaultdict) else ABSENT
    parts = [(node.get("factory"), factory)]
    if present is ABSENT:
        return parts + [(content, ABSENT) for _, content in node["v"]]
    return parts + [(content, dict.get(present, key, ABSENT)) for key, content in node["v"]]


def _function(node: Node, present: Any) -> Parts:
    cells = {} if present is ABSENT else cells_of(present)
    parts = [
        (content, cell_content(cells[name]) if name in cells else ABSENT)
        for name, content in node["cells"]
    ]
    defaults = getattr(present, "__defaults__", None) or ()
    parts += [(content, item_at(defaults, n)) for n, content in enumerate(node["defaults"])]
    parts.append((node.get("globals"), getattr(present, "__globals__", ABSENT)))
    keyword_only = getattr(present, "__kwdefaults__", None) or {}
    parts += [
        (content, keyword_only.get(name, ABSENT)) for name, content in node.get("kwdefaults", ())
    ]
    return parts


def _partial(node: Node, present: Any) -> Parts:
    names = ("func", "args", "keywords")
    return [(node[name], getattr(present, name, ABSENT)) for name in names]


def _tensor(node: Node, present: Any) -> Parts:
    parts = [(node[part], ABSENT) for part in quantized.PARTS if part in node]
    if "grad" in node:
        grad = present.grad if present is not ABSENT and present.is_leaf else None
        parts.append((node["grad"], ABSENT if grad is None else grad))
    return parts


def _sparse(node: Node, present: Any) -> Parts:
    live = {} if present is ABSENT else sparse.parts_of(present)
    parts = [(node[part], live.get(part, ABSENT)) for part in sparse.PARTS if part in node]
    return parts + _tensor(node, present)


def _array(node: Node, present: Any) -> Parts:
    return [([REFERENCE, node["owner"]], ABSENT)] if "owner" in node else []


def _state(node: Node, present: Any) -> Parts:
    return [(node["state"], ABSENT)]


_PARTS: dict[str, Callable[[Node, Any], Parts]] = {
    "list": _list,
    "deque": _list,
    "objects": _objects,
    "set": _set,
    "dict": _dict,
    "function": _function,
    "partial": _partial,
    "tensor": _tensor,
    **dict.fromkeys(sparse.KINDS, _sparse),
    "array": _array,
    "generator": _state,
    "holder": _state,
}
