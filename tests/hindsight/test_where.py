"""Conditions over logged values: which iterations they choose, and what is no condition."""

from __future__ import annotations

from typing import Any

import pytest

from florlib.ground.position import Position
from florlib.hindsight.trace import LogRow, Trace
from florlib.hindsight.where import (
    Condition,
    NotACondition,
    iterations_where,
    unknown_names,
)


def row(index: int, name: str, value: Any, step: int | None = None) -> LogRow:
    position: Position = (("epoch", index),) + ((("step", step),) if step is not None else ())
    return LogRow(("main", 0, index), position, name, value, 0, "train.py", 1)


TRACE = Trace(
    rows=[
        LogRow(("phase", 0, 0), (), "loss", 99.0, 0, "train.py", 1),
        row(0, "loss", 5.0, 0),
        row(0, "loss", 3.0, 1),
        row(0, "val/acc", 0.5),
        row(1, "loss", 2.0, 0),
        row(1, "val/acc", 0.75),
        row(2, "loss", {"$float": "NaN"}, 0),
        row(2, "note", "warm"),
    ]
)


def chosen(text: str) -> set[int]:
    return set(iterations_where(Condition.parse(text), [TRACE]))


def test_an_iteration_is_chosen_where_the_condition_held_at_some_moment() -> None:
    assert chosen("loss > 4") == {0}
    assert chosen("loss < 4") == {0, 1}


def test_what_was_logged_before_the_loop_chooses_nothing() -> None:
    assert chosen("loss > 50") == set()


def test_names_that_are_no_identifiers_stand_in_backquotes() -> None:
    assert chosen("`val/acc` > 0.6") == {1}


def test_several_names_are_those_of_one_iteration() -> None:
    assert chosen("loss < 4 and `val/acc` >= 0.5") == {0, 1}
    assert chosen("loss > 4 and `val/acc` > 0.6") == set()


def test_functions_and_texts() -> None:
    assert chosen("isnan(loss)") == {2}
    assert chosen("note == 'warm'") == {2}
    assert chosen("abs(loss - 2) < 0.5") == {1}
    assert chosen("note > 3") == set()  # a text is not held against a number


@pytest.mark.parametrize(
    "text",
    [
        "loss >",
        "4 > 3",
        "loss.real > 1",
        "__import__('os').system('true') or loss",
        "[x for x in loss]",
        "(lambda: loss)()",
        "open('a')",
        "loss\x00",
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(NotACondition):
        Condition.parse(text)


def test_names_that_were_never_logged_are_told() -> None:
    assert unknown_names(Condition.parse("loss > 1 and lr < 2"), [TRACE]) == ["lr"]
