"""Kill -9 of a recorded script at any moment, again and again: `python -m tests.faults`.

A seed says how: by its flor itself behind or before one of the calls that it makes to the file
system, or from outside after a while, alone or together with `flor record`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.faults import CHANGES, Rule
from tests.faults.training import Training, is_subsequence

EPOCHS, SIZE = 12, 400_000
CALLS = 300  # the recording makes about so many before it ends
LONGEST_S = 0.6  # and takes about so long behind its first iteration
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


@dataclass(frozen=True)
class Kill:
    """What one kill left.

    Attributes:
        how: in words.
        early: the script had not come to its end.
        checkpoints: published ones, each of which reads back.
        orphans: temporary files.
        values: recorded and replayed lines, each of which is a line of a plain run.
        status: of the replay.
    """

    how: str
    early: bool
    checkpoints: int
    orphans: int
    values: int
    status: str


def killed(seed: int, folder: Path) -> Kill:
    """Record a script, kill it, and read back and replay what is there.

    Raises:
        FlorError, AssertionError: something published is not whole, or a value is wrong.
    """
    chance = random.Random(seed)
    training = Training.begun(folder / "project", folder / "home")
    end = _by_a_call if seed % 2 else _from_outside
    how, status, printed = end(training, chance)
    truth = training.truth(EPOCHS, SIZE)
    assert is_subsequence(printed, truth), how
    assert status in (0, *KILLED), how
    found = training.read_back()
    early = status != 0
    assert early or len(found.kinds("iteration")) == EPOCHS, how
    answer = training.ask()
    assert is_subsequence(answer.values, truth), how
    assert answer.status in ("verified", "unverified", "refused"), (how, answer)
    return Kill(
        how,
        early,
        len(found.checkpoints),
        len(found.orphans),
        len(answer.values),
        answer.status,
    )


def _by_a_call(training: Training, chance: random.Random) -> tuple[str, int, list[str]]:
    """The recorded process kills itself at the n-th change that it makes to the run's folder."""
    number, when = chance.randrange(1, CALLS), chance.choice(["before", "after"])
    run = str(training.home / "train")
    ended = training.record(EPOCHS, SIZE, rules=[Rule(CHANGES, run, number, 1, kill=when)])
    hits = training.hits()
    where = f"{hits[0][1]} of {hits[0][2].name}" if hits else "nothing, it had ended"
    return f"{when} call {number}: {where}", ended.status, ended.stdout.splitlines()


def _from_outside(training: Training, chance: random.Random) -> tuple[str, int, list[str]]:
    """Someone kills it, or all of its group, a while after its first iteration."""
    after_s, group = chance.uniform(0, LONGEST_S), chance.random() < 0.5
    with training.started(training.recording(EPOCHS, SIZE)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            _kill_children(process)
        rest, _ = process.communicate(timeout=60)
    whom = "all" if group else "the script"
    return (
        f"{whom} after {after_s:.3f} s",
        process.returncode,
        [first.rstrip(), *rest.split("\n")[:-1]],
    )


def _kill_children(process: subprocess.Popen[str]) -> None:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for pid in path.read_text().split() if path.exists() else []:
        os.kill(int(pid), signal.SIGKILL)
