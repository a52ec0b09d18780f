"""A replay's journal against the record: what was expected, what is the same, what is new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.closeness import same_value
from florlib.ground.plan import Plan, Segment
from florlib.ground.values import encode_value
from florlib.hindsight.trace import Trace, left_undone
from florlib.hindsight.verification import Divergence, Verdict, verify
from tests.homes import HINDSIGHT, VOLATILE, Record, log
from tests.runs import main_loop, one_loop, recorded, turn, two_loops

ENTER = {"kind": "enter", "position": [], "loop": "epoch", "role": "main", "main": 0}
EXIT = {**ENTER, "kind": "exit", "how": "exhausted", "iterations": 4}
PARTLY: Record = {"kind": "end", "how": "end-of-plan", "exit_status": 0, "signal": None}


def verdict_of(again: list[Record], record: list[Record] | None = None, **how: Any) -> Verdict:
    """What comes of holding a replay's records against those of `one_loop`."""
    return verify(Trace.read(record or one_loop()), Trace.read(again), **how)


def counts(verdict: Verdict) -> tuple[int, int, int, int, int]:
    """(values, identical, different, missing, extra)"""
    kinds = (verdict.values, verdict.identical, verdict.different)
    return (*kinds, verdict.missing, verdict.extra)


def skip(index: int) -> Record:
    return {"kind": "skip", "position": [["epoch", index]], "loop": "step", "iterations": 3}


START = log([], ("print", "start"))


def outer(*indices: int, **values: Any) -> list[Record]:
    """A replay of some iterations that skipped their nested loops."""
    records: list[Record] = [START, ENTER]
    for index in indices:
        here = [["epoch", index]]
        acc = values.get(f"acc{index}", index / 4)
        records += [skip(index), log(here, ("acc", acc)), turn("epoch", index)]
    return [*records, PARTLY]


def test_a_whole_replay_is_compared_value_by_value() -> None:
    verdict = verdict_of(one_loop())

    assert counts(verdict) == (18, 18, 0, 0, 0)
    assert not verdict.diverged


def test_what_was_not_executed_is_not_expected() -> None:
    verdict = verdict_of(outer(1, 2))

    assert counts(verdict) == (3, 3, 0, 0, 0)


def test_of_a_loop_that_was_entered_in_its_middle_its_executed_turns_are_expected() -> None:
    here = [["epoch", 1]]
    left = {"kind": "exit", "position": here, "loop": "step", "role": "nested", "iterations": 1}
    rows = [log([*here, ["step", 2]], ("loss", 1.25)), log(here, ("acc", 0.25))]
    ended = {**left, "turns": [[2, 3]]}

    whole = verdict_of([START, ENTER, *rows, ended, turn("epoch", 1), PARTLY])
    short = verdict_of([START, ENTER, *rows, {**ended, "turns": [[1, 3]]}, turn("epoch", 1)])

    assert counts(whole) == (3, 3, 0, 0, 0)
    assert counts(short) == (3, 3, 0, 1, 0)


def test_the_prelude_is_always_expected() -> None:
    verdict = verdict_of([ENTER, PARTLY])

    assert counts(verdict) == (0, 0, 0, 1, 0)
    assert verdict.first == Divergence("missing", (), "print", "start", None, (0, 0))


def test_what_lies_between_two_loops_is_expected_of_who_went_beyond_the_first() -> None:
    record = two_loops()
    gone = [{**ENTER, "loop": "warm"}, {**EXIT, "loop": "warm"}]
    second = {**ENTER, "main": 1}

    there = verdict_of([*gone, log([], ("print", "between")), second, PARTLY], record)
    before = verdict_of([{**ENTER, "loop": "warm"}, PARTLY], record)
    silent = verdict_of([*gone, second, PARTLY], record)

    assert counts(there) == (1, 1, 0, 0, 0)
    assert counts(before) == (0, 0, 0, 0, 0)
    assert counts(silent) == (0, 0, 0, 1, 0)


