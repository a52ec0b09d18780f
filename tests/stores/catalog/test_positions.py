"""Positions kept as text: how far they are turns of one loop at even distances."""

from __future__ import annotations

import pytest

from florlib.stores.catalog.positions import Positions


def at(*indices: int, epoch: int = 2, loop: str = "step") -> list[list[list[object]]]:
    return [[["epoch", epoch], [loop, index]] for index in indices]


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], []),
        ([[]], [-1]),
        ([[], []], [-1]),
        ([[["epoch", 4]], []], [4]),
        ([[["epoch", 4]], [["epoch", 5]], [["epoch", 7]]], [4, 5]),
        ([*at(0, 1, 2), *at(3, epoch=3)], [0, 1, 2]),
        ([*at(0, 1), *at(2, loop="eval")], [0, 1]),
        ([*at(0, 1), [["epoch", 2]]], [0, 1]),
        (at(10, 20, 30, 31), [10, 20, 30]),
        (at(3, 2, 1), [3, 2, 1]),
        (at(5, 5, 5), [5]),
        (at(*range(9)), [0, 1, 2, 3]),
        (at(0, 1, loop="a, b"), [0, 1]),
    ],
)
def test_turns(positions, expected):
    assert [*Positions.of(positions).turns(0, 4)] == expected
