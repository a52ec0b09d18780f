"""The elements of recorded tensors and arrays as numpy has them, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from florctl.orchestrate.states.state_tree import StateTree
from florlib.stores.elements import Array, NoElements, typed


def elements_of(tree: StateTree, name: str, content: Any) -> Array:
    """The elements of a tensor or array, in its shape.

    numpy has no bfloat16 and no 8-bit floats: those are float32, which holds each of them exactly.
    Quantised elements are float32 as torch dequantises them.

    Raises:
        NoElements: it is none, or one of objects.
        CheckpointDamaged, CheckpointMissing: see `Checkpoint.read`.
    """
    node = tree.node(content)
    find = _KINDS.get(node["k"]) if node is not None else None
    if node is None or find is None:
        raise NoElements(f"{name} is {tree.describe(content)}, whose elements cannot be told")
    return find(tree, node)


def _tensor(tree: StateTree, node: Mapping[str, Any]) -> Array:
    storage = tree.tree["nodes"][node["storage"]]
    dtype = node["dtype"]
    flat = typed(tree.read(storage["t"]), _QUANTIZED.get(dtype, dtype))
    array = _strided(flat, node["offset"], node["shape"], node["stride"])
    if "quantizer" in node:
        return _dequantized(tree, node, array)
    array = array.conj() if node["conj"] else array
    return -array if node["neg"] else array


def _strided(flat: Array, offset: int, shape: list[int], stride: list[int]) -> Array:
    if not math.prod(shape):
        return np.empty(shape, flat.dtype)
    strides = [step * flat.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, strides, writeable=False)


def _dequantized(tree: StateTree, node: Mapping[str, Any], array: Array) -> Array:
    about = node["quantizer"]
    if "axis" not in about:
        steps = array.astype(np.int64) - about["zero_point"]
        found: Array = np.float32(about["scale"]) * steps.astype(np.float32)
        return found
    along = [1] * array.ndim
    along[about["axis"]] = -1
    scales, zero_points = (
        elements_of(tree, part, node[part]).reshape(along).astype(np.float32)
        for part in ("scales", "zero_points")
    )
    found = scales * (array.astype(np.float32) - zero_points)
    return found


def _array(tree: StateTree, node: Mapping[str, Any]) -> Array:
    dtype = np.dtype(node["dtype"])
    if "owner" in node:
        owner = tree.tree["nodes"][node["owner"]]
        data = tree.read(owner["t"])
        if owner["order"] == "F":
            turned = np.frombuffer(data, owner["dtype"]).reshape(owner["shape"])
            data = memoryview(turned.tobytes(order="F"))
        view: Array = np.ndarray(
            node["shape"], dtype, buffer=data, offset=node["offset"], strides=node["strides"]
        )
        return view
    whole: Array = np.frombuffer(tree.read(node["t"]), dtype).reshape(node["shape"])
    return whole


_QUANTIZED = {"quint8": "uint8", "qint8": "int8", "qint32": "int32"}
_KINDS: Mapping[str, Callable[[StateTree, Mapping[str, Any]], Array]] = {
    "tensor": _tensor,
    "array": _array,
}
