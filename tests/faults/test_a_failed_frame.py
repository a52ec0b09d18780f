"""One journal write that fails and would succeed again costs the whole batch. Put below tests/faults/."""

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
    assert len(found.kinds("iteration")) == EPOCHS  # 9: the batch is dropped in Session.flush
    answer = training.ask()
    assert "Traceback" not in answer.stderr  # first=3: IndexError in ground/recorded.py _take_exit
    assert (
        answer.status == "verified"
    )  # "diverged" for 4, 7, 11; "recorded no Python process" for 2
    assert answer.values == training.truth(EPOCHS, SIZE)
