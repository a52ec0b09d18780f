"""What a journal write that failed once was to hold is written with the next."""

from __future__ import annotations

import pytest

from tests.faults.faults import JOURNAL, WRITES, Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process

EPOCHS, SIZE = 10, 200_000


@pytest.mark.parametrize("first", [2, 3, 4, 7, 11])
def test_a_frame_that_fails_once_is_written_with_the_next(first: int, training: Training) -> None:
    rules = [
        Rule(WRITES, JOURNAL, first, 1, short=True),
        Rule(WRITES, JOURNAL, first + 1, 1, error="EIO"),
    ]

    training.record(EPOCHS, SIZE, rules=rules)

    found = training.read_back()
    assert len(found.kinds("iteration")) == EPOCHS
    answer = training.ask()
    assert "Traceback" not in answer.stderr
    assert answer.status == "verified"
    assert answer.values == training.truth(EPOCHS, SIZE)
