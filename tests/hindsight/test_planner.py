"""Plans: what a question makes a replay execute, once and only once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.planner import Planned, make_plan
from florlib.hindsight.probes import compare
from florlib.hindsight.question import Question, Run
from tests.homes import END, log
from tests.runs import SCRIPT, TWO_LOOPS, main_loop, one_loop, recorded, source, two_loops

PROBE = "print('probe')"


# Reading the 4 KB of a checkpoint counts as well: some microseconds, which the figures leave out.
READING_S = 1e-4


def planned(
    *lines: str,
    text: str = SCRIPT,
    processes: list[RecordedProcess] | None = None,
    errors_repeat: bool = False,
    **question: Any,
) -> Planned:
    """The plan for probes behind some lines of a run's script."""
    present = text
    for line in lines:
        assert present.count(line + "\n") == 1, line
        indent = " " * (len(line) - len(line.lstrip()))
        present = present.replace(line + "\n", f"{line}\n{indent}{PROBE}\n")
    run = Run("r", processes or [recorded(one_loop())], 20.0, errors_repeat)
    comparisons = {"train.py": compare("train.py", text, present)}
    return make_plan(run, Question(comparisons, **question))


def executed(plan: Plan) -> list[tuple[int, int]]:
    """(main, index) of all that a plan executes."""
    return [(part.main, n) for part in plan.segments for n in range(part.start, part.stop)]


OUTER, INNER = '    print("epoch", epoch)', "        loss.backward()"
PRELUDE, EPILOGUE = "torch.manual_seed(0)", 'print("done")'


def test_a_probe_in_the_body_executes_every_iteration_and_skips_nested_loops() -> None:
    found = planned(OUTER)

    assert (found.plan.mode, found.plan.segments) == ("outer", (Segment(0, 0, 4),))
    assert (found.plan.step, found.plan.everything, found.plan.epilogue) == (set(), False, False)
    assert found.skips == 12


def test_turns_that_are_asked_for_are_what_is_executed_of_a_nested_loop() -> None:
    found = planned(INNER, turns=frozenset({0, 2}), iterations=frozenset({1, 2}))

    assert found.plan.turns == ((0, 1), (2, 3))
    assert found.skips == 12 - 4
    assert found.estimate_s < planned(INNER, iterations=frozenset({1, 2})).estimate_s


def test_a_probe_in_a_nested_loop_steps_into_it() -> None:
    found = planned(INNER)

    assert (found.plan.mode, found.plan.step) == ("inner", {("train.py", 1)})
    assert found.skips == 0


def test_a_probe_before_the_loop_executes_no_iteration() -> None:
    plan = planned(PRELUDE).plan

    assert (plan.mode, plan.segments, plan.prelude, plan.epilogue) == ("prelude", (), True, False)


def test_a_probe_behind_the_loop_executes_no_iteration_but_goes_on_to_the_end() -> None:
    found = planned(EPILOGUE)

    assert (found.plan.mode, found.plan.segments, found.plan.epilogue) == ("epilogue", (), True)
    assert found.skips == 12


def test_no_probe_plans_nothing() -> None:
    found = planned()

    assert (found.plan.mode, found.plan.segments) == ("nothing", ())


def test_verifying_executes_everything() -> None:
    found = planned(verify=True)

    assert (found.plan.everything, found.plan.epilogue, found.skips) == (True, True, 0)
    assert executed(found.plan) == [(0, n) for n in range(4)]


@given(st.sets(st.integers(0, 3)))
def test_only_the_iterations_that_are_wanted(wanted: set[int]) -> None:
    plan = planned(OUTER, iterations=frozenset(wanted)).plan

    assert executed(plan) == [(0, n) for n in sorted(wanted)]


@given(turns=st.integers(0, 30), parts=st.integers(1, 40), wanted=st.sets(st.integers(0, 29)))
def test_parts_cover_the_question_once_and_only_once(
    turns: int, parts: int, wanted: set[int]
) -> None:
    process = recorded(one_loop(turns))
    plans = [
        planned(OUTER, EPILOGUE, processes=[process], iterations=frozenset(wanted), part=(n, parts))
        for n in range(1, parts + 1)
    ]

    counts = Counter(one for found in plans for one in executed(found.plan))

    assert counts == Counter((0, n) for n in wanted if n < turns)
    sizes = [len(executed(found.plan)) for found in plans]
    assert max(sizes) - min(sizes) <= 1
    assert [found.plan.epilogue for found in plans] == [False] * (parts - 1) + [True]