def test_the_epilogue_is_compared_where_it_was_executed() -> None:
    verdict = verdict_of([START, ENTER, EXIT, log([], ("print", "other"))])

    assert counts(verdict) == (2, 1, 1, 0, 0)
    assert verdict.first == Divergence("value", (), "print", "done", "other", (2, 0))


def test_a_value_that_is_not_logged_again_is_missing() -> None:
    again = [START, ENTER, skip(0), turn("epoch", 0), PARTLY]

    verdict = verdict_of(again)

    assert (verdict.missing, verdict.first and verdict.first.kind) == (1, "missing")


def test_a_value_that_the_record_does_not_have_is_extra() -> None:
    again = outer(0)
    again.insert(-2, log([["epoch", 0]], ("lr", 0.1)))

    verdict = verdict_of(again)

    assert counts(verdict) == (2, 2, 0, 0, 1)
    assert verdict.diverged
    assert verdict.first == Divergence("extra", (("epoch", 0),), "lr", None, 0.1, (1, 1))


def test_hindsight_values_are_new_and_disturb_nothing() -> None:
    again = outer(0, 1)
    probe = ("print", "probe", HINDSIGHT)
    again.insert(0, log([], probe))
    again.insert(-1, log([["epoch", 1]], probe, ("norm", 1.5, HINDSIGHT)))

    verdict = verdict_of(again)

    assert counts(verdict) == (3, 3, 0, 0, 0)
    assert verdict.new == {"print": 2, "norm": 1}


def test_occurrences_at_one_position_are_told_apart() -> None:
    here = [["epoch", 0]]
    record = [ENTER, log(here, ("acc", 1), ("lr", 9), ("acc", 2)), log(here, ("acc", 3))]
    again = [ENTER, log(here, ("acc", 1), ("lr", 9)), log(here, ("acc", 2), ("acc", 4))]
    around = [turn("epoch", 0), PARTLY]

    verdict = verdict_of([*again, *around], [*record, *around])

    assert counts(verdict) == (4, 3, 1, 0, 0)
    assert verdict.first and (verdict.first.recorded, verdict.first.replayed) == (3, 4)


def test_an_occurrence_too_few_is_missing() -> None:
    again = [START, ENTER, skip(0), log([["epoch", 0]], ("acc", 0.0)), turn("epoch", 0), PARTLY]
    record = one_loop()
    record.insert(-2, log([["epoch", 0]], ("acc", 0.0)))

    assert counts(verdict_of(again)) == (2, 2, 0, 0, 0)
    again.insert(3, log([["epoch", 0]], ("acc", 0.0)))
    assert counts(verdict_of(again)) == (2, 2, 0, 0, 1)


def test_values_read_off_a_clock_are_counted_and_not_compared() -> None:
    record = [log([], ("took", 1.5, VOLATILE), ("print", "1.5 s", VOLATILE)), ENTER]
    again = [log([], ("took", 1.7, VOLATILE), ("print", "1.7 s", VOLATILE)), ENTER, PARTLY]

    verdict = verdict_of(again, record)

    assert (counts(verdict), verdict.volatile) == ((0, 0, 0, 0, 0), 2)


def test_standard_error_is_not_compared() -> None:
    verdict = verdict_of([log([], ("stderr", "/a: warning")), START, ENTER, PARTLY])

    assert counts(verdict) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "kind"),
    [
        (1.0, 1.0005, 1e-3, "within_tolerance"),
        (1.0, 1.1, 1e-3, "different"),
        (1.0, 1.0005, 0.0, "different"),
        ([1.0, 2.0], [1.0005, 2.0], 1e-3, "within_tolerance"),
        ([1.0], [1.0, 1.0], 1e-3, "different"),
        ({"a": 1.0}, {"a": 1.0005}, 1e-3, "within_tolerance"),
        (1, True, 1e-3, "different"),
        ("1.0", "1.0005", 1e-3, "different"),
        (float("nan"), float("nan"), 0.0, "identical"),
        (float("nan"), 1.0, 1e-3, "different"),
        (float("inf"), float("inf"), 0.0, "identical"),
        (float("inf"), float("-inf"), 1e-3, "different"),
        (0.0, -0.0, 0.0, "different"),
        (1, 1.0, 0.0, "different"),
    ],
)
def test_two_values(one: Any, other: Any, tolerance: float, kind: str) -> None:
    record = [log([], ("x", encode_value(one)))]
    again = [log([], ("x", encode_value(other))), PARTLY]

    verdict = verdict_of(again, record, tolerance=tolerance)

    assert getattr(verdict, kind) == 1


