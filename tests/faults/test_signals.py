"""Signals that come while a checkpoint is being written."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.faults import CHECKPOINTS, WRITES, Rule
from tests.faults.training import Ended, Training, ended

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parent / "scripts" / "signalled.py"
EPOCHS, SIZE, HELD = 6, 100_000, 9  # the write that is held is one of the second or third epoch's
GO_ON_S = 0.2  # behind the second signal the write ends soon


def signalled(
    training: Training, words: list[str], sent: list[signal.Signals], rules: list[Rule]
) -> Ended:
    """Start the script, send it the signals while a write is held, let the write go on."""
    with training.started(words, rules) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "waiting\n":
            assert process.poll() is None
        if rules:
            _wait(Path(str(training.hold) + ".met"), process)
        for number in sent:
            process.send_signal(number)
            time.sleep(GO_ON_S)
        training.hold.touch()
        return ended(process)


def _wait(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize("handling", ["default", "exits", "goes on"])
@pytest.mark.parametrize(
    "sent",
    [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]],
    ids=["SIGTERM", "Ctrl-C", "double Ctrl-C"],
)
def test_the_script_ends_as_without_flor(
    sent: list[signal.Signals], handling: str, tmp_path: Path, flor_home: Path
) -> None:
    training = Training.begun(tmp_path / "project", flor_home, SCRIPT)
    arguments = (EPOCHS, SIZE, handling)
    words = training.recording(*arguments)
    plain = signalled(training, [words[0], "train.py", *map(str, arguments)], sent, [])
    training.hold.unlink()
    held = Rule(WRITES, CHECKPOINTS, HELD, 1, hold=str(training.hold))

    ran = signalled(training, words, sent, [held])

    expected = 128 - plain.status if plain.status < 0 else plain.status
    assert (ran.status, ran.stdout) == (expected, plain.stdout)
    assert len(training.hits()) == 1
    found = training.read_back()
    assert len(found.checkpoints) >= 4
    if handling == "goes on" or (handling == "exits" and len(sent) == 1):
        assert found.orphans == []
        assert found.journalled == found.checkpoints
