"""When the budget pays for a checkpoint, and when one is worth it. Time is made up."""

from __future__ import annotations

import pytest

from florlib.runtime.budget import HEAD_START_S, MOST_CREDIT_S, SKIPPED_S, Budget


def a_budget(share: float = 0.01, first_s: float = 0.0, cost_s: float | None = None) -> Budget:
    """A budget whose first checkpoint lies behind it, and a second one if that has a cost."""
    budget = Budget(share, lambda: 1.0)
    budget.begin(0.0)
    budget.spend("boundary", 0.0, first_s)
    budget.written(first_s, 0.0, True)
    if cost_s is not None:
        budget.spend("boundary", first_s, cost_s)
        budget.written(first_s + cost_s, 0.0, True)
    budget.affords(first_s)
    return budget


def test_the_very_first_is_taken_in_any_case_and_costs_no_credit() -> None:
    budget = Budget(0.0, lambda: 1.0)
    budget.begin(0.0)
    assert budget.affords(0.0)
    assert budget.wants("boundary", 0.0)

    assert not a_budget(share=0.0).affords(1e6)
    assert a_budget(first_s=0.05).affords(0.06)


def test_the_second_is_guessed_from_the_first_whose_imports_do_not_come_again() -> None:
    assert a_budget(first_s=0.4).cost.expected_s == pytest.approx(0.04)


def test_the_second_is_guessed_from_its_bytes_where_copying_them_takes_longer() -> None:
    budget = Budget(0.01, lambda: 1.0)
    budget.begin(0.0)
    budget.spend("boundary", 0.0, 0.4, size=10**9)

    assert budget.cost.expected_s == pytest.approx(0.2)


def test_credit_grows_by_the_share_of_training_and_pays_for_one_after_another() -> None:
    budget = a_budget(cost_s=0.016)  # 4 ms of the head start are left
    expected_s = budget.cost.expected_s
    needed_s = (expected_s - 0.004) / 0.01

    assert not budget.affords(0.016 + needed_s - 0.01)
    assert budget.affords(0.016 + needed_s + 0.01)


def test_what_a_checkpoint_costs_beyond_expectation_has_to_be_earned_first() -> None:
    budget = a_budget(cost_s=0.001)
    budget.spend("boundary", 1.0, 0.5)
    budget.written(1.5, 0.0, True)

    assert not budget.affords(40.0)
    assert budget.affords(80.0)


def test_the_expectation_is_careful_where_costs_differ() -> None:
    even, uneven = a_budget(cost_s=0.01), a_budget(cost_s=0.01)
    for n in range(1, 40):
        for budget, cost_s in ((even, 0.01), (uneven, 0.005 if n % 2 else 0.015)):
            budget.spend("block", 10.0 * n, cost_s)
            budget.written(10.0 * n + cost_s, 0.0, True)
            assert budget.affords(10.0 * n + 9)

    assert even.cost.expected_s == pytest.approx(0.01, rel=0.01)
    assert uneven.cost.expected_s > 0.013


def test_a_long_quiet_stretch_does_not_license_a_burst() -> None:
    budget = a_budget(cost_s=1.0)
    now, taken = 1e6, 0
    while budget.affords(now):
        budget.spend("boundary", now, 1.0)
        budget.written(now + 1.0, 0.0, True)
        now += 1.0
        taken += 1

    assert 0.01 * MOST_CREDIT_S - 1 <= taken <= 0.01 * MOST_CREDIT_S


def test_a_checkpoint_dearer_than_the_most_credit_is_still_affordable_one_day() -> None:
    budget = a_budget(cost_s=20.0)

    assert not budget.affords(1000.0)
    assert budget.affords(10_000.0)


def test_time_outside_of_main_loops_is_no_training() -> None:
    budget = a_budget(cost_s=HEAD_START_S * 0.01)
    budget.end(1.0)
    budget.begin(1e6)

    assert not budget.affords(1e6 + 0.1)
    assert budget.trained_s == budget.longest_s == pytest.approx(1.08)


def test_within_a_loop_a_checkpoint_leaves_those_of_its_end_affordable() -> None:
    budget = a_budget(cost_s=0.02)

    assert budget.affords(4.0)
    assert not budget.wants("step", 4.0)
    assert budget.wants("step", 8.0)


def test_within_a_loop_none_is_taken_so_near_to_the_end_that_it_would_keep_the_end_away() -> None:
    budget = a_budget(cost_s=0.0001)
    budget.affords(60.0)

    assert not budget.wants("step", 60.0, left_s=0.9)
    assert budget.wants("step", 60.0, left_s=1.1)

    budget.spend("boundary", 60.0, 0.0001)
    budget.written(65.0, 0.0, True)  # five seconds at the disk

    assert not budget.wants("step", 70.0, left_s=4.9)
    assert budget.wants("step", 70.0, left_s=5.1)


def test_within_a_loop_checkpoints_keep_their_distance_from_any_other() -> None:
    budget = a_budget(cost_s=0.0001)
    budget.spend("boundary", 50.0, 0.0001)
    budget.written(50.1, 0.0, True)

    assert not budget.wants("step", 50.9)
    assert budget.wants("step", 51.1)


def test_boundaries_of_short_iterations_keep_a_distance_that_grows_with_the_run() -> None:
    def distance(trained_s: float) -> float:
        budget = a_budget(cost_s=0.0005)
        budget.affords(trained_s)
        budget.spend("boundary", trained_s, 0.0005)
        budget.written(trained_s, 0.0, True)
        waits = (n * 0.001 for n in range(1, 2000))
        return next(wait for wait in waits if budget.wants("boundary", trained_s + wait))

    assert distance(10.0) < 0.06
    assert 0.1 < distance(300.0) < 0.4
    assert distance(1e5) == pytest.approx(1.0, abs=0.01)


