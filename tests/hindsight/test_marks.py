"""How far new values can be trusted: what was compared around them, and how that came out."""

from __future__ import annotations

from typing import Any

from florlib.hindsight.marks import mark_rows
from florlib.hindsight.trace import Trace
from florlib.hindsight.verification import verify
from tests.homes import HINDSIGHT, Record, log
from tests.runs import one_loop, turn

ENTER = {"kind": "enter", "position": [], "loop": "epoch", "role": "main", "main": 0}
END: Record = {"kind": "end", "how": "end-of-plan", "exit_status": 0, "signal": None}
START = log([], ("print", "start"))


def marks_of(again: list[Record], *, whole: bool = True, tolerance: float = 0.0) -> list[Any]:
    """The marks of the new values that a replay of `one_loop` has logged, one by one."""
    recorded, replayed = Trace.read(one_loop()), Trace.read(again)
    verdict = verify(recorded, replayed, tolerance=tolerance)
    stretches = mark_rows(recorded, replayed, verdict, tolerance=tolerance, whole=whole)
    new = [n for n, row in enumerate(replayed.rows, 1) if row.flags & HINDSIGHT]
    return [next(mark for last, mark in stretches if n <= last) for n in new]


def outer(index: int, acc: Any = None) -> list[Record]:
    """An iteration whose nested loop was skipped, with a new value in it."""
    here = [["epoch", index]]
    skip = {"kind": "skip", "position": here, "loop": "step", "iterations": 3}
    value = index / 4 if acc is None else acc
    return [skip, log(here, ("norm", 1.0, HINDSIGHT), ("acc", value)), turn("epoch", index)]


def state(index: int, differing: int = 0, near: int = 0) -> Record:
    """The comparison of a whole state."""
    return {
        "kind": "verification", "main": 0, "index": index, "position": [["epoch", index]],
        "checked": 5, "identical": 5 - differing - near, "within_tolerance": near,
        "differing": [{"item": "net", "recorded": "1", "replayed": "2"}][:differing],
    }  # fmt: skip


def test_values_before_a_state_that_is_as_recorded_are_verified() -> None:
    again = [START, ENTER, *outer(0), state(1), *outer(1), state(2), END]

    assert marks_of(again) == ["verified", "verified"]


def test_from_the_last_good_state_on_values_of_a_divergence_are_marked() -> None:
    again = [START, ENTER, *outer(0), state(1), *outer(1), *outer(2), state(3, 1), *outer(3), END]

    assert marks_of(again) == ["verified", "diverged", "diverged", "diverged"]


def test_a_value_that_differs_breaks_what_stands_with_it_and_behind_it() -> None:
    again = [START, ENTER, *outer(0), state(1), *outer(1, 9.0), *outer(2), END]

    assert marks_of(again) == ["verified", "diverged", "diverged"]


def test_recorded_values_alone_verify_where_no_state_follows() -> None:
    assert marks_of([START, ENTER, *outer(0), END]) == ["verified"]


def test_where_nothing_is_compared_nothing_is_verified() -> None:
    here = [["epoch", 0]]
    new = log(here, ("norm", 1.0, HINDSIGHT))
    recorded, replayed = Trace.read([ENTER, turn("epoch", 0)]), Trace.read([ENTER, new, END])
    verdict = verify(recorded, replayed)

    found = mark_rows(recorded, replayed, verdict, tolerance=0.0, whole=True)

    assert found == [(1, "unverified")]


def test_what_a_replay_logged_last_before_it_failed_is_unverified() -> None:
    again = [START, ENTER, *outer(0), state(1), *outer(1)[:2]]

    assert marks_of(again, whole=False) == ["verified", "unverified"]


def test_behind_a_missing_value_nothing_is_verified() -> None:
    silent = [log([["epoch", 1]], ("norm", 1.0, HINDSIGHT)), turn("epoch", 1)]
    skip = {"kind": "skip", "position": [["epoch", 1]], "loop": "step", "iterations": 3}
    again = [START, ENTER, *outer(0), state(1), skip, *silent, state(2), *outer(2), state(3), END]

    assert marks_of(again) == ["verified", "diverged", "diverged"]


def test_what_is_within_the_tolerance_is_verified() -> None:
    again = [START, ENTER, *outer(1, 0.2500001), state(2, near=2), END]

    assert marks_of(again, tolerance=1e-4) == ["verified"]
    assert marks_of(again) == ["diverged"]


def test_a_loop_that_turned_otherwise_is_a_divergence() -> None:
    warning = {"kind": "warning", "code": "loop-diverged", "text": "epoch ended early"}

    assert marks_of([START, ENTER, *outer(0), state(1), *outer(1), warning, END]) == [
        "verified",
        "diverged",
    ]
