"""Signals to a recorded script at any moment, again and again: `python -m tests.faults`.

A seed says which: it kills itself before or behind one of the calls that flor makes to the file
system; or it is killed from outside after a while, or `flor record` is, or both; or it is
interrupted, which it catches.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.faults import CHANGES, Rule
from tests.faults.training import SCRIPT, Ended, Training, ended, is_subsequence
from tests.runner import FlorAt, FlorRunner

EPOCHS = 12
SIZES = (400_000, 400_000, 400_000, 6_000_000)
CALLS = 300  # the recording makes about so many before it ends
LONGEST_S = 0.6  # and takes about so long behind its first iteration
Arguments = tuple[int, int]
INTERRUPTED = "interrupted"
SCRIPTS = SCRIPT.parent


@dataclass(frozen=True)
class Kill:
    """What one signal left.

    Attributes:
        how: in words.
        early: the process had not, or may not have come to its end.
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


def killed(seed: int, folder: Path, flor_at: FlorAt = FlorRunner) -> Kill:
    """Record a script, send the signal, and read back and replay what is there.

    Raises:
        FlorError, AssertionError: something published is not whole, or a value is wrong.
    """
    chance = random.Random(seed)
    way = WAYS[seed % len(WAYS)]
    training = Training.begun(folder / "project", folder / "home", SCRIPTS / way.script, flor_at)
    arguments = (EPOCHS, SIZES[seed % len(SIZES)])
    how, end = way.send(training, arguments, chance)
    truth = training.truth(*arguments)
    truth.insert(-1, INTERRUPTED)
    lines = end.stdout.splitlines()
    begun = [line for line in lines if line not in truth]  # the signal came within a print
    cut = end.stdout.rpartition("\n")[2:] if way.send is not _interrupted else begun[:1]
    assert set(begun) <= set(cut), (how, lines)
    assert is_subsequence([line for line in lines if line not in begun], truth), (how, lines)
    assert end.status in way.statuses, (how, end)
    found = training.read_back()
    early = end.status != 0 or way.send is _interrupted
    assert early or len(found.kinds("iteration")) == EPOCHS, (how, lines)
    answer = training.ask()
    assert is_subsequence([line for line in answer.values if line not in begun], truth), (
        how,
        answer,
    )
    # Without its loop in the journal there is nothing that a replay can be held against.
    assert answer.status != "diverged" or not found.kinds("enter"), (how, answer)
    return Kill(
        how, early, len(found.checkpoints), len(found.orphans), len(answer.values), answer.status
    )


def _by_a_call(
    training: Training, arguments: Arguments, chance: random.Random
) -> tuple[str, Ended]:
    """The recorded process kills itself at the n-th change that it makes to the run's folder."""
    number, when = chance.randrange(1, CALLS), chance.choice(["before", "after"])
    run = str(training.home / "train")
    end = training.record(*arguments, rules=[Rule(CHANGES, run, number, 1, kill=when)])
    hits = training.hits()
    where = f"{hits[0][1]} of {hits[0][2].name}" if hits else "nothing, it had ended"
    return f"{when} call {number}: {where}", end


def _from_outside(
    training: Training, arguments: Arguments, chance: random.Random
) -> tuple[str, Ended]:
    """Someone kills the script, `flor record`, or both."""
    whom = chance.choice(["the script", "flor record", "both"])

    def kill(process: subprocess.Popen[str]) -> None:
        if whom == "both":
            os.killpg(process.pid, signal.SIGKILL)
        elif whom == "flor record":
            process.kill()
        else:
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)

    return _after_a_while(training, arguments, chance, f"kill of {whom}", kill)


def _interrupted(
    training: Training, arguments: Arguments, chance: random.Random
) -> tuple[str, Ended]:
    """Someone types Ctrl-C."""
    return _after_a_while(
        training, arguments, chance, "interrupt", lambda process: process.send_signal(signal.SIGINT)
    )


def _after_a_while(
    training: Training,
    arguments: Arguments,
    chance: random.Random,
    what: str,
    send: Callable[[subprocess.Popen[str]], None],
) -> tuple[str, Ended]:
    after_s = chance.uniform(0, LONGEST_S)
    with training.started(training.recording(*arguments)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        send(process)
        return f"{what} after {after_s:.3f} s", ended(process, first)


def children(pid: int) -> list[int]:
    """The processes that a process has started, as far as they are there."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


@dataclass(frozen=True)
class Way:
    """A way to send a signal.

    Attributes:
        send: record, send it, and tell how in words, and how that ended.
        script: that is recorded.
        statuses: with which it may end.
    """

    send: Callable[[Training, Arguments, random.Random], tuple[str, Ended]]
    script: str
    statuses: tuple[int, ...]


WAYS = (
    Way(_by_a_call, "train.py", (0, 128 + signal.SIGKILL)),
    Way(_from_outside, "train.py", (0, 128 + signal.SIGKILL, -signal.SIGKILL)),
    # Ctrl-C that comes when the script has ended finds Python, or flor, at their last lines.
    Way(_interrupted, "interrupted.py", (0, 128 + signal.SIGINT, -signal.SIGINT)),
)
