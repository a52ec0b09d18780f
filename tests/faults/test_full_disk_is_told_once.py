"""A disk that stays full is told once, not once a checkpoint."""

from __future__ import annotations

import pytest

from tests.faults.faults import CHECKPOINTS, WRITES, Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process


def test_a_disk_that_stays_full_is_told_once(training: Training) -> None:
    ran = training.record(10, 200_000, rules=[Rule(WRITES, CHECKPOINTS, space=10_000)])

    assert ran.stderr.count("No space left on device") == 1
    assert len(training.read_back().degraded()) == 1
