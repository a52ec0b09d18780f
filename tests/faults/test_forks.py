"""Processes that are forked while a checkpoint is being written: the write stays the parent's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.faults import Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process

SCRIPTS = Path(__file__).parent / "scripts"
# Longer than flor lets a fork wait for a write, so that children are forked beside one.
SLOW = Rule(("fsync", "fdatasync"), ".tmp", pause_s=0.12)


@pytest.mark.parametrize(
    ("script", "arguments"), [("forking.py", (4, 300_000)), ("loading.py", (4,))]
)
def test_children_leave_the_write_alone(
    script: str, arguments: tuple[int, ...], tmp_path: Path, flor_home: Path
) -> None:
    training = Training.begun(tmp_path / "project", flor_home, SCRIPTS / script)
    plain = training.plain(*arguments)

    ran = training.record(*arguments, rules=[SLOW])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout) == (0, plain.stdout)
    assert "warning: flor could not" not in ran.stderr
    found = training.read_back()
    assert len(found.checkpoints) >= arguments[0]
    assert found.journalled == found.checkpoints
    assert (found.orphans, found.torn_bytes) == ([], 0)
    assert len(training.hits()) >= len(found.checkpoints)
    assert len(found.kinds("process")) == len(found.kinds("end")) == 1
