"""Which turns of a loop ask the clock. Time is made up."""

from __future__ import annotations

import pytest

from florlib.runtime.budget import Budget
from florlib.runtime.pace import ASK_BESIDE_WRITES_S, ASK_EVERY_S, Pace


def a_pace(share: float = 0.01) -> Pace:
    budget = Budget(share, lambda: 1.0)
    budget.begin(0.0)
    return Pace(budget, budget.usual("step"), 0.0)


def questions(pace: Pace, turn_s: float, turns: int) -> int:
    asked = 0
    for turn in range(1, turns):
        if turn >= pace.due:
            asked += 1
            pace.passed(turn, turn * turn_s)
    return asked


def test_the_clock_is_asked_less_often_the_faster_a_loop_turns() -> None:
    assert questions(a_pace(), 2 * ASK_EVERY_S, 40) == 39
    assert questions(a_pace(), ASK_EVERY_S / 10, 1000) < 120
    assert questions(a_pace(), ASK_EVERY_S / 1000, 100_000) < 120


def test_a_clock_that_stands_still_is_asked_ever_less() -> None:
    assert questions(a_pace(), 0.0, 100_000) < 20


def test_a_budget_of_all_the_time_asks_at_each_turn() -> None:
    assert questions(a_pace(share=1.0), 1e-6, 40) == 39


def test_a_loop_that_becomes_slow_is_asked_at_each_turn_again() -> None:
    pace = a_pace()
    questions(pace, ASK_EVERY_S / 1000, 5000)
    turn = pace.due
    pace.passed(turn, 60.0)

    assert pace.due == turn + 1


def test_one_that_is_nudged_asks_before_its_next_turn() -> None:
    pace = a_pace()
    questions(pace, ASK_EVERY_S / 1000, 5000)
    pace.due = 0
    pace.passed(5000, 60.0)

    assert pace.due == 5001


def test_the_seconds_are_those_of_training() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    pace = Pace(budget, budget.usual("step"), 0.0)

    assert pace.passed(1, 1.0) == 1.0
    budget.spend("step", 1.0, 0.5)
    assert pace.passed(2, 2.0) == pytest.approx(0.5)


def test_the_next_execution_of_a_loop_asks_as_rarely_from_its_start() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    usual = budget.usual("step")
    questions(Pace(budget, usual, 0.0), ASK_EVERY_S / 100, 1000)
    again = Pace(budget, usual, 10.0)

    assert again.due in (99, 100)


def test_it_begins_with_the_pace_of_the_slowest_turns_that_are_known() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    usual = budget.usual("step")
    questions(Pace(budget, usual, 0.0), 2 * ASK_EVERY_S, 3)
    questions(Pace(budget, usual, 10.0), ASK_EVERY_S / 1000, 500)

    assert Pace(budget, usual, 20.0).due == 1


def test_beside_a_write_it_is_asked_more_often_until_that_has_ended() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    pace, turn_s = Pace(budget, budget.usual("step"), 0.0), ASK_BESIDE_WRITES_S / 10
    questions(pace, turn_s, 1000)
    turn = pace.due
    pace.passed(turn, turn * turn_s)
    budget.spend("step", turn * turn_s, 0.0)
    pace.taken()
    beside = pace.due - turn
    pace.passed(pace.due, pace.due * turn_s)
    still_beside = pace.due - pace.turn
    budget.written(pace.due * turn_s, 0.0, True)
    for _ in range(10):
        pace.passed(pace.due, pace.due * turn_s)

    assert beside <= 10
    assert still_beside <= 10
    assert pace.due - pace.turn in (99, 100)  # whole turns in ASK_EVERY_S, rounded down


def test_what_asking_takes_is_no_training() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    pace = Pace(budget, budget.usual("step"), 0.0)
    pace.passed(1, 1.0)
    budget.looked(1.0, 1.25)

    assert pace.passed(2, 2.0) == 0.75
    assert budget.stall_s == 0.25
    budget.end(2.0)
    assert budget.trained_s == 1.75
