"""Examples that are killed at any moment and resumed: they come to what an uninterrupted run comes to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.exactness.harness import FLOR, REPOSITORY, Project

EXAMPLES = REPOSITORY / "examples"
DIGITS = {"data/mnist_5k.npz": EXAMPLES / "data" / "mnist_5k.npz"}
SCRIPTS = (
    ("linear.py", "--epochs 6 --batch-size 250"),
    ("plain.py", "--epochs 6 --batch-size 250"),
    ("cnn.py", "--epochs 6 --images 500"),
    ("char_gpt.py", "--max-iters 60 --eval-interval 20 --sample-length 20"),
)
BUDGETS = ("10000%", "50%", "5%")
TIME_LIMIT_S = 300
_NOTHING = "there is nothing to resume"
_TOO_EARLY = ("had not come to its main loop", "no whole checkpoint to go on from")


@dataclass(frozen=True)
class Resumed:
    """What came of a killed run.

    Attributes:
        how: in words: after how long it was killed, and from where it went on.
        values: printed lines that are those of a plain run.
    """

    how: str
    values: int


def resumed(seed: int, folder: Path) -> Resumed:
    """Record an example, kill it, resume it, and hold it against a plain run and against itself.

    Raises:
        AssertionError: it did not come to the same.
    """
    chance = random.Random(seed)
    script, arguments = SCRIPTS[seed % len(SCRIPTS)]
    words = (script, *arguments.split())
    project = Project(folder / "recorded")
    project.create({script: (EXAMPLES / script).read_text("utf-8")}, DIGITS)
    truth, seconds = plain(words)
    after_s = _kill(project, words, chance, seconds)
    where = []
    for _ in range(chance.randrange(3)):  # some are killed again while they go on
        resuming = subprocess.Popen(
            [*FLOR, "resume"], cwd=project.folder, env=project.environment(REPOSITORY),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(chance.uniform(1, seconds))
        _end(resuming)
        where.append("again")
    ran = project.run(*FLOR, "resume", limit_s=TIME_LIMIT_S)
    if any(text in ran.stderr for text in _TOO_EARLY):
        return Resumed(f"killed after {after_s:.1f} s, before there was a checkpoint", 0)
    assert ran.status == 0 or _NOTHING in ran.stderr, ran.stderr
    where += [line.rpartition(") ")[2] for line in ran.stderr.splitlines() if "resuming" in line]
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout)
    assert [row["value"] for row in rows] == truth, (words, where)
    verified = project.run(*FLOR, "replay", "--verify", "--json", limit_s=TIME_LIMIT_S)
    assert verified.status == 0, (words, where, verified.stderr)
    return Resumed(f"{script} killed after {after_s:.1f} s, {', '.join(where)}", len(rows))


@cache
def plain(words: tuple[str, ...]) -> tuple[list[str], float]:
    """What an example prints by itself, and how long it takes to."""
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, EXAMPLES / words[0], *words[1:]],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout.splitlines(), time.monotonic() - started


def _kill(project: Project, words: tuple[str, ...], chance: random.Random, seconds: float) -> float:
    """Record and kill after a while."""
    command = [*FLOR, "record", "--budget", chance.choice(BUDGETS), *words]
    recording = subprocess.Popen(
        command, cwd=project.folder, env=project.environment(REPOSITORY),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    after_s = chance.uniform(1, 1.5 * seconds + 2)
    time.sleep(after_s)
    _end(recording)
    return after_s


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
