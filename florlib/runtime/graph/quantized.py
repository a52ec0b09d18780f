"""Quantised tensors: what their small integers stand for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from florlib.runtime.graph.leaves import encode_float
from florlib.runtime.graph.memory import torch

PARTS = ("scales", "zero_points")
"""Fields of a node that lead to tensors with a number for each channel."""


def per_channel(value: Any) -> dict[str, Any]:
    """The tensors of a quantised one that has a scale for each channel, by field."""
    if not value.qscheme() == torch().per_tensor_affine:
        return {
            "scales": value.q_per_channel_scales(),
            "zero_points": value.q_per_channel_zero_points(),
        }
    return {}


def quantizer(value: Any) -> dict[str, Any]:
    """The rest of what its integers stand for, as JSON."""
    if value.qscheme() == torch().per_tensor_affine:
        return {"scale": encode_float(value.q_scale()), "zero_point": value.q_zero_point()}
    return {"axis": value.q_per_channel_axis()}


def empty(node: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """A quantised tensor to be set to a storage."""
    lib = torch()
    about = node["quantizer"]
    like = {"dtype": getattr(lib, node["dtype"]), "device": node["device"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated: the script has been told
        if parts:
            return lib._empty_per_channel_affine_quantized(
                node["shape"], **parts, axis=about["axis"], **like
            )
        return lib._empty_affine_quantized(
            node["shape"], scale=about["scale"], zero_point=about["zero_point"], **like
        )
