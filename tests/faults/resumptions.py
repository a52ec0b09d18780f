"""Examples that are killed at any moment and resumed: they come to what an uninterrupted run comes to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from florlib.ground.graph import compare_trees
from florlib.ground.recorded import RecordedProcess
from florlib.ground.relocation import Relocation
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal
from tests.exactness.harness import FLOR, REPOSITORY, Project

EXAMPLES = REPOSITORY / "examples"
DIGITS = {"data/mnist_5k.npz": EXAMPLES / "data" / "mnist_5k.npz"}
SCRIPTS = (
    ("linear.py", "--epochs 6 --batch-size 250"),
    ("plain.py", "--epochs 6 --batch-size 250"),
    ("cnn.py", "--epochs 6 --images 500"),
    ("char_gpt.py", "--max-iters 60 --eval-interval 20 --sample-length 20"),
    ("linear.py", "--epochs 1 --batch-size 10"),  # of one long epoch: it goes on within that
)
BUDGETS = ("10000%", "50%", "5%")
TIME_LIMIT_S = 300
_UNSEEDED = {("rng", "random"), ("rng", "numpy")}  # the examples draw from torch's alone
_NOTHING = "there is nothing to resume"
_TOO_EARLY = ("had not come to its main loop", "no whole checkpoint to go on from")


OUTCOMES = ("went on", "went on, killed again", "went on within", "had ended", "too early")


@dataclass(frozen=True)
class Resumed:
    """What came of a killed run.

    Attributes:
        script: which it was.
        outcome: one of OUTCOMES.
        how: in words: after how long it was killed, and from where it went on.
        values: printed lines that are those of a plain run.
        items: of the last recorded state, that are those of an uninterrupted run.
    """

    script: str
    outcome: str
    how: str
    values: int = 0
    items: int = 0


def resumed(seed: int, folder: Path) -> Resumed:
    """Record an example, kill it, resume it, and hold it against a plain run and against itself.

    Raises:
        AssertionError: it did not come to the same.
    """
    chance = random.Random(f"resumption {seed}")
    script, arguments = SCRIPTS[seed % len(SCRIPTS)]
    words = (script, *arguments.split())
    project = Project(folder / "recorded")
    project.create({script: (EXAMPLES / script).read_text("utf-8")}, DIGITS)
    (truth, seconds), uninterrupted = plain(words), recorded(words)
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
        return Resumed(script, "too early", f"killed after {after_s:.1f} s, before a checkpoint")
    assert ran.status == 0 or _NOTHING in ran.stderr, ran.stderr
    where += [line.rpartition(") ")[2] for line in ran.stderr.splitlines() if "resuming" in line]
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout)
    assert [row["value"] for row in rows] == truth, (words, where)
    verified = project.run(*FLOR, "replay", "--verify", "--json", limit_s=TIME_LIMIT_S)
    assert verified.status == 0, (words, where, verified.stderr)
    items = _same_states(project, uninterrupted)
    outcome = "went on" if ran.status == 0 and where else "had ended"
    if "again" in where:
        outcome = "went on, killed again"
    elif where and "=" in where[-1].partition(",")[2]:
        outcome = "went on within"
    how = f"{script} killed after {after_s:.1f} s, {', '.join(where)}"
    return Resumed(script, outcome, how, len(rows), items)


@dataclass(frozen=True)
class Recorded:
    """An example that was recorded without an interruption.

    Attributes:
        project: in which it was.
        folder: what has to live as long.
    """

    project: Project
    folder: tempfile.TemporaryDirectory[str]


@cache
def recorded(words: tuple[str, ...]) -> Recorded:
    """An example, recorded with a checkpoint at each boundary."""
    folder = tempfile.TemporaryDirectory(prefix="uninterrupted-")
    project = Project(Path(folder.name))
    project.create({words[0]: (EXAMPLES / words[0]).read_text("utf-8")}, DIGITS)
    ran = project.run(*FLOR, "record", "--budget", BUDGETS[0], *words, limit_s=TIME_LIMIT_S)
    assert ran.status == 0, ran.stderr
    return Recorded(project, folder)


def _same_states(project: Project, uninterrupted: Recorded) -> int:
    """Hold the last state that a run recorded against that of an uninterrupted one; items that agree."""
    own, whole = _boundaries(project), _boundaries(uninterrupted.project)
    last = max(own)
    ours, theirs = Checkpoint.open(own[last]), Checkpoint.open(whole[last])
    moved = Relocation(((str(uninterrupted.project.folder), str(project.folder)),))
    digests = [{name: one.entry(name).digest for name in one.names} for one in (theirs, ours)]
    comparison = compare_trees(
        theirs.tree, moved.back(ours.tree), (digests[0], digests[1]), ignored=_UNSEEDED.__contains__
    )
    assert not comparison.differences, (last, comparison.differences[:3])
    return comparison.checked


def _boundaries(project: Project) -> dict[int, Path]:
    """The checkpoints of a run by the iteration that follows."""
    (journal,) = (project.root / "home" / ".flor").glob("*/*/journal.*.flor")
    process = RecordedProcess.read(read_journal(journal).records)
    assert process is not None
    return {n: journal.parent / mark.file for n, mark in process.mains[0].boundaries.items()}


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
    began_s = time.monotonic()
    after_s = chance.uniform(0, 1.5 * seconds)
    if chance.random() < 0.9:  # else it may be anywhere, and is mostly before the first checkpoint
        home = project.root / "home" / ".flor"
        while recording.poll() is None and not any(home.glob("*/*/checkpoints/*.safetensors")):
            time.sleep(0.02)
    time.sleep(after_s)
    _end(recording)
    return time.monotonic() - began_s


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