def test_an_empty_part_starts_no_iteration() -> None:
    plan = planned(OUTER, part=(5, 5)).plan

    assert (plan.mode, plan.segments) == ("nothing", ())


def test_of_two_main_loops_only_the_one_with_the_probe_is_executed() -> None:
    process = recorded(two_loops())
    plan = planned('    print("warm", warm)', text=TWO_LOOPS, processes=[process]).plan

    assert plan.segments == (Segment(0, 0, 2),)
    plan = planned(OUTER, text=TWO_LOOPS, processes=[process]).plan
    assert plan.segments == (Segment(1, 0, 4),)


def test_between_two_main_loops_no_iteration_is_executed() -> None:
    process = recorded(two_loops())

    plan = planned('print("between")', text=TWO_LOOPS, processes=[process]).plan

    assert (plan.mode, plan.segments, plan.epilogue) == ("epilogue", (), True)


def test_a_killed_run_answers_for_the_iterations_that_it_completed() -> None:
    process = recorded(one_loop(3, ended=False))

    plan = planned(OUTER, EPILOGUE, processes=[process]).plan

    assert (plan.segments, plan.epilogue) == ((Segment(0, 0, 3),), False)


def test_a_run_killed_in_its_second_loop_answers_for_what_lies_between() -> None:
    process = recorded(two_loops(ended=False))

    plan = planned('print("between")', text=TWO_LOOPS, processes=[process]).plan

    assert (plan.mode, plan.segments, plan.epilogue) == ("prelude", (Segment(1, 0, 0),), False)


def test_a_crashed_run_answers_for_the_iteration_that_crashed() -> None:
    process = recorded(one_loop(2, how="raise"))

    assert planned(OUTER, processes=[process], errors_repeat=True).plan.segments == (
        Segment(0, 0, 3),
    )
    assert planned(OUTER, processes=[process]).plan.segments == (Segment(0, 0, 2),)


def test_a_loop_that_was_left_by_an_error_is_left_so_again_to_reach_what_follows() -> None:
    process = recorded(one_loop(2, how="raise"))

    plan = planned(EPILOGUE, processes=[process]).plan

    assert (plan.mode, plan.segments, plan.epilogue) == ("epilogue", (Segment(0, 2, 3),), True)
    both = planned(OUTER, EPILOGUE, processes=[process], errors_repeat=True).plan
    assert both.segments == (Segment(0, 0, 3),)


def test_of_several_ranks_the_one_that_went_furthest_counts() -> None:
    ranks = [recorded(one_loop(n, ended=n != 2), rank=n, pid=n + 100) for n in (1, 4, 2)]

    found = planned(OUTER, processes=ranks)

    assert (found.plan.segments, found.plan.epilogue) == ((Segment(0, 0, 4),), False)


def test_of_several_scripts_each_is_asked_for_its_own() -> None:
    other = [*source(SCRIPT, "longer.py"), *main_loop("epoch", 9, path="longer.py"), END]
    processes = [recorded(one_loop()), recorded(other, pid=101, script="longer.py")]

    found = planned(OUTER, processes=processes)

    assert found.plan.segments == (Segment(0, 0, 4),)


def test_a_run_without_a_main_loop_is_executed_in_full() -> None:
    process = recorded([*source("x = 1\ny = 2\n"), log([], ("print", "done")), END])

    found = planned("x = 1", text="x = 1\ny = 2\n", processes=[process])

    assert (found.plan.mode, found.plan.segments, found.plan.prelude) == ("full", (), True)


def test_a_main_loop_that_no_source_shows_makes_everything_run() -> None:
    process = recorded([*source("x = 1\ny = 2\n"), *main_loop("loop", 3, path=""), END])

    plan = planned("x = 1", text="x = 1\ny = 2\n", processes=[process]).plan

    assert plan.everything
    assert executed(plan) == [(0, n) for n in range(3)]


