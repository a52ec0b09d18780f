"""Retention: limits are kept, what must stay stays, and gaps stay balanced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.retention import Loss, Retention, Stored, TurnClock

SIZE = 100


def boundary(index: int, at_s: float, *, main: int = 0, size: int = SIZE) -> Stored:
    return Stored(f"m{main}.b{index}", "boundary", main, index, at_s, at_s, size)


def block(index: int, at_s: float, turn_s: float, number: int = 0, size: int = SIZE) -> Stored:
    return Stored(f"k{index}.{number}", "block", 0, index, at_s, turn_s, size)


def step(index: int, turn: int, at_s: float, turn_s: float) -> Stored:
    return Stored(f"s{index}.{turn}", "step", 0, index, at_s, turn_s, SIZE)


def training(iterations: int, *, steps: int = 0, train_s: float = 9, rest_s: float = 1) -> Iterator:
    """A run that takes a checkpoint wherever it can."""
    now = 0.0
    for index in range(iterations):
        yield boundary(index, now)
        for turn in range(1, steps):
            yield step(index, turn, now + turn * train_s / steps, now)
        yield block(index, now + train_s, now)
        now += train_s + rest_s
    yield boundary(iterations, now)


def kept_within(limit: int, taken: Sequence[Stored], retention: Retention) -> list[Loss]:
    """Take in checkpoints one by one, as a recording process does."""
    losses = []
    for one in taken:
        retention.add(one)
        while retention.bytes > limit and (loss := retention.cheapest()) is not None:
            retention.drop(loss)
            losses.append(loss)
    return losses


def names(retention: Retention) -> list[str]:
    return [one.file for one in retention.stored()]


def test_with_room_for_all_nothing_is_dropped():
    taken = list(training(5, steps=3))
    retention = Retention()

    assert kept_within(SIZE * len(taken), taken, retention) == []
    assert names(retention) == [one.file for one in taken]


@pytest.mark.parametrize("room", [5, 8, 20, 50])
@pytest.mark.parametrize("iterations", [100, 1000])
def test_gaps_stay_within_a_small_factor_of_even_spacing(room, iterations):
    retention = Retention()

    kept_within(room * SIZE, [boundary(n, float(n)) for n in range(iterations)], retention)

    at = [one.at_s for one in retention.stored()]
    assert len(at) == room
    # The newest two are where they are, so one gap less is left to be even.
    assert max(b - a for a, b in pairwise(at)) <= 2.1 * at[-1] / (room - 2)


def test_boundaries_thin_out_before_blocks_and_blocks_before_the_last_ways_in():
    taken = list(training(64))
    counts = {}
    for room in (128, 96, 70, 40, 16):
        retention = Retention()
        kept_within(room * SIZE, taken, retention)
        roles = [one.role for one in retention.stored()]
        counts[room] = (roles.count("boundary"), roles.count("block"))

    assert counts[128] == (64, 64)
    assert counts[96][1] >= 60  # every second boundary, nearly all blocks
    assert counts[70][0] == pytest.approx(35, abs=3)
    assert counts[16] == (15, 1)


def test_steps_go_first_and_stay_even_in_a_long_iteration():
    retention = Retention()

    kept_within(12 * SIZE, list(training(1, steps=200, train_s=900)), retention)

    at = [one.at_s for one in retention.stored()]
    assert names(retention)[-2:] == ["k0.0", "m0.b1"]
    assert max(b - a for a, b in pairwise(at)) <= 2.1 * 900 / 10


def test_the_dearer_by_byte_stays():
    sizes = {3: 10 * SIZE}
    taken = [boundary(n, float(n), size=sizes.get(n, SIZE)) for n in range(7)]
    retention = Retention(goes_on=False)
    for one in taken:
        retention.add(one)

    loss = retention.cheapest()

    assert loss is not None
    assert [one.file for one in loss.dropped] == ["m0.b3"]
    assert (loss.bytes, loss.longer_s) == (10 * SIZE, 1.0)
    assert loss.expected_s == pytest.approx(
        1 / 6
    )  # the way to one second in six is a second longer


def test_blocks_of_one_iteration_spare_each_its_own_loop():
    retention = Retention(goes_on=False)
    for one in (
        boundary(0, 0.0),
        block(0, 6.0, 0.0),
        block(0, 8.0, 0.0, number=1),
        boundary(1, 9.0),
        boundary(2, 18.0),
        boundary(3, 27.0),
    ):
        retention.add(one)

    costs = {loss.dropped[0].file: loss.longer_s for loss in _all_losses(retention)}

    assert (costs["k0.0"], costs["k0.1"]) == (6.0, 2.0)


def _all_losses(retention: Retention) -> Iterator[Loss]:
    while (loss := retention.cheapest()) is not None:
        retention.drop(loss)
        yield loss


def test_the_end_of_a_main_loop_lies_on_the_way_to_all_later_ones():
    retention = Retention(goes_on=False)
    first = [boundary(n, float(n)) for n in range(5)]
    second = [boundary(n, 4.5 + n, main=1) for n in range(5)]
    for one in (*first, *second):
        retention.add(one)

    order = [(loss.dropped[0].file, loss.is_last_resort) for loss in _all_losses(retention)]

    assert order[-2:] == [("m0.b4", False), ("m1.b0", True)]
    assert names(retention) == ["m0.b0", "m1.b3", "m1.b4"]


def test_a_first_checkpoint_that_is_no_boundary():
    retention = Retention()
    kept_within(4 * SIZE, [block(0, 9.0, 0.0), *list(training(9))[2:]], retention)

    assert names(retention)[0] == "k0.0"
    assert len(names(retention)) == 4


def test_what_others_refer_to_goes_with_them_or_stays():
    taken = [boundary(n, float(n)) for n in range(8)]
    companion = Stored("companion", "boundary", 0, 8, 2.5, 2.5, 1, frozenset({"m0.b2", "no such"}))
    taken.insert(3, companion)
    free, pinned = Retention(goes_on=False), Retention({"companion"}, goes_on=False)
    for one in taken:
        free.add(one)
        pinned.add(one)

    together = [
        {one.file for one in loss.dropped}
        for loss in _all_losses(free)
        if "m0.b2" in [one.file for one in loss.dropped]
    ]

    assert together in ([{"m0.b2", "companion"}], [{"m0.b2"}])
    assert {one.file for loss in _all_losses(pinned) for one in loss.dropped}.isdisjoint(
        {"m0.b2", "companion"}
    )


def test_nothing_at_all():
    retention = Retention()

    assert retention.cheapest() is None
    assert (names(retention), retention.bytes) == ([], 0)


def test_what_is_pinned_later_stays_and_what_is_unpinned_goes():
    retention = Retention()
    for one in training(5):
        retention.add(one)
    everything = set(names(retention))

    retention.pinned = everything
    assert retention.cheapest() is None

    retention.pinned = ()
    list(_all_losses(retention))
    assert len(names(retention)) == 3


@st.composite
def runs(draw: st.DrawFn) -> list[Stored]:
    """Checkpoints of any run, taken as the budget happened to afford them."""
    taken, now, main, index = [], 0.0, 0, 0
    for number in range(draw(st.integers(1, 40))):
        now += draw(st.floats(0, 10))
        role = (
            draw(st.sampled_from(["boundary", "block", "step", "next"])) if number else "boundary"
        )
        if role == "next":
            role, main, index = "boundary", main + 1, 0
        if role == "boundary":
            turn, index = now, index + 1
        size = draw(st.integers(0, 3 * SIZE))
        refers = frozenset({taken[0].file}) if taken and draw(st.booleans()) else frozenset()
        taken.append(Stored(f"{number}", role, main, index, now, turn, size, refers))
    return taken


@given(runs(), st.integers(0, 40 * SIZE), st.sets(st.integers(0, 39)), st.booleans())
def test_the_limit_is_kept_and_what_must_stay_stays(taken, limit, pinned, goes_on):
    keep = {str(number) for number in pinned}
    retention = Retention(keep, goes_on=goes_on)

    losses = kept_within(limit, taken, retention)

    kept = names(retention)
    must_stay = {taken[0].file, *(one.file for one in taken[-2:])}
    must_stay |= keep & {one.file for one in taken}
    assert must_stay <= set(kept)
    assert retention.bytes == sum(one.bytes for one in taken if one.file in kept)
    assert retention.bytes <= limit or set(kept) == must_stay
    gone = [one.file for loss in losses for one in loss.dropped]
    assert sorted([*gone, *kept]) == sorted(one.file for one in taken)
    assert kept == [one.file for one in taken if one.file in kept]  # still in their order
    for loss in losses:
        assert loss.longer_s >= 0
        assert loss.expected_s >= 0


@given(runs())
def test_a_loss_is_the_least_of_all_that_can_be_had(taken):
    """The heap's bounds hide nothing: a fresh look at what is left finds none cheaper."""
    retention = Retention(goes_on=False)
    for one in taken:
        retention.add(one)

    while (loss := retention.cheapest()) is not None:
        afresh = Retention(goes_on=False)
        for one in retention.stored():
            afresh.add(one)
        other = afresh.cheapest()
        assert other is not None
        if not any(
            one.role == "block" for one in taken
        ):  # what a dropped block spared is forgotten
            assert _price(loss) == pytest.approx(_price(other))
        retention.drop(loss)


def _price(loss: Loss) -> tuple[bool, float]:
    return loss.is_last_resort, loss.expected_s / max(loss.bytes, 1)


def test_turns_go_on_from_loop_to_loop_and_sizes_are_rounded_up():
    clock = TurnClock()
    taken = [
        boundary(0, 0.5),
        step(0, 3, 1.0, 0.5),
        block(0, 2.0, 0.5),
        boundary(1, 2.5, size=1001),
        boundary(0, 7.0, main=1, size=0),
        step(0, 10**9, 8.0, 7.0),
    ]
    taken[-1] = replace(taken[-1], main=1)
    steps = [None, 3, None, None, None, 10**9]

    told = [clock.tell(one, at) for one, at in zip(taken, steps, strict=True)]

    assert [one.at_s for one in told] == pytest.approx([0, 2.7e-6, 0.9, 1, 2, 2.9])
    assert [one.turn_s for one in told] == [0, 0, 0, 1, 2, 2]
    assert [one.bytes for one in told] == [104, 104, 104, 1024, 0, 104]
