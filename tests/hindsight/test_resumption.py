"""Where an interrupted run goes on, and what its journal says of it then."""

from __future__ import annotations

from typing import Any

from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.resumption import ResumePoint, kept_records, resume_points

Record = dict[str, Any]
PROCESS = {"kind": "process", "pid": 1, "rank": 0, "started": "2026-11-23T02:12:44+00:00"}


def enter(main: int) -> Record:
    return {
        "kind": "enter", "position": [], "loop": f"loop{main}", "role": "main", "path": "a.py",
        "ordinal": main, "line": 1, "length": None, "main": main,
    }  # fmt: skip


def iteration(index: int, main: int = 0) -> Record:
    return {"kind": "iteration", "main": main, "index": index, "position": [], "seconds": 1.0}


def checkpoint(index: int, main: int = 0, role: str = "boundary", **changes: Any) -> Record:
    return {
        "kind": "checkpoint", "file": f"{main}.{index}.{role}", "role": role, "main": main,
        "index": index, "block": None if role == "boundary" else 0, "bytes": 1, "complete": True, "missing": [], **changes,
    }  # fmt: skip


def leave(main: int, how: str = "exhausted") -> Record:
    return {"kind": "exit", "position": [], "loop": f"loop{main}", "role": "main", "how": how,
            "main": main, "iterations": 2}  # fmt: skip


def rows(*names: str) -> Record:
    return {"kind": "log", "rows": list(names)}


def points(*records: Record) -> list[tuple[int, int, bool]]:
    process = RecordedProcess.read([PROCESS, *records])
    assert process is not None
    return [(one.main, one.index, one.is_over) for one in resume_points(process)]


def test_the_newest_complete_boundary_comes_first() -> None:
    records = (
        enter(0), checkpoint(0), iteration(0), checkpoint(1), iteration(1),
        checkpoint(2, complete=False), iteration(2), checkpoint(3, workers=True),
    )  # fmt: skip

    assert points(*records) == [(0, 1, False), (0, 0, False)]


def test_a_loop_that_is_over_is_passed_where_its_end_can_be_restored() -> None:
    first = (enter(0), checkpoint(0), iteration(0), iteration(1), checkpoint(2), leave(0))
    second = (enter(1), checkpoint(0, 1), iteration(0, 1))

    assert points(*first, *second)[:2] == [(1, 0, False), (0, 2, True)]
    assert points(*first[:4], leave(0), *second) == [(0, 0, False)]
    assert points(*first[:5], leave(0, "return"), *second) == [(0, 2, False), (0, 0, False)]


def test_what_happened_later_is_left_out_and_checkpoints_that_were_late_stay() -> None:
    late = [checkpoint(1), checkpoint(0, role="block"), checkpoint(1, role="block"), checkpoint(2)]
    journal = [PROCESS, enter(0), checkpoint(0), iteration(0), rows("later"), iteration(1), *late]

    kept = kept_records(journal, ResumePoint(0, 1, "0.1.boundary"))

    assert kept == [*journal[:4], late[0], late[1]]


def test_behind_a_loop_its_end_stays() -> None:
    journal = [
        PROCESS,
        enter(0),
        iteration(0),
        iteration(1),
        leave(0),
        rows("epilogue"),
        checkpoint(2),
    ]

    kept = kept_records(journal, ResumePoint(0, 2, "0.2.boundary", is_over=True))

    assert kept == [*journal[:5], journal[6]]


def test_iterations_that_share_a_record_are_not_told_apart() -> None:
    journal = [PROCESS, enter(0), {**iteration(3), "turns": 4}]

    assert kept_records(journal, ResumePoint(0, 2, "0.2.boundary")) is None


def within(index: int, block: int, turn: int, loop: str = "step", **changes: Any) -> list[Record]:
    """A step's own record, and its checkpoint's."""
    moment = {"block": block, "loop": loop, "step": turn}
    told = {"seconds": 2.0, "block_s": 1.0, "wrote": False, "drawn_from": None}
    step = {"kind": "step", "position": [["loop0", index]], "main": 0, "index": index}
    file = f"{index}.{block}.{turn}"
    mark = checkpoint(index, role="step", **{**moment, "file": file, **changes})
    return [{**step, **moment, **told}, mark]


def block(index: int, number: int, loop: str, **changes: Any) -> Record:
    """The end of a nested loop."""
    return {
        "kind": "exit", "position": [["loop0", index]], "loop": loop, "role": "nested", "main": 0,
        "how": "exhausted", "iterations": 3, "skippable": True, "path": "a.py", "ordinal": 1,
        "block": number, "index": index, **changes,
    }  # fmt: skip


def steps(*records: Record) -> list[tuple[int, int] | int]:
    process = RecordedProcess.read([PROCESS, enter(0), *records])
    assert process is not None
    return [
        one.index if one.step is None else (one.index, one.step.turn)
        for one in resume_points(process)
    ]


def test_steps_come_before_the_boundary_of_their_iteration() -> None:
    records = [checkpoint(0), *within(0, 0, 2), *within(0, 0, 5), iteration(0)]
    records += [*within(1, 0, 3), checkpoint(1)]

    assert steps(*records) == [(1, 3), 1, (0, 5), (0, 2), 0]


def test_a_step_counts_where_all_on_the_way_to_it_can_be_restored() -> None:
    start, (told, mark) = checkpoint(0), within(0, 1, 2)
    first, end = block(0, 0, "first"), checkpoint(0, role="block", block=0)
    incomplete = checkpoint(0, role="block", block=0, complete=False)
    deep = {**told, "position": [["loop0", 0], ["phase", 1]]}

    assert steps(start, first, end, told, mark) == [(0, 2), 0]
    assert steps(start, first, told, mark) == [0]  # the loop before has no end to restore
    assert steps(start, first, incomplete, told, mark) == [0]
    assert steps(first, end, told, mark) == []  # nor has the iteration a beginning
    assert steps(start, told) == [0]  # it was not published
    assert steps(start, *within(0, 1, 2, workers=True)) == [0]
    assert steps(start, deep, mark) == [0]
    assert steps(start, mark) == [0]  # recorded before steps were told of
    assert steps(start, *within(1, 0, 2), checkpoint(1)) == [0]  # iteration 0 is not told of


def test_what_happened_behind_a_step_is_left_out() -> None:
    early, late, later = within(1, 1, 2), within(1, 1, 4), within(1, 1, 6)
    behind = [checkpoint(1, role="block", block=0), checkpoint(1, role="block", block=1)]
    journal = [PROCESS, enter(0), iteration(0), early[0], rows("before"), late[0], rows("later")]
    journal += [early[1], later[0], late[1], later[1], *behind, checkpoint(1), checkpoint(2)]
    process = RecordedProcess.read(journal)
    assert process is not None
    point = next(one for one in resume_points(process) if one.step and one.step.turn == 4)

    kept = kept_records(journal, point)

    assert kept == [*journal[:6], early[1], late[1], behind[0], checkpoint(1)]