@pytest.mark.parametrize(("wanted", "seconds"), [({0}, 3.4), ({0, 1, 2, 3}, 3.55), (set(), 3.3)])
def test_the_estimate_counts_what_is_executed(wanted: set[int], seconds: float) -> None:
    found = planned(OUTER, iterations=frozenset(wanted))

    assert found.estimate_s == pytest.approx(seconds, abs=READING_S)
    assert found.full_run_s == 20.0


def test_stepping_in_costs_what_the_iterations_cost() -> None:
    assert planned(INNER, iterations=frozenset({1, 2})).estimate_s == pytest.approx(
        7.35, abs=READING_S
    )


def test_a_main_loop_that_is_nested_in_itself_is_stepped_into() -> None:
    text = """\
def train(rows):
    for turn in range(2):
        if rows:
            train(rows - 1)
        loss.backward()
train(1)
"""
    probed = text.replace(
        "        loss.backward()\n", "        loss.backward()\n        print(turn)\n"
    )
    records = main_loop("turn", 2, path="train.py", ordinal=0, nested=("turn", 0, 1))
    process = recorded([*source(text), *records, END])
    run = Run("r", [process], 20.0)

    plan = make_plan(run, Question({"train.py": compare("train.py", text, probed)})).plan

    assert plan.step == {("train.py", 0)}


def test_a_probe_that_asks_what_a_library_counted_has_everything_executed() -> None:
    text = SCRIPT.replace("import torch\n", "import torch, somewhere as s\n")
    moved = {"kind": "warning", "code": "library-moved", "text": "…", "name": "somewhere.calls"}
    process = recorded([*source(text), *main_loop("epoch", 4, nested=("step", 1, 3)), moved, END])
    run = Run("r", [process], 20.0)

    def plan(probe: str) -> Plan:
        present = text.replace(OUTER, f"{OUTER}\n    {probe}")
        return make_plan(run, Question({"train.py": compare("train.py", text, present)})).plan

    assert (plan("print(s.calls)").everything, plan("print(s.calls)").files) == (True, True)
    assert (plan("print(epoch)").everything, plan("print(epoch)").files) == (False, False)


@pytest.mark.parametrize(
    ("left", "kept", "rewrites"),
    [
        ([10, 7], {"a.csv": True}, False),
        (None, {"a.csv": False}, False),
        ([10, 7], {}, True),
        (False, {}, True),
    ],
    ids=["as it was", "gone since it was read", "changed", "written again"],
)
def test_a_file_that_is_read_behind_the_loop_is_written_again_where_it_is_not_as_the_loop_left_it(
    left: Any, kept: dict[str, bool], rewrites: bool
) -> None:
    files = {"kind": "files", "read": [], "written": ["a.csv"], "behind": [[0, "a.csv"]]}
    ends = {"kind": "left", "main": 0, "files": {"a.csv": left}}
    run = Run("r", [recorded([*one_loop()[:-1], files, ends, END])], 20.0, left={0: kept})

    def plan(anchor: str) -> Plan:
        present = SCRIPT.replace(anchor, f"{anchor}\n{PROBE}")
        return make_plan(run, Question({"train.py": compare("train.py", SCRIPT, present)})).plan

    assert plan(EPILOGUE).files == rewrites
    assert plan(EPILOGUE).left == ({} if rewrites else {0: kept})
    assert not plan("torch.manual_seed(0)").files


def test_what_dropped_checkpoints_led_to_is_executed_on_the_way() -> None:
    files = [f"checkpoints/00000{n}.000000.m0.safetensors" for n in (2, 3)]
    files.append("checkpoints/000001.000003.m0.safetensors")  # the end of the loop in epoch 1
    gone = [{"kind": "dropped", "file": file} for file in files]
    process = recorded([*one_loop()[:-1], *gone, END])

    alone, whole = (
        planned(OUTER, processes=[process], iterations=wanted) for wanted in (frozenset({3}), None)
    )

    # Epoch 3 is reached from the boundary of epoch 1, whose nested loop is executed.
    assert (alone.skips, alone.estimate_s) == (12 - 3, pytest.approx(5.45, abs=READING_S))
    assert (whole.skips, whole.estimate_s) == (12 - 3, pytest.approx(5.5, abs=READING_S))
