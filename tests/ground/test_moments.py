"""Moments of a recorded process: found by words, and where it ended."""

from __future__ import annotations

from typing import Any

import pytest

from florlib.ground.moments import (
    Moment,
    NoSuchMoment,
    find_moment,
    last_moment,
    newest_moment,
)
from florlib.ground.position import Position, parse_position
from florlib.ground.recorded import RecordedProcess


def enter(loop: str, role: str = "main") -> dict[str, Any]:
    return {"kind": "enter", "loop": loop, "role": role, "path": "a.py", "ordinal": 0}


def block(index: int, loop: str, turns: int, how: str = "exhausted") -> dict[str, Any]:
    return {
        "kind": "exit", "role": "nested", "position": [["fold", 1], ["run", index]], "loop": loop,
        "path": "a.py", "ordinal": 1, "iterations": turns, "how": how, "skippable": True,
        "main": 0, "index": index, "block": 0,
    }  # fmt: skip


def turn(index: int) -> dict[str, Any]:
    return {"kind": "iteration", "main": 0, "index": index, "seconds": 1.0}


def boundary(index: int, *, complete: bool = True) -> dict[str, Any]:
    return {
        "kind": "checkpoint", "role": "boundary", "main": 0, "index": index, "block": None,
        "file": f"{index}", "complete": complete, "missing": [], "bytes": 1,
    }  # fmt: skip


def process(*behind: dict[str, Any]) -> RecordedProcess:
    """Two iterations of a loop `run`, the second of three loops `fold`; each with 4 turns of `batch`."""
    records = [{"kind": "process"}, enter("run"), boundary(0), block(0, "batch", 4), turn(0)]
    found = RecordedProcess.read([*records, boundary(1), block(1, "batch", 4), turn(1), *behind])
    assert found is not None
    return found


def ended(how: str) -> dict[str, Any]:
    return {"kind": "exit", "role": "main", "main": 0, "how": how}


def position(words: str) -> Position:
    found = parse_position(words)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("run=1", "run=1"),
        ("epoch=2", "run=2"),
        ("run=1,batch=4", "run=1,batch=4"),
        ("epoch=0,step=3", "run=0,batch=3"),
        ("run=2,batch=7", "run=2,batch=7"),  # was under way, and nobody knows how far it came
    ],
)
def test_words_lead_to_a_moment(words: str, found: str) -> None:
    assert find_moment(process(), position(words)) == Moment(0, position(found))


@pytest.mark.parametrize(
    ("words", "said", "near"),
    [
        ("run=3", "run had 2 iterations", "run=2"),
        ("late=0", "no main loop is called late; there is run", "run=0"),
        ("run=1,batch=5", "batch had 4 turns in run 1", "run=1,batch=4"),
        ("run=1,late=0", "is called late; there is batch", "run=1,batch=0"),
        ("run=1,batch=2,step=0", "is called step; there is none", "run=1,batch=2"),
    ],
)
def test_where_it_did_not_come_a_near_one_is_named(words: str, said: str, near: str) -> None:
    with pytest.raises(NoSuchMoment, match=said) as raised:
        find_moment(process(), position(words))

    assert raised.value.near == position(near)


def test_the_newest_has_a_complete_checkpoint() -> None:
    assert newest_moment(process()).position == position("run=1")
    assert newest_moment(process(boundary(2, complete=False))).position == position("run=1")
    assert newest_moment(process(boundary(2))).position == position("run=2")


def test_an_error_is_followed_inwards() -> None:
    failed = process(block(2, "batch", 3, "raise"), ended("raise"))

    assert last_moment(failed, ()).position == position("run=2,batch=3")


def test_a_killed_process_is_where_it_was_heard_of_last() -> None:
    told = position("fold=1,run=2,batch=1")

    assert last_moment(process(), told).position == position("run=2,batch=1")
    assert last_moment(process(), told[:2]).position == position("run=2")
    assert last_moment(process(), position("fold=1,run=2,check=1")).position == position("run=2")


def test_what_ended_well_ended_behind_its_loop() -> None:
    assert last_moment(process(ended("exhausted")), ()).position == position("run=2")
    assert last_moment(process(ended("return")), ()).position == position("run=1")
