"""Whole runs in made-up time: whatever checkpoints cost, their sum stays within the budget."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from florlib.runtime.budget import HEAD_START_S, Budget
from florlib.runtime.pace import Pace

TURN_S: dict[str, Callable[[random.Random, int], float]] = {
    "even": lambda dice, turn: 0.1,
    "fast": lambda dice, turn: 0.0002,
    "slow": lambda dice, turn: 20.0,
    "noisy": lambda dice, turn: dice.uniform(0.05, 0.15),
    "heavy-tailed": lambda dice, turn: 0.05 * dice.paretovariate(1.5),
    "with evaluations": lambda dice, turn: 2.0 if turn % 50 == 0 else 0.1,
    "getting slower": lambda dice, turn: 0.05 + turn * 1e-5,
}


@dataclass
class Costs:
    """What checkpoints really cost.

    Attributes:
        stall_s: of one, by its number.
        write_s: how long the writer is at it.
        loss: of training speed meanwhile; the writer's processor time is the same.
    """

    stall_s: Callable[[int], float]
    write_s: float = 0.0
    loss: float = 0.0


COSTS = {
    "tiny": Costs(lambda n: 0.0004, 0.002, 0.05),
    "58 MB": Costs(lambda n: 0.005, 0.05, 0.02),
    "1.3 GB on a slow disk": Costs(lambda n: 0.08, 8.0, 0.05),
    "a dear writer": Costs(lambda n: 0.002, 0.5, 0.5),
    "a dear first": Costs(lambda n: 0.005 if n else 2.0, 0.05, 0.1),
    "now and then dear": Costs(lambda n: 0.3 if n % 20 == 10 else 0.003, 0.05, 0.1),
    "growing": Costs(lambda n: 0.001 * (n + 1), 0.05, 0.1),
}


@dataclass
class Trainer:
    """A main loop in made-up time, with a writer beside it."""

    budget: Budget
    costs: Costs
    now: float = 0.0
    write_until_s: float = 0.0
    writing: bool = False
    clock_s: float = 0.0
    plain_s: float = 0.0
    spent_s: list[float] = field(default_factory=list)  # by checkpoint
    ends: set[int] = field(default_factory=set)  # iterations whose nested loop's end was taken
    starts: set[int] = field(default_factory=set)  # iterations with a boundary before them

    def run(
        self,
        turn_s: Callable[[random.Random, int], float],
        seconds: float,
        role: str = "boundary",
    ) -> None:
        """Go through one loop for so long, with checkpoints between its turns."""
        dice = random.Random(7)
        self.budget.begin(self.now)
        pace = Pace(self.budget, self.budget.usual("epoch"), self.now)
        self.take("boundary")
        turn = 0
        while self.now < seconds:
            self.train(turn_s(dice, turn))
            turn += 1
            if turn >= pace.due:
                pace.passed(turn, self.now)
                if not self.writing and self.budget.wants(role, self.now):
                    self.take(role)
        self.budget.end(self.now)

    def run_nested(self, iterations: int, loop_s: float, behind_s: float) -> None:
        """Go through a main loop that holds a nested one, and evaluates behind it."""
        dice = random.Random(7)
        self.budget.begin(self.now)
        self.take("boundary")
        self.starts.add(0)
        for index in range(iterations):
            for _ in range(20):
                self.train(dice.uniform(0.9, 1.1) * loop_s / 20)
            ends = not self.writing and self.budget.wants("block", self.now)
            if ends:
                self.take("block")
                self.ends.add(index)
            self.budget.block_ended(taken=ends)
            for _ in range(5):
                self.train(dice.uniform(0.9, 1.1) * behind_s / 5)
            if not self.writing and self.budget.wants("boundary", self.now):
                self.take("boundary")
                self.starts.add(index + 1)
        self.budget.end(self.now)

    def executed_before(self, index: int) -> int:
        """Nested loops that are executed on the way to an iteration, from the boundary before."""
        start = max(one for one in self.starts if one <= index)
        return sum(one not in self.ends for one in range(start, index))

    def train(self, work_s: float) -> None:
        """One turn: while the writer is at work, it goes on more slowly."""
        left_s = max(0.0, self.write_until_s - self.now)
        slowed_s = min(left_s * self.costs.loss, work_s * self.costs.loss / (1 - self.costs.loss))
        self.now += work_s + slowed_s
        self.plain_s += work_s
        self.spent_s[-1] += slowed_s
        if self.writing and self.now >= self.write_until_s:
            self.writing = False
            self.clock_s += self.costs.write_s * self.costs.loss
            self.budget.written(self.write_until_s, self.clock_s, True)

    def take(self, role: str) -> None:
        stall_s = self.costs.stall_s(len(self.spent_s))
        began, self.now = self.now, self.now + stall_s
        self.budget.spend(role, began, stall_s)
        self.spent_s.append(stall_s)
        self.writing, self.write_until_s = True, self.now + self.costs.write_s


@pytest.mark.parametrize("turns", TURN_S)
@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("share", [0.002, 0.01, 0.1])
def test_the_sum_of_costs_stays_below_the_share_of_training(
    turns: str, kind: str, share: float
) -> None:
    budget = Budget(share, lambda: 1.0)
    trainer = Trainer(budget, COSTS[kind])

    trainer.run(TURN_S[turns], 10.0 if turns == "fast" else 600.0)

    others = trainer.spent_s[1:]
    allowed_s = share * (trainer.plain_s + HEAD_START_S) + max(others, default=0.0)
    assert sum(others) <= allowed_s
    # The last one may be on its way still.
    assert budget.stall_s + budget.slowed_s >= 0.9 * sum(trainer.spent_s[:-1])


@pytest.mark.parametrize("turns", ["even", "noisy", "with evaluations", "getting slower"])
@pytest.mark.parametrize("kind", ["58 MB", "a dear writer", "growing"])
def test_most_of_a_small_budget_is_used(turns: str, kind: str) -> None:
    trainer = Trainer(Budget(0.002, lambda: 1.0), COSTS[kind])

    trainer.run(TURN_S[turns], 1800.0)

    assert sum(trainer.spent_s[1:]) >= 0.8 * 0.002 * trainer.plain_s


def test_a_script_of_ten_seconds_has_a_checkpoint_every_second_or_so() -> None:
    trainer = Trainer(Budget(0.01, lambda: 1.0), COSTS["58 MB"])

    trainer.run(lambda dice, turn: 1.0, 10.0)

    assert len(trainer.spent_s) == 11


@pytest.mark.parametrize(("kind", "most_s"), [("tiny", 1.1), ("58 MB", 1.1), ("dear", 9.0)])
def test_a_long_epoch_has_positions_inside_and_its_end_stays_affordable(
    kind: str, most_s: float
) -> None:
    costs = {**COSTS, "dear": Costs(lambda n: 0.08, 0.05, 0.02)}
    trainer = Trainer(Budget(0.01, lambda: 1.0), costs[kind])

    trainer.run(lambda dice, turn: 0.02, 200.0, role="step")

    assert 200.0 / len(trainer.spent_s) < most_s
    trainer.budget.begin(trainer.now)
    for role in ("block", "boundary"):
        assert trainer.budget.wants(role, trainer.now)
        trainer.take(role)


@pytest.mark.parametrize("behind", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("affordable", [1.2, 1.6, 2.5])
def test_the_end_of_each_nested_loop_is_taken_where_one_checkpoint_an_iteration_is_affordable(
    affordable: float, behind: float
) -> None:
    trainer = nested(affordable, behind)

    assert trainer.ends == set(range(200))
    assert len(trainer.starts) >= 0.8 * 200 * min(affordable - 1, 1.0)


@pytest.mark.parametrize("behind", [0.05, 0.5])
@pytest.mark.parametrize("affordable", [0.1, 0.3, 0.5, 0.8])
def test_with_less_iterations_are_reached_by_executing_few_nested_loops_and_some_are_skipped(
    affordable: float, behind: float
) -> None:
    trainer = nested(affordable, behind)
    on_the_way = [trainer.executed_before(index) for index in range(200)]

    assert max(on_the_way) <= 2.5 / affordable + 1
    assert len(trainer.ends) >= 0.4 * affordable * 200


def nested(affordable: float, behind: float) -> Trainer:
    """A run of 200 iterations whose budget pays for so many checkpoints in each.

    Args:
        affordable: checkpoints an iteration.
        behind: share of an iteration that is spent behind its nested loop.
    """
    costs = Costs(lambda n: 0.02, 0.05)
    trainer = Trainer(Budget(0.01, lambda: 1.0), costs)
    iteration_s = affordable * 0.02 / 0.01
    trainer.run_nested(200, (1 - behind) * iteration_s, behind * iteration_s)

    assert sum(trainer.spent_s[1:]) <= 0.01 * (trainer.plain_s + HEAD_START_S) + 0.02
    return trainer
