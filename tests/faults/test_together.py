"""Runs that are recorded at the same time under one name, and processes of one run."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest

from tests.faults.reading import read_back
from tests.faults.training import DENSE, Training

pytestmark = pytest.mark.process

EPOCHS, SIZE = 6, 200_000


def test_recorders_of_one_name_do_not_meet(training: Training) -> None:
    plain = training.plain(EPOCHS, SIZE)
    words = training.recording(EPOCHS, SIZE)

    with ExitStack() as stack:
        processes = [stack.enter_context(training.started(words)) for _ in range(3)]
        printed = [process.communicate(timeout=60)[0] for process in processes]

    assert printed == [plain.stdout] * 3
    runs = training.runs()
    assert len(runs) == 3
    for run in runs:
        found = read_back(run)
        assert len(found.checkpoints) > EPOCHS
        assert found.journalled == found.checkpoints
        assert len(found.kinds("iteration")) == EPOCHS
    assert training.ask("train@2").status == "verified"


def test_processes_of_one_run_have_journals_and_checkpoints_of_their_own(
    training: Training,
) -> None:
    both = f"{sys.executable} train.py {EPOCHS} {SIZE} > a & {sys.executable} train.py 5 999 & wait"
    words = [sys.executable, "-m", "florctl", "record", *DENSE, "--name", "two"]

    with training.started([*words, "--", "sh", "-c", both]) as process:
        printed, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert printed == training.plain(5, 999).stdout
    assert (training.folder / "a").read_text() == training.plain(EPOCHS, SIZE).stdout
    found = training.read_back()
    assert found.journalled == found.checkpoints
    assert len({name.rpartition("/")[0] for name in found.checkpoints}) == 2
    assert len(found.kinds("iteration")) == EPOCHS + 5
    assert len(found.kinds("process")) == len(found.kinds("end")) == 2
