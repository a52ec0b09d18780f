"""Random object graphs: a recipe is plain data, and every build of it makes equal, fresh objects."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from tests.runtime.things import Both, Colour, Pair, Slotted, Stack, Table, Thing

hashables = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1 << 70, max_value=1 << 90)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from([Colour.RED, Colour.GREEN, PurePosixPath("a/b"), Ellipsis, range(1, 9, 2)])
)
leaves = (
    hashables
    | st.complex_numbers()
    | st.sampled_from([int, Thing, len, torch.float16, torch.device("cpu"), np.float32(0.1)])
    | st.sampled_from([np.dtype("<i2"), np.bool_(True), np.int64(-3), slice(1, None, 2)])
)
KINDS = (
    "dict", "ordered", "table", "default", "counter", "list", "stack", "deque", "set", "bytes",
    "thing", "slots", "both", "tuple", "pair", "long",
)  # fmt: skip
# A child is a leaf, or the number of another node: so objects are shared, and cycles arise.
children = leaves.map(lambda leaf: ("leaf", leaf)) | st.integers(0, 9).map(lambda n: ("node", n))
nodes = st.tuples(
    st.sampled_from(KINDS),
    st.lists(children, max_size=4),
    st.lists(hashables, max_size=4, unique_by=lambda key: (hash(key), repr(key))),
)
recipes = st.lists(nodes, min_size=1, max_size=8)

_EMPTY: dict[str, Any] = {
    "dict": dict,
    "ordered": OrderedDict,
    "table": Table,
    "default": lambda: defaultdict(list),
    "counter": Counter,
    "list": list,
    "long": list,
    "stack": Stack,
    "deque": deque,
    "set": set,
    "bytes": bytearray,
    "thing": Thing,
    "slots": Slotted,
    "both": Both,
}


def build(recipe: list[Any]) -> dict[str, Any]:
    """The objects of a recipe under the names a, b, c, …; all of them are new."""
    made = [None if kind in ("tuple", "pair") else _empty(kind, leaf) for kind, leaf, _ in recipe]
    for number, (kind, links, _) in enumerate(recipe):
        if kind in ("tuple", "pair"):  # these hold what is there when they are made
            items = [_child(made, link) for link in links]
            made[number] = tuple(items) if kind == "tuple" else Pair(items, tuple(items))
    for (kind, links, keys), target in zip(recipe, made, strict=True):
        _fill(kind, target, [_child(made, link) for link in links], keys)
    return {chr(ord("a") + number): value for number, value in enumerate(made)}


def _empty(kind: str, links: list[Any]) -> Any:
    return deque(maxlen=3) if kind == "deque" and len(links) > 2 else _EMPTY[kind]()


def _child(made: list[Any], link: tuple[str, Any]) -> Any:
    kind, value = link
    return value if kind == "leaf" else made[value % len(made)]


def _fill(kind: str, target: Any, items: list[Any], keys: list[Any]) -> None:
    if kind in ("dict", "ordered", "table", "default"):
        target.update(zip(keys, items, strict=False))
        if isinstance(target, OrderedDict) and keys[:1] and keys[0] in target:
            target.move_to_end(keys[0])
    elif kind == "counter":
        target.update({key: n for n, key in enumerate(keys)})
    elif kind in ("list", "stack", "deque"):
        target.extend(items)
    elif kind == "set":
        target.update(keys)
    elif kind == "bytes":
        target.extend(bytes(len(items)))
    elif kind == "long":
        target.extend(range(70) if len(items) % 2 else [n / 7 for n in range(70)])
    elif kind in ("thing", "both", "slots"):
        for name, item in zip(("left", "right"), items, strict=False):
            setattr(target, name, item)
        if kind != "thing":
            target.hide(len(items))
    if kind in ("stack", "both", "table") and items:
        target.__dict__["mark"] = items[0]
