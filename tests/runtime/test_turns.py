"""What is told of the turns of a main loop, and when. Time is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from florlib.runtime import turns as turns_module
from florlib.runtime.budget import Budget
from florlib.runtime.pace import Pace
from florlib.runtime.project import Project
from florlib.runtime.session import Session
from florlib.runtime.sources import Sources
from florlib.runtime.turns import TELL_EVERY_S, MainTurns
from tests.runtime.programs import Program


@dataclass
class Files:
    """Stands for the watch over files: counts how often it looks for open ones."""

    writes: int = 0
    looks: int = 0

    def hold_open(self) -> None:
        self.looks += 1

    def news(self) -> None:
        return None


class Loop:
    """A main loop in made-up time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, share: float = 0.01) -> None:
        monkeypatch.setattr(turns_module, "now_s", lambda: self.now)
        self.now = 0.0
        project = Project.at(str(folder))
        self.session = Session(project, Sources(project))
        self.files = Files()
        self.session.files = self.files  # type: ignore[assignment]
        self.entry = self.session.enter("epoch", None, None, "main")
        self.budget = Budget(share, lambda: 1.0)
        self.budget.begin(0.0)
        self.pace = Pace(self.budget, self.budget.usual("epoch"), 0.0)
        self.taken: list[int] = []
        session, budget, nothing = self.session, self.budget, lambda: None
        self.turns = MainTurns(
            session, self.entry, 0, self.pace, budget, nothing, self.take, nothing
        )

    def take(self, turn: int) -> None:
        began, self.now = self.now, self.now + 0.0001
        self.budget.spend("boundary", began, 0.0001)
        self.budget.written(self.now, 0.0, True)
        self.taken.append(turn)

    def run(self, count: int, turn_s: float, *, in_turn: Callable[[], None] = lambda: None) -> None:
        """Go on by so many turns."""
        for turn in range(self.entry.index + 1, self.entry.index + count + 1):
            self.now += turn_s
            in_turn()
            if turn >= self.pace.due:
                self.turns.reach(turn)
            self.entry.index = turn

    @property
    def told(self) -> list[dict[str, Any]]:
        """The iteration records."""
        return [one for one in self.session._records if one["kind"] == "iteration"]


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    return Loop(tmp_path, monkeypatch)


def test_long_turns_have_a_record_each(loop: Loop) -> None:
    loop.run(3, 1.0)

    assert [one["index"] for one in loop.told] == [0, 1, 2]
    assert [one["seconds"] for one in loop.told] == pytest.approx([1.0, 1.0, 1.0])
    assert loop.told[2]["position"] == [["epoch", 2]]
    assert all("turns" not in one for one in loop.told)


def test_short_turns_share_records_and_none_is_left_out(loop: Loop) -> None:
    loop.turns.begin()
    loop.budget.cost.mean_s = 1e9  # nothing else is affordable
    loop.run(10_000, 0.0001)
    loop.turns.end(10_000)

    covered = [
        n
        for one in loop.told
        for n in range(one["index"] - one.get("turns", 1) + 1, one["index"] + 1)
    ]
    assert covered == list(range(10_000))
    assert len(loop.told) <= 1.0 / TELL_EVERY_S + 2
    assert sum(one["seconds"] for one in loop.told) == pytest.approx(1.0)


def test_with_a_budget_of_all_the_time_each_turn_is_told_and_each_boundary_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Loop(tmp_path, monkeypatch, share=100.0)
    loop.turns.begin()
    loop.run(20, 1e-6)

    assert loop.taken == list(range(21))
    assert [one["index"] for one in loop.told] == list(range(20))


def test_the_end_of_what_has_a_length_is_reached_and_taken(loop: Loop) -> None:
    loop.turns.begin()
    loop.turns.goes_over(range(5000))
    loop.run(5000, 0.0001)

    assert loop.taken[0] == 0
    assert loop.taken[-1] == 5000
    assert len(loop.taken) < 200


def test_a_turn_that_left_the_loop_is_told_as_such(loop: Loop) -> None:
    loop.turns.begin()
    loop.run(3, 0.001)
    loop.turns.reach(4, left="break")

    assert loop.told[-1]["left"] == "break"
    assert loop.taken[-1] == 4


def test_open_files_are_looked_for_only_after_one_was_opened_for_writing(loop: Loop) -> None:
    def opens() -> None:
        loop.files.writes += 1
        loop.pace.due = 0  # as the watch over files has it

    loop.turns.begin()
    loop.run(1000, 0.001)
    assert loop.files.looks == 1

    loop.run(3, 0.001, in_turn=opens)
    loop.run(1000, 0.001)
    assert loop.files.looks == 4


def test_in_a_forked_child_nothing_is_told_or_taken(loop: Loop) -> None:
    loop.turns.begin()
    loop.session.active = False
    loop.run(3, 1.0)
    loop.turns.end(3)

    assert (loop.taken, loop.told) == ([0], [])


FAST = """\
class Loss:
    def backward(self):
        pass

total = 0
for n in range(30000):
    Loss().backward()
    total += n
print(total)
"""


@pytest.mark.process
def test_a_fast_loop_is_recorded_whole(program: Program) -> None:
    program.budget_share = 0.01
    plain, recorded = program.write({"train.py": FAST}).both("train.py")

    assert (recorded.stdout, recorded.status) == (plain.stdout, 0)
    told = program.kinds("iteration")
    assert sum(one.get("turns", 1) for one in told) == 30_000
    assert told[-1]["index"] == 29_999
    assert program.kinds("exit")[-1]["iterations"] == 30_000
    boundaries = [one["index"] for one in program.kinds("checkpoint")]
    assert boundaries[0] == 0
    assert program.kinds("overhead")[-1]["stall_s"] > 0


FORKING = """\
import os

class Loss:
    def backward(self):
        pass

for epoch in range(4):
    Loss().backward()
    if epoch == 1 and os.fork() == 0:
        forked = True
if "forked" in globals():
    os._exit(0)
os.wait()
"""


@pytest.mark.process
def test_a_child_that_goes_on_with_the_loop_takes_no_checkpoints(program: Program) -> None:
    recorded = program.write({"train.py": FORKING}).run("train.py", hooked=True)

    assert recorded.status == 0, recorded.stderr
    assert [one["index"] for one in program.kinds("checkpoint")] == [0, 1, 2, 3, 4]
    assert len(list(program.run_dir.rglob("*.safetensors"))) == 5
