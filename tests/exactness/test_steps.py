"""`--steps`: the turns that were asked for, entered in the middle of their loop, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exactness.cases import load_case
from tests.exactness.harness import record, replay

pytestmark = pytest.mark.process

SCRIPTS = Path(__file__).with_name("steps")
TURNS = 5  # of each nested loop in these scripts


def of(epochs: range, steps: range):
    """Whether the n-th value of a probe in a loop of TURNS turns was asked for."""
    return lambda number: number // TURNS in epochs and number % TURNS in steps


def test_loops_of_all_shapes_are_entered_in_their_middle(tmp_path: Path) -> None:
    recording = record(load_case(SCRIPTS / "shapes.py"), tmp_path)

    # The iteration, two turns of five loops, four of the one that is gone through from its start.
    outcome = replay(
        recording,
        "inner",
        "--epochs=1",
        "--steps=2:4",
        asked=of(range(1, 2), range(2, 4)),
    )

    assert outcome.problems == []
