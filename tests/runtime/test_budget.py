"""The budget of checkpoints, and when one in the middle of a loop is worth its time."""

from __future__ import annotations

from florlib.runtime.budget import ASK_EVERY_S, Budget, StepPace


def test_a_share_of_zero_affords_the_credit_of_the_start_and_none_within_loops() -> None:
    budget = Budget(0.0, 0.0)
    budget.spend(0.0, 0.1)

    assert budget.affords(1000.0)
    budget.spend(1.0, 0.2)
    assert not budget.affords(1000.0)
    assert not budget.is_worth(1000.0)


def test_what_the_very_first_took_is_not_held_against_the_budget() -> None:
    budget = Budget(0.01, 0.0)
    budget.note_first(0.0, 5.0)

    assert budget.affords(5.0)
    assert (budget.spent_s, budget.expected_s) == (0.0, 5.0)


def test_within_a_loop_a_checkpoint_waits_until_the_budget_pays_for_the_loops_end_too() -> None:
    budget = Budget(0.01, 0.0)
    budget.spend(0.0, 0.02)

    # 0.02 s spent, and 0.02 s each for this one, the loop's end and the boundary: 8 s of training.
    assert not budget.is_worth(7.9)
    assert budget.is_worth(8.1)


def test_within_a_loop_checkpoints_keep_their_distance() -> None:
    budget = Budget(0.01, 0.0)
    budget.spend(0.0, 0.02)
    budget.spend(100.0, 0.02)

    assert not budget.is_worth(101.0)
    assert budget.is_worth(102.1)


def test_a_budget_of_more_than_all_the_time_takes_one_at_each_turn() -> None:
    pace = StepPace(Budget(100.0, 0.0), 0.0)
    taken = [turn for turn in range(1, 10) if turn == pace.due and pace.asks(turn, 0.0)]

    assert taken == list(range(1, 10))


def test_the_clock_is_asked_less_often_the_faster_a_loop_turns() -> None:
    def questions(turn_s: float, turns: int) -> int:
        pace = StepPace(Budget(0.01, 0.0), 0.0)
        due = (turn for turn in range(1, turns) if turn == pace.due)
        return sum(not pace.asks(turn, turn * turn_s) for turn in due)

    assert questions(10 * ASK_EVERY_S, 40) == 39
    assert questions(ASK_EVERY_S / 1000, 100_000) < 200


def test_a_loop_that_becomes_slow_is_asked_at_each_turn_again() -> None:
    pace = StepPace(Budget(0.01, 0.0), 0.0)
    now = 0.0
    for turn in range(1, 5000):
        now += ASK_EVERY_S / 1000
        if turn == pace.due:
            pace.asks(turn, now)
    slow = pace.due
    pace.asks(slow, now + 5.0)

    assert pace.due == slow + 1
