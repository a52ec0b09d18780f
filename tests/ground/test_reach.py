"""How far positions are from checkpoints, and when a larger budget is worth a word."""

from __future__ import annotations

import pytest

from florlib.ground.reach import MOST_BUDGET, REACH_S, reach_of


def test_a_run_within_reach_needs_no_more() -> None:
    assert reach_of(8.0, 0.08, 10**6, 0.01).budget is None


def test_the_budget_that_is_named_brings_any_position_within_reach() -> None:
    reach = reach_of(100.0, 0.1, 10**6, 0.001)

    assert reach.budget == 0.02
    assert reach.seconds_then is not None
    assert reach.seconds_then <= REACH_S


def test_nobody_is_told_to_spend_more_than_a_tenth() -> None:
    reach = reach_of(1000.0, 10.0, 10**6, 0.01)

    assert (reach.budget, reach.seconds_then) == (MOST_BUDGET, pytest.approx(100.05, abs=0.01))
    assert reach_of(1000.0, 100.0, 10**6, MOST_BUDGET).budget is None
    assert reach_of(1000.0, 100.0, 10**6, 0.0).budget is None


def test_a_checkpoint_that_takes_long_to_restore_leaves_less_to_execute() -> None:
    small, large = reach_of(40.0, 0.4, 0, 0.01), reach_of(40.0, 0.4, 8 * 10**9, 0.01)

    assert large.seconds == pytest.approx(small.seconds + 4.0)
    assert (small.budget, large.budget) == (0.05, 0.07)
