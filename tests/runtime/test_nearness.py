"""Blocks that are the same up to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from florlib.ground.graph import Nearness, compare_trees
from florlib.runtime import nearness
from florlib.runtime.nearness import are_near


def block(values: list[float], dtype: torch.dtype = torch.float32) -> nearness.Numbers:
    """A block as it is captured from a tensor."""
    data = torch.tensor(values, dtype=dtype).view(torch.uint8).numpy().tobytes()
    return str(dtype).removeprefix("torch."), memoryview(data)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ([1.0, 2.0], [1.0, 2.0001], True),
        ([1.0, 2.0], [1.0, 2.1], False),
        ([1e-9, 2.0], [-1e-9, 2.0], True),  # held against the largest number
        ([NAN, 1.0], [NAN, 1.0], True),
        ([NAN, 1.0], [1.0, 1.0], False),
        ([INF, 1.0], [INF, 1.0], True),
        ([INF, 1.0], [-INF, 1.0], False),
        ([NAN, 1.0], [INF, 1.0], False),
        ([0.0, 0.0], [0.0, -0.0], True),
        ([], [], True),
    ],
)
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_near(
    one: list[float], other: list[float], near: bool, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "numpy":
        monkeypatch.setattr(nearness, "sys", type("sys", (), {"modules": {"numpy": np}}))

    assert are_near(block(one), block(other), 1e-3) is near


def test_only_floats_of_one_kind_may_differ() -> None:
    halves = (torch.bfloat16, torch.float16, torch.float64, torch.complex64)

    assert all(are_near(block([1.0, 2.0], kind), block([1.0, 2.0], kind), 1e-3) for kind in halves)
    assert not are_near(block([1, 2], torch.int64), block([1, 3], torch.int64), 10.0)
    assert not are_near(block([1.0]), block([1.0], torch.float64), 1.0)
    assert not are_near(block([1.0]), block([1.0, 1.0]), 1.0)


def tree(block_name: str, loss: float, lr: float) -> dict[str, object]:
    nodes = [
        {"k": "tensor", "c": ["torch", "Tensor"], "dtype": "float32", "storage": 1},
        {"k": "storage", "bytes": 4, "t": block_name},
    ]
    roots = [["m", "w", ["r", 0]], ["m", "loss", loss], ["m", "lr", lr], ["m", "n", 3]]
    return {"roots": roots, "nodes": nodes}


def test_a_tree_within_the_tolerance_is_counted_and_is_no_difference() -> None:
    near = Nearness(1e-3, lambda one, other: (one, other) == ("a", "b"))
    digests = ({"a": "1"}, {"b": "2"})

    def compare(nearness: Nearness | None) -> tuple[int, list[str]]:
        found = compare_trees(
            tree("a", 1.0, 0.1),
            tree("b", 1.00001, 0.2),
            digests,
            ignored=lambda root: False,
            nearness=nearness,
        )
        return found.near, [part.item for part in found.differences]

    assert compare(near) == (2, ["lr"])
    assert compare(None) == (0, ["w", "loss", "lr"])
