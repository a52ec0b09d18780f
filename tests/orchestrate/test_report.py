"""Reports: what a status stands for, and what is said of what was left undone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from florctl.orchestrate.replaying import added_lines
from florctl.orchestrate.replaying.report import Replayed, Report, make_report, nothing_report
from florlib.ground.plan import Plan, Segment
from florlib.hindsight.cost import Cost
from florlib.hindsight.planner import Planned
from florlib.hindsight.probes import Probe
from florlib.hindsight.trace import Trace
from florlib.hindsight.verification import verify
from tests.homes import HINDSIGHT, Record, log
from tests.runs import one_loop, recorded

PLAN = Plan("r", "outer", (Segment(0, 0, 4),), hindsight={"train.py": frozenset({(4, 4)})})
PLANNED = Planned(PLAN, Cost(3.2, {}, {}, 0.0, 12), 20.0)
LOADED = {"kind": "loaded", "path": "train.py"}
PROBED = log([], ("norm", 1.0, HINDSIGHT))
PARTLY: Record = {"kind": "end", "how": "end-of-plan", "exit_status": 0, "signal": None}


def report(
    again: list[Record] | None = None,
    *,
    planned: Planned = PLANNED,
    others: tuple[list[Record], ...] = (),
    failure: tuple[int, list[str]] | None = None,
) -> Report:
    """What is said of a replay of `one_loop`, beside which other processes were recorded."""
    process = recorded(one_loop())
    replayed = []
    if again is not None:
        trace = Trace.read(again)
        replayed = [Replayed(process, trace, verify(Trace.read(one_loop()), trace))]
    known = [process, *(recorded(records, pid=200, script="b.py") for records in others)]
    return make_report(
        planned, "p", replayed=replayed, recorded=known, warnings=[], seconds=1.0, failure=failure
    )


def again(*, without: int = 0) -> list[Record]:
    """A replay that executed all iterations, less the last few records."""
    records = [LOADED, PROBED, *one_loop()]
    return records[: len(records) - without]


def test_a_replay_that_agrees_is_verified() -> None:
    found = report(again())

    assert (found.status, found.exit_status) == ("verified", 0)
    assert found.to_json()["compared"] == {
        "values": 18,
        "identical": 18,
        "within_tolerance": 0,
        "different": 0,
        "missing": 0,
        "extra": 0,
        "wall_clock": 0,
    }
    assert (found.to_json()["executed_iterations"], found.skipped_iterations) == (16, 0)


def test_a_value_that_differs_is_a_divergence_and_named() -> None:
    records = again()
    records.insert(-3, log([["epoch", 3]], ("acc", 9.0)))

    found = report(records)

    assert (found.status, found.exit_status) == ("diverged", 4)
    assert found.to_json()["first_divergence"] == {
        "kind": "extra",
        "position": [{"loop": "epoch", "index": 3}],
        "item": "acc",
        "recorded": None,
        "replayed": 9.0,
    }


def test_a_replay_that_died_half_way_is_partial_and_never_verified() -> None:
    for without in range(1, len(again())):
        found = report(again(without=without), failure=(1, ["ValueError"]))
        assert (found.status, found.exit_status) == ("partial", 7), without


def test_a_replay_that_stopped_half_way_without_a_word_is_partial() -> None:
    found = report([*again(without=12), PARTLY])

    assert found.status == "partial"
    codes = [warning["code"] for warning in found.warnings]
    assert codes == ["not-replayed"]


def test_a_replay_without_a_process_is_partial() -> None:
    found = report(None)

    assert (found.status, found.exit_status) == ("partial", 7)
    assert found.unplaced == [{"file": "train.py", "reason": "the replay did not load this file"}]
    assert found.warnings[-1]["text"] == "the replay did not start train.py, process 100"


def test_a_file_with_probes_that_was_not_loaded_is_unplaced() -> None:
    plan = replace(PLAN, hindsight={}, transparent={"tools.py": frozenset({(1, 1)})})

    found = report(again(), planned=replace(PLANNED, plan=plan))

    assert (found.status, found.exit_status) == ("partial", 7)
    assert [item["file"] for item in found.unplaced] == ["tools.py"]


def test_a_recorded_process_that_was_not_started_makes_the_answer_partial() -> None:
    found = report(again(), others=(one_loop(2),))

    assert found.status == "partial"
    assert found.warnings[0]["text"] == "the replay did not start b.py, process 200"


def test_a_loop_that_turned_otherwise_has_diverged() -> None:
    text = "epoch has more items than the record"

    found = report([*again(), {"kind": "warning", "code": "loop-diverged", "text": text}])

    assert (found.status, found.to_json()["first_divergence"]["item"]) == ("diverged", text)
    assert found.warnings == [{"code": "loop-diverged", "text": text}]


def test_a_line_around_which_the_state_was_held_for_long_is_named() -> None:
    def held(line: int, count: int, seconds: float) -> Record:
        place = {"path": "train.py", "line": line}
        return {"kind": "held", **place, "count": count, "seconds": seconds}

    short = report([*again(), held(4, 1, 9.9)])
    found = report([*again(), held(4, 1200, 31.26), held(7, 5, 0.5)])

    assert short.warnings == []
    (told,) = found.warnings
    assert (found.status, told["code"]) == ("verified", "state-held")
    assert "train.py:4: " in told["text"]
    assert "1,200 times, which took 31.3 s" in told["text"]


def test_holding_the_state_is_summed_up_over_processes() -> None:
    place = {("train.py", 4): (600, 7.0)}

    (told,) = added_lines.held([Trace(held=place), Trace(held=place)], 100.0)

    assert "1,200 times, which took 14.0 s" in told["text"]
    assert added_lines.held([Trace(held=place), Trace(held=place)], 150.0) == []


def test_probes_that_logged_nothing_are_told() -> None:
    found = report([LOADED, *one_loop()])

    assert found.status == "verified"
    assert [warning["code"] for warning in found.warnings] == ["nothing-logged"]


def test_a_probe_that_logged_nothing_is_named_beside_one_that_did() -> None:
    silent = Probe("train.py", 9, 9, "f", (), True, "print(1)", names=("print",))

    found = report(again(), planned=replace(PLANNED, probes=(silent,)))

    assert found.status == "verified"
    assert [warning["code"] for warning in found.warnings] == ["line-silent"]
    assert found.warnings[0]["text"].startswith("train.py:9: ")


@pytest.mark.parametrize("where", ["started", "loaded"])
def test_a_probe_that_runs_in_another_process_is_unplaced(where: str) -> None:
    probe = Probe("train.py", 9, 9, "f", (), True, "print(1)", names=("print",))
    planned = replace(PLANNED, probes=(probe,), **{where: frozenset({probe})})

    found = report(again(), planned=planned)

    assert (found.status, found.exit_status) == ("partial", 7)
    assert [(item["file"], item["line"]) for item in found.unplaced] == [("train.py", 9)]


def test_nothing_to_hold_against_is_unverified() -> None:
    plan = replace(PLAN, segments=(), hindsight={})
    process = recorded([])
    trace = Trace.read([log([], ("norm", 1.0, HINDSIGHT)), PARTLY])
    one = Replayed(process, trace, verify(Trace(), trace))

    found = make_report(
        replace(PLANNED, plan=plan),
        "p",
        replayed=[one],
        recorded=[process],
        warnings=[],
        seconds=1.0,
        failure=None,
    )

    assert (found.status, found.exit_status, found.verdict.new) == ("unverified", 0, {"norm": 1})


@pytest.mark.parametrize(("status", "exit_status"), [(1, 7), (137, 7), (130, 130)])
def test_the_exit_status_of_a_script_that_failed(status: int, exit_status: int) -> None:
    assert report(again(without=1), failure=(status, [])).exit_status == exit_status


def test_a_replay_that_was_not_needed() -> None:
    found = nothing_report(PLANNED, []).to_json()

    assert (found["replay"], found["workers"], found["status"]) == (None, 0, "unverified")
