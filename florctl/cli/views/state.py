"""Views of what a checkpoint holds: its names, and one of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.cli.views.texts import size
from florctl.cli.views.values import position_objects
from florctl.orchestrate.states.state import RecordedState
from florctl.orchestrate.states.state_leaves import Shown
from florctl.orchestrate.states.state_tree import TENSORS, StateTree

SHOWN_ELEMENTS = 1000
"""A tensor of more elements is shown by what it is: --stats and --npy tell of its values."""
PART_FIELDS = ("name", "type", "dtype", "shape", "bytes", "tensors", "items")


def parts_view(state: RecordedState) -> View:
    """The names that the checkpoint holds, a line each."""
    return _listing(state, None, state.tree.roots())


def part_view(state: RecordedState, name: str, content: Any, *, stats: bool) -> View:
    """What stands under one name: a tensor, a value, or the parts of an object."""
    node = state.tree.node(content)
    if stats or (node is not None and node["k"] in TENSORS):
        return _tensor(state, name, content, stats)
    value = state.tree.value(content)
    if isinstance(value, Shown) and node is not None:
        return _listing(state, name, state.tree.parts(name, content))
    return _value(state, name, content, value)


def _head(state: RecordedState) -> dict[str, Any]:
    position = position_objects(state.row.position)
    return {"run": state.run.run, "position": position, "file": state.row.file}


def _listing(state: RecordedState, name: str | None, parts: Iterable[tuple[str, Any]]) -> View:
    objects = [_part_object(state, *part) for part in parts]
    columns = (
        Column("name", shrinks=True),
        Column("type"),
        Column("dtype"),
        Column("shape"),
        Column("size", right=True),
        Column("tensors", right=True, wide=True),
        Column("value", shrinks=True),
    )
    fields = (*PART_FIELDS, "value")
    return View(
        lambda: [Table(columns, [_part_cells(item) for item in objects])],
        lambda: {**_head(state), "name": name, "parts": objects},
        fields,
        lambda: records_of(objects, fields),
    )


def _part_object(state: RecordedState, name: str, content: Any) -> dict[str, Any]:
    tree, node = state.tree, state.tree.node(content)
    within = [item for _, item in tree.tensors(name, content)]
    is_tensor = node is not None and node["k"] in TENSORS
    return {
        "name": name,
        "type": tree.type_name(content),
        "dtype": tree.dtype(content),
        "shape": node.get("shape") if node is not None else None,
        "bytes": sum(map(state.bytes_of, within)),
        "tensors": None if is_tensor or not within else len(within),
        "items": tree.length(content),
        "value": _short_value(tree, content),
    }


def _part_cells(item: dict[str, Any]) -> list[str]:
    value, shape = item["value"], item["shape"]
    if shape is None and item["items"] is not None:
        shape = f"{item['items']} item{'' if item['items'] == 1 else 's'}"
    return [
        item["name"],
        item["type"],
        item["dtype"] or "",
        "" if shape is None else str(shape),
        size(item["bytes"]) if item["bytes"] else "",
        "" if item["tensors"] is None else str(item["tensors"]),
        "" if value is None and item["type"] != "NoneType" else repr(value),
    ]


def _short_value(tree: StateTree, content: Any) -> Any:
    """The value of what is a number or a short text; None for all else."""
    if tree.node(content) is not None or tree.items(content):
        return None
    if isinstance(content, list) and content[0] in ("text", "data"):
        return None
    return jsonable(tree.value(content))


def _tensor(state: RecordedState, name: str, content: Any, stats: bool) -> View:
    from florctl.orchestrate.states.elements import elements_of
    from florlib.stores.elements import stats_of

    tree, node = state.tree, state.tree.node(content)
    item = _part_object(state, name, content)
    count = math.prod(item["shape"] or ())
    told: dict[str, Any] = {
        "device": (node or {}).get("device"),
        "requires_grad": (node or {}).get("requires_grad"),
        "value": None,
        "stats": None,
    }
    if stats:
        told["stats"] = {
            key: jsonable(figure)
            for key, figure in asdict(stats_of(elements_of(tree, name, content))).items()
        }
    elif count <= SHOWN_ELEMENTS and node is not None and node["k"] in ("tensor", "array"):
        told["value"] = jsonable(elements_of(tree, name, content).tolist())
    item |= told
    rows = [[key, str(item[key])] for key in ("type", "dtype", "shape") if item[key] is not None]
    rows += [["size", size(item["bytes"])]]
    rows += [
        [key, str(figure)] for key, figure in (told["stats"] or {}).items() if figure is not None
    ]
    if told["value"] is not None:
        rows.append(["value", str(told["value"])])
    fields = tuple(item)
    return View(
        lambda: [Table((Column(""), Column("", shrinks=True)), rows)],
        lambda: {**_head(state), **item},
        fields,
        lambda: records_of([item], fields),
    )


def _value(state: RecordedState, name: str, content: Any, value: Any) -> View:
    item = {"name": name, "type": state.tree.type_name(content), "value": jsonable(value)}
    fields = tuple(item)
    return View(
        lambda: [Table((Column("", shrinks=True),), [[repr(value)]])],
        lambda: {**_head(state), **item},
        fields,
        lambda: records_of([item], fields),
    )


def jsonable(value: Any) -> Any:
    """A value as JSON: what JSON has no form for is the text that Python shows for it.

    >>> jsonable({1: (float("nan"), b"x")})
    {'1': ['NaN', "b'x'"]}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, complex):
        return [jsonable(value.real), jsonable(value.imag)]
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else repr(key): jsonable(item)
            for key, item in value.items()
        }
    if isinstance(value, (bytes, bytearray, range, Shown)) or not hasattr(value, "__iter__"):
        scalar = value.item() if hasattr(value, "item") else value
        return repr(value) if scalar is value else jsonable(scalar)
    return [jsonable(item) for item in value]