def test_the_last_of_a_loop_keeps_no_distance_and_neither_do_blocks_from_boundaries() -> None:
    budget = a_budget(cost_s=0.0005)
    budget.spend("boundary", 1e5, 0.0005)
    budget.written(1e5, 0.0, True)

    assert not budget.wants("boundary", 1e5 + 0.1)
    assert budget.wants("boundary", 1e5 + 0.1, last=True)
    assert budget.wants("block", 1e5 + 0.1)


def test_a_boundary_leaves_the_end_of_the_next_nested_loop_affordable() -> None:
    budget = a_budget(cost_s=0.02)
    budget.block_ended(taken=True)

    assert budget.wants("block", 3.0)  # one is affordable
    assert not budget.wants("boundary", 3.0)
    assert budget.wants("boundary", 3.0, last=True)
    assert budget.wants("boundary", 6.0)


def test_once_an_end_is_missing_the_next_one_is_taken_with_the_boundary_behind_it() -> None:
    budget = a_budget(cost_s=0.02)
    budget.block_ended(taken=False)

    assert not budget.wants("block", 3.0)
    assert not budget.wants("boundary", 3.0)
    assert budget.wants("block", 6.0)
    budget.spend("block", 6.0, 0.02)
    budget.written(6.02, 0.0, True)
    budget.block_ended(taken=True)
    assert budget.wants("boundary", 6.1)
    budget.spend("boundary", 6.1, 0.02)
    budget.written(6.12, 0.0, True)

    assert budget.wants("block", 8.0)


def test_a_main_loop_without_nested_ones_keeps_nothing_for_their_ends() -> None:
    budget = a_budget(cost_s=0.02)
    budget.block_ended(taken=True)
    budget.end(0.5)
    budget.begin(0.5)

    assert budget.wants("boundary", 3.5)


def test_new_memory_is_paid_for_as_what_takes_longer() -> None:
    budget = a_budget(cost_s=0.001)
    budget.affords(10.0)

    assert budget.affords_memory(10 * 10**6)  # 14 ms
    assert not budget.affords_memory(10**9)


def test_a_budget_of_all_the_time_takes_one_at_each_opportunity() -> None:
    budget = a_budget(share=100.0, cost_s=50.0)
    for n in range(10):
        for role in ("boundary", "block", "step"):
            assert budget.wants(role, 60.0)
            budget.spend(role, 60.0 + n, 50.0)


def test_where_there_was_no_room_it_is_not_tried_again_at_once() -> None:
    budget = a_budget(cost_s=0.001)
    budget.skipped(20.0)

    assert not budget.wants("boundary", 20.0 + SKIPPED_S / 2)
    assert budget.wants("boundary", 20.0 + 2 * SKIPPED_S)


def test_an_attempt_that_came_to_nothing_is_paid_for() -> None:
    budget = a_budget(cost_s=0.001)
    budget.waste(10.0, 1.0)

    assert budget.stall_s == pytest.approx(1.001)
    assert not budget.affords(60.0)


def test_turns_that_were_slower_beside_the_writer_are_paid_for_as_it_is_through() -> None:
    budget = a_budget(cost_s=0.001)
    usual, now = budget.usual("step"), 10.0
    for _ in range(10):
        budget.turned(usual, now, 0.1, 1)
        now += 0.1
    budget.spend("boundary", now, 0.001)
    budget.turned(usual, now, 0.15, 1)
    budget.written(now + 0.2, 0.0, True)
    assert budget.slowed_s == 0.0
    budget.turned(usual, now + 0.15, 0.12, 1)

    assert budget.slowed_s == pytest.approx(0.07)
    assert budget.cost.expected_s > 0.02


def test_a_writer_beside_which_no_turn_ended_is_charged_by_its_processor_time() -> None:
    budget = Budget(0.01, lambda: 0.5)
    budget.begin(0.0)
    for began in (0.0, 1.0):
        budget.spend("boundary", began, 0.001)
        budget.written(began + 0.5, 0.02 * (began + 1), True)
        assert budget.affords(began + 0.9)

    assert budget.slowed_s == pytest.approx(0.02)  # half of two times 20 ms


def test_a_new_thread_of_the_writer_counts_from_its_own_beginning() -> None:
    budget = a_budget()
    for began, clock_s in ((1.0, 0.3), (2.0, 0.1)):
        budget.spend("boundary", began, 0.0)
        budget.written(began + 0.9, clock_s, True)
        budget.affords(began + 1)

    assert budget.slowed_s == pytest.approx(0.4)


def test_the_longest_stretch_lies_between_checkpoints_that_were_published() -> None:
    budget = a_budget()
    for began, published in ((5.0, True), (8.0, False), (12.0, True)):
        budget.spend("boundary", began, 0.0)
        budget.written(began, 0.0, published)
    budget.end(14.0)

    assert budget.longest_s == pytest.approx(7.0)


def test_what_lies_behind_a_loop_without_an_end_is_reached_from_the_boundary_before() -> None:
    budget = a_budget()
    for began, role in ((4.0, "block"), (8.0, "block"), (12.0, "step"), (15.0, "boundary")):
        budget.block_ended(taken=began != 8.0)
        budget.spend(role, began, 0.0)
        budget.written(began, 0.0, True)
    budget.end(16.0)

    assert budget.longest_s == pytest.approx(11.0)
