"""Which checkpoints a plan needs: its way in, what it passes by, what it is held against, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from florlib.ground.plan import Plan, Segment
from florlib.hindsight.needed import needed_checkpoints
from tests.runs import boundary, main_loop, one_loop, recorded, source, two_loops

STEP = frozenset({("train.py", 1)})


def needed(records: list[Any], **plan: Any) -> list[str]:
    """The files without folder and ending: iteration, turn, main loop."""
    files = needed_checkpoints([recorded(records)], Plan("r", "outer", **plan))
    return sorted(file[len("checkpoints/") : -len(".safetensors")] for file in files)


def boundaries(*indices: int, main: int = 0) -> list[str]:
    return [f"{index:06d}.000000.m{main}" for index in indices]


def blocks(*indices: int, main: int = 0) -> list[str]:
    return [f"{index:06d}.000003.m{main}" for index in indices]


def test_one_iteration_needs_its_boundaries_and_the_end_of_what_it_skips() -> None:
    found = needed(one_loop(), segments=(Segment(0, 2, 3),))

    assert found == sorted([*boundaries(0, 2, 3), *blocks(2)])


def test_an_iteration_that_is_stepped_into_needs_no_end_of_its_loop() -> None:
    found = needed(one_loop(), segments=(Segment(0, 2, 3),), step=STEP)

    assert found == boundaries(0, 2, 3)


def test_what_lies_behind_needs_the_last_boundary() -> None:
    assert needed(one_loop(), epilogue=True) == boundaries(0, 4)
    assert needed(one_loop(), segments=(Segment(0, 1, 2),), epilogue=True) == sorted(
        [*boundaries(0, 1, 2, 4), *blocks(1)]
    )


def test_what_lies_before_needs_the_start_alone() -> None:
    assert needed(one_loop(), prelude=True) == boundaries(0)
    assert needed(one_loop()) == []


def test_a_loop_that_was_left_needs_its_last_turn() -> None:
    found = needed(one_loop(how="raise"), epilogue=True)

    assert found == sorted([*boundaries(0, 3, 4), *blocks(3)])


def test_an_earlier_main_loop_is_passed_by_its_end() -> None:
    found = needed(two_loops(), segments=(Segment(1, 1, 2),))

    assert found == sorted([*boundaries(0, 2), *boundaries(0, 1, 2, main=1), *blocks(1, main=1)])


@pytest.mark.parametrize("changes", [{"files": True}, {"carries": ("best",)}])
def test_where_no_iteration_is_jumped_over_all_before_it_are_passed(changes: Any) -> None:
    found = needed(one_loop(), segments=(Segment(0, 2, 3),), **changes)

    assert found == sorted([*boundaries(0, 1, 2, 3), *blocks(0, 1, 2)])


def test_what_is_executed_anew_is_held_against_boundaries() -> None:
    found = needed(one_loop(), segments=(Segment(0, 0, 4),), anew=True, everything=True)

    assert found == boundaries(0, 1, 2, 3, 4)


def test_a_boundary_that_is_not_whole_is_no_way_in() -> None:
    records = [
        {**one, "complete": False} if one["kind"] == "checkpoint" and one["index"] == 2 else one
        for one in one_loop()
    ]

    found = needed(records, segments=(Segment(0, 2, 3),), step=STEP)

    assert found == sorted([*boundaries(0, 1, 2, 3), *blocks(1)])


def test_ranks_go_on_from_where_all_can() -> None:
    mains = main_loop("epoch", 4)
    first = recorded([*source(""), *mains])
    second = recorded([*source(""), *(one for one in mains if one.get("index") != 3)], rank=1)

    found = needed_checkpoints([first, second], Plan("r", "outer", (Segment(0, 3, 4),)))

    assert boundary("epoch", 0, 2)["file"] in found


def test_parts_of_an_iteration_begin_at_its_steps() -> None:
    process = recorded(one_loop())
    ((key, block),) = ((k, b) for k, b in process.mains[0].blocks.items() if k[0][0][1] == 2)
    assert block.checkpoint is not None
    block.steps = {1: replace(block.checkpoint, file="step")}
    part = Segment(0, 2, 3, (1, 3))
    plan = Plan("r", "inner", (Segment(0, 2, 3),), parts=(part,), step=STEP)

    found = needed_checkpoints([process], plan)

    assert {"step", block.checkpoint.file} <= found
    assert key in process.mains[0].blocks
