"""Without a session every call of the facade passes through."""

from __future__ import annotations

import sys

import pytest

import flor
from flor import MTK


def test_loops_are_the_iterables_themselves() -> None:
    items = [1, 2]

    assert flor.loop(items) is items
    assert flor.loop("epoch", items) is items
    assert flor.loop(items, name="epoch", probed=True) is items
    assert flor.loop("text") == "text"
    assert MTK.loop(items, "epoch", probed=False) is items


def test_log_gives_the_value_back() -> None:
    value = object()

    assert flor.log("x", value) is value
    assert MTK.log("x", value) is value


def test_calls_that_do_nothing() -> None:
    assert flor.checkpoints(1, net=2) is None
    assert MTK.checkpoints(1, 2) is None
    assert flor.commit() is None
    assert MTK.commit() is None


def test_contexts_let_what_is_inside_happen() -> None:
    with flor.checkpointing(net=1), flor.iteration("epoch", 1), flor.iteration("step"):
        with flor.probe():
            done = True

    assert done
    for context in (flor.checkpointing(), flor.iteration("epoch"), flor.probe()):
        with pytest.raises(KeyError), context:
            raise KeyError


@pytest.mark.parametrize(
    ("given", "default", "expected"),
    [
        ("lr=0.5", 0.1, 0.5),
        ("lr=2", 1, 2),
        ("lr=true", False, True),
        ("lr=No", True, False),
        ("lr=text", None, "text"),
        ("lr=a=b", "x", "a=b"),
        ("lr=", "x", ""),
        ("other=1", 0.1, 0.1),
    ],
)
def test_arguments_are_given_as_words(monkeypatch, given, default, expected) -> None:
    monkeypatch.setattr(sys, "argv", ["t.py", "--kwargs", "a=1", given, "--verbose"])

    value = flor.arg("lr", default)

    assert (value, type(value)) == (expected, type(expected))
    assert MTK.arg("lr", default) == expected


def test_arguments_behind_other_words_are_not_flors(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["t.py", "--kwargs", "a=1", "--b", "lr=2"])

    assert flor.arg("lr", 1) == 1
    assert flor.arg("a") == "1"


def test_every_name_that_is_promised_is_there() -> None:
    assert all(hasattr(flor, name) for name in flor.__all__)
