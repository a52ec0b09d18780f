"""Scripts that end while a checkpoint is being written, each in its own way."""

from __future__ import annotations

import pytest

from tests.faults.faults import CHECKPOINTS, JOURNAL, Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process

EPOCHS, SIZE = 4, 300_000
SLOW = Rule(("fsync", "fdatasync"), CHECKPOINTS, 4, pause_s=0.1)


@pytest.mark.parametrize(("ending", "status"), [("end", 0), ("exit", 4), ("raise", 1)])
def test_what_is_in_flight_is_published(ending: str, status: int, training: Training) -> None:
    plain = training.plain(EPOCHS, SIZE, ending)

    ran = training.record(EPOCHS, SIZE, ending, rules=[SLOW])

    assert (plain.status, ran.status) == (status, status)
    assert ran.stdout == plain.stdout
    assert plain.stderr in ran.stderr
    assert training.hits()
    found = training.read_back()
    assert f"checkpoints/{EPOCHS:06d}.000000.safetensors" in found.checkpoints
    assert found.journalled == found.checkpoints
    assert (found.orphans, found.torn_bytes) == ([], 0)
    assert len(found.kinds("end")) == 1


def test_what_is_in_flight_is_lost_with_a_process_that_goes_at_once(training: Training) -> None:
    plain = training.plain(EPOCHS, SIZE, "_exit")

    ran = training.record(EPOCHS, SIZE, "_exit", rules=[SLOW])

    assert (plain.status, ran.status, ran.stdout) == (3, 3, plain.stdout)
    found = training.read_back()
    assert len(found.checkpoints) >= 3
    assert len(found.kinds("end")) == 0
    answer = training.ask()
    assert answer.status in ("verified", "unverified")
    assert set(answer.values) <= set(training.truth(EPOCHS, SIZE, "_exit"))


@pytest.mark.parametrize("under", [JOURNAL, CHECKPOINTS])
def test_a_last_write_that_fails_changes_nothing_of_the_end(under: str, training: Training) -> None:
    plain = training.plain(EPOCHS, SIZE, "exit")

    ran = training.record(
        EPOCHS, SIZE, "exit", rules=[Rule(("fsync", "write"), under, 6, error="EIO")]
    )

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout) == (4, plain.stdout)
    assert training.hits()
    found = training.read_back()
    assert (found.orphans, found.torn_bytes) == ([], 0)
