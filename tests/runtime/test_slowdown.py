"""How much slower turns are beside the writer, told from noise."""

from __future__ import annotations

import pytest

from florlib.runtime.slowdown import LEAST, SlowDown, Usual


def known(slow_down: SlowDown, *quiet_s: float, loop: str = "step") -> Usual:
    usual = slow_down.usual(loop)
    for seconds in quiet_s * LEAST:
        slow_down.note(usual, seconds, 1, busy=False)
    return usual


def test_slower_turns_are_measured_against_the_median_of_the_quiet_ones() -> None:
    slow_down = SlowDown()
    usual = known(slow_down, 0.1, 0.1, 0.11)
    slow_down.note(usual, 0.13, 1, busy=True)
    slow_down.note(usual, 0.25, 2, busy=True)

    assert slow_down.measure(0.38, by_cpu_s=1.0) == pytest.approx(0.08)


def test_many_are_compared_by_their_median_so_that_an_evaluation_among_them_does_not_count() -> (
    None
):
    slow_down = SlowDown()
    usual = known(slow_down, 0.1, 0.1, 5.0)
    for seconds in (0.11, 0.11, 5.0) * 4:
        slow_down.note(usual, seconds, 1, busy=True)

    assert slow_down.measure(2.2, by_cpu_s=1.0) == pytest.approx(0.2)


def test_few_are_held_against_the_longest_that_is_usual() -> None:
    slow_down = SlowDown()
    usual = known(slow_down, 0.1, 0.1, 5.0)
    slow_down.note(usual, 4.0, 1, busy=True)

    assert slow_down.measure(4.0, by_cpu_s=0.01) == 0.01


def test_turns_that_were_faster_cost_nothing() -> None:
    slow_down = SlowDown()
    usual = known(slow_down, 0.1)
    for _ in range(LEAST):
        slow_down.note(usual, 0.05, 1, busy=True)

    assert slow_down.measure(0.4, by_cpu_s=1.0) == pytest.approx(0.0)


def test_within_the_noise_the_processor_time_stands_in() -> None:
    slow_down = SlowDown()
    slow_down.note(known(slow_down, 0.08, 0.1, 0.12), 0.11, 1, busy=True)

    assert slow_down.measure(0.11, by_cpu_s=0.004) == 0.004


def test_beyond_the_noise_it_does_not() -> None:
    slow_down = SlowDown()
    slow_down.note(known(slow_down, 0.099, 0.1, 0.101), 0.15, 1, busy=True)

    assert slow_down.measure(0.15, by_cpu_s=0.004) == pytest.approx(0.05)


def test_more_than_the_window_is_not_the_writers_doing() -> None:
    slow_down = SlowDown()
    slow_down.note(known(slow_down, 0.1), 3.0, 1, busy=True)

    assert slow_down.measure(0.2, by_cpu_s=0.0) == 0.2


def test_what_no_turn_covers_is_told_by_the_processor_time() -> None:
    slow_down = SlowDown()
    slow_down.note(known(slow_down, 0.1), 0.15, 1, busy=True)

    assert slow_down.measure(0.6, by_cpu_s=0.04) == pytest.approx(0.05 + 0.75 * 0.04)


def test_a_loop_that_is_not_known_yet_covers_nothing() -> None:
    slow_down = SlowDown()
    slow_down.note(slow_down.usual("new"), 9.0, 1, busy=True)

    assert slow_down.measure(0.6, by_cpu_s=0.04) == 0.04


def test_each_loop_has_its_own_measure_and_each_measurement_begins_anew() -> None:
    slow_down = SlowDown()
    train, evaluate = known(slow_down, 0.1), known(slow_down, 0.01, loop="evaluate")
    slow_down.note(train, 0.12, 1, busy=True)
    slow_down.note(evaluate, 0.015, 1, busy=True)

    assert slow_down.measure(0.135, by_cpu_s=0.0) == pytest.approx(0.025)
    assert slow_down.measure(0.135, by_cpu_s=0.3) == 0.3
    assert slow_down.usual("step") is train