@given(st.floats(), st.floats())
def test_the_same_value_is_the_same_bits(one: float, other: float) -> None:
    same = (one == other and str(one) == str(other)) or (one != one and other != other)

    assert same_value(encode_value(one), encode_value(other)) == same


def state(index: int, *differing: str, checked: int = 5) -> Record:
    items = [{"item": item, "recorded": "1", "replayed": "2"} for item in differing]
    record = {"kind": "verification", "main": 0, "index": index, "position": [["epoch", index]]}
    return {**record, "checked": checked, "identical": checked - len(items), "differing": items}


def test_end_states_count_as_a_whole() -> None:
    verdict = verdict_of([*outer(0, 1), state(1), state(2, "net.weight", "net.bias")])

    assert (verdict.states, verdict.states_identical, verdict.diverged) == (2, 1, True)
    assert verdict.first and verdict.first.kind == "state"
    assert (verdict.first.position, verdict.first.item) == ((("epoch", 2),), "net.weight")


def test_the_first_divergence_is_the_first_in_the_order_of_execution() -> None:
    later = outer(0, 1, acc1=0.7)

    before = verdict_of([*later, state(1, "net.weight")])
    behind = verdict_of([*later, state(2, "net.weight")])
    same = verdict_of([*outer(0, 1, acc0=9.0, acc1=0.7), state(1, "net.weight")])

    assert before.first and before.first.item == "net.weight"
    assert behind.first and behind.first.item == "acc"
    assert same.first and same.first.position == (("epoch", 0),)


def test_a_loop_that_turned_otherwise_is_a_divergence() -> None:
    text = "epoch ended before iteration 3"
    verdict = verdict_of([*outer(0), {"kind": "warning", "code": "loop-diverged", "text": text}])

    assert verdict.diverged
    assert verdict.first and (verdict.first.kind, verdict.first.item) == ("loop", text)


def undone(plan: Plan, again: list[Record], record: list[Record] | None = None) -> str | None:
    return left_undone(plan, recorded(record or one_loop()), [Trace.read(again)])


WHOLE = Plan("r", "outer", (Segment(0, 0, 4),))
SECOND = Plan("r", "outer", (Segment(1, 0, 1),))


def test_a_replay_that_did_what_was_planned_left_nothing_undone() -> None:
    assert undone(WHOLE, outer(0, 1, 2, 3)) is None
    assert undone(Plan("r", "outer", (Segment(0, 0, 9),)), outer(0, 1, 2, 3)) is None
    assert undone(Plan("r", "prelude", prelude=True), [START, ENTER, PARTLY]) is None
    assert undone(Plan("r", "full", everything=True), [PARTLY], [START]) is None


@pytest.mark.parametrize(
    ("plan", "again", "text"),
    [
        (WHOLE, outer(0, 1, 3), "epoch=2 was not executed"),
        (WHOLE, outer(0, 1, 2, 3)[:-1], "the replay's process did not come to its end"),
        (WHOLE, [START, PARTLY], "epoch was not reached"),
        (Plan("r", "prelude", prelude=True), [START, PARTLY], "epoch was not reached"),
        (
            Plan("r", "epilogue", epilogue=True),
            [START, ENTER, PARTLY],
            "what follows the main loops was not executed",
        ),
    ],
)
def test_what_was_left_undone_is_named(plan: Plan, again: list[Record], text: str) -> None:
    assert undone(plan, again) == text


def test_a_second_main_loop_that_was_not_reached_is_named() -> None:
    assert undone(SECOND, [*main_loop("warm", 2), PARTLY], two_loops()) == "epoch was not reached"
