"""What no seed governs is found where training draws from it, with its line."""

from __future__ import annotations

import ast

import pytest

from florlib.source.entropy import entropy
from florlib.source.loops import find_loops

SCRIPT = """\
import os, random, secrets, torch
import numpy as np
{before}
def noise():
    return {called}
for epoch in range(3):
    {inside}
    noise()
    loss.backward()
"""


def found(before: str = "pass", called: str = "0", inside: str = "pass") -> list[tuple[int, str]]:
    trees = {"a.py": ast.parse(SCRIPT.format(before=before, called=called, inside=inside))}
    return [(line, name) for _, line, name in entropy(trees, find_loops(trees))]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("os.urandom(1)", "os.urandom"),
        ("secrets.randbelow(9)", "secrets.randbelow"),
        ("torch.seed()", "torch.seed"),
        ("random.seed()", "random.seed"),
        ("np.random.default_rng().random()", "numpy.random.default_rng"),
        ("x = id(net) % 7", "id()"),
    ],
)
def test_entropy_in_a_training_loop_is_named(call: str, name: str) -> None:
    assert found(inside=call) == [(7, name)]


def test_entropy_in_what_the_loop_calls_is_named() -> None:
    assert found(called="os.urandom(1)") == [(5, "os.urandom")]


def test_entropy_before_the_loop_is_a_matter_of_the_prelude() -> None:
    assert found(before="torch.seed()") == []


def test_the_generator_of_the_system_is_named_where_it_is_made() -> None:
    assert found(before="dice = random.SystemRandom()") == [(3, "random.SystemRandom")]


@pytest.mark.parametrize(
    "call",
    ["random.seed(7)", "np.random.default_rng(epoch)", "seen.add(id(net))", "cache[id(net)]"],
)
def test_what_comes_again_is_not_named(call: str) -> None:
    assert found(inside=call) == []
