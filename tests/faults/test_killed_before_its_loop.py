"""A run killed before its main loop came into the journal did not diverge."""

from __future__ import annotations

import pytest

from tests.faults.faults import JOURNAL, WRITES, Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process


def test_a_run_killed_before_its_loop_was_journalled_has_not_diverged(training: Training) -> None:
    training.record(10, 200_000, rules=[Rule(WRITES, JOURNAL, 3, 1, kill="before")])

    assert training.read_back().kinds("enter") == []
    answer = training.ask()
    assert answer.status != "diverged", answer.stderr
