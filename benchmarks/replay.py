"""What answers cost: a line in the inner loop by one worker and by two, a line in the outer one.

Each round runs the probed script plainly, and replays the recorded one for each question, in random
order. What comes before the first iteration is taken off both sides of an efficiency; it is what a
replay for a line before the loop takes.

    python benchmarks/replay.py                      about five minutes
    python benchmarks/replay.py --rounds 7 --epochs 60 --markdown
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratios import Interval, machine, table

from florlib.ground.reach import RESTORE_BYTES_S, RESTORE_S
from florlib.ground.recorded import RecordedProcess
from florlib.stores.journal import read_journal

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "scripts" / "replayed.py"
PROBES = {
    "prelude": ("# PRELUDE", 'print("start", net[0].weight.sum().item())'),
    "inner": ("# INNER", 'print("grad", net[0].weight.grad.norm().item())'),
    "outer": ("# OUTER", 'print("norm", net[0].weight.norm().item())'),
}
FULL, PRELUDE, ALONE, SHARED, OUTER = "full", "prelude", "inner, 1", "inner, 2", "outer"
ASKED = {PRELUDE: ("prelude", 1), ALONE: ("inner", 1), SHARED: ("inner", 2), OUTER: ("outer", 1)}


@dataclass(frozen=True)
class Answer:
    """One replay, or a plain run.

    Attributes:
        seconds: of the whole command.
        report: of the replay; nothing of a plain run.
    """

    seconds: float
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Bench:
    """A recorded project."""

    folder: Path
    epochs: int
    environ: Mapping[str, str]

    def record(self, budget: str) -> RecordedProcess:
        """Record the script; what its journal says."""
        self._write(SCRIPT.read_text(encoding="utf-8"))
        self._run("record", "--budget", budget, "train.py", str(self.epochs))
        (journal,) = self.folder.glob("home/*/*/journal.*.flor")
        recorded = RecordedProcess.read(read_journal(journal).records)
        assert recorded is not None
        return recorded

    def ask(self, how: str) -> Answer:
        """Replay for a question, or run the script with the inner line plainly."""
        kind, workers = ASKED.get(how, ("inner", 0))
        place, probe = PROBES[kind]
        self._write(SCRIPT.read_text(encoding="utf-8").replace(place, probe))
        started = time.perf_counter()
        if how == FULL:
            words = [sys.executable, "train.py", str(self.epochs)]
            subprocess.run(
                words, cwd=self.project, env=self.environ, check=True, capture_output=True
            )
            return Answer(time.perf_counter() - started, {})
        told = self._run("replay", "--json", "--workers", str(workers))
        return Answer(time.perf_counter() - started, json.loads(told))

    @property
    def project(self) -> Path:
        """Where the script stands."""
        return self.folder / "project"

    def _write(self, text: str) -> None:
        self.project.mkdir(exist_ok=True)
        (self.project / "train.py").write_text(text, encoding="utf-8")

    def _run(self, *words: str) -> str:
        environ = {**self.environ, "FLOR_HOME": str(self.folder / "home")}
        ran = subprocess.run(
            [sys.executable, "-m", "florctl", *words],
            cwd=self.project,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise SystemExit(f"{ran.stderr}\nflor {' '.join(words)} ended by {ran.returncode}")
        return ran.stdout


def outer_s(recorded: RecordedProcess) -> float:
    """Seconds of all outer bodies and of the restores that stand for the inner loops."""
    (mark,) = recorded.mains
    inner = sum(block.seconds or 0.0 for block in mark.blocks.values())
    ends = [block.checkpoint for block in mark.blocks.values()]
    restores = sum(RESTORE_S + end.bytes / RESTORE_BYTES_S for end in ends if end is not None)
    return sum(mark.seconds.values()) - inner + restores


def rows(rounds: Sequence[Mapping[str, Answer]], recorded: RecordedProcess) -> list[Sequence[str]]:
    """(what, figures round by round, what is to be reached)."""

    def seconds(how: str) -> list[float]:
        return [one[how].seconds for one in rounds]

    def beyond(how: str) -> list[float]:
        return [one[how].seconds - one[PRELUDE].seconds for one in rounds]

    def said(how: str) -> list[float]:
        reports = [one[how].report for one in rounds]
        return [report["seconds"] / report["plan"]["estimate_s"] for report in reports]

    efficiency = [one / (2 * two) for one, two in zip(beyond(ALONE), beyond(SHARED), strict=True)]
    expected = outer_s(recorded)
    outer = [
        whole / (start + expected)
        for whole, start in zip(seconds(OUTER), seconds(PRELUDE), strict=True)
    ]
    shorter = [one / two for one, two in zip(seconds(OUTER), seconds(FULL), strict=True)]
    nested = max(one[OUTER].report["executed"].get("start", 0) for one in rounds)
    return [
        ("a full run of the probed script [s]", str(Interval.of(seconds(FULL))), ""),
        ("a replay for a line before the loop [s]", str(Interval.of(seconds(PRELUDE))), ""),
        ("inner line, 1 worker / full run", str(Interval.of(_over(rounds, ALONE))), ""),
        ("inner line, 2 workers / full run", str(Interval.of(_over(rounds, SHARED))), ""),
        ("inner line, 2 workers: efficiency", str(Interval.of(efficiency)), ">= 0.9"),
        ("outer line / full run", str(Interval.of(shorter)), ""),
        ("outer line / prelude, restores and bodies", str(Interval.of(outer)), "<= 1.2"),
        ("outer line: nested iterations executed", str(nested), "0"),
        ("inner line, 1 worker: seconds / estimate", str(Interval.of(said(ALONE))), "0.7 to 1.3"),
        ("inner line, 2 workers: seconds / estimate", str(Interval.of(said(SHARED))), "0.7 to 1.3"),
        ("outer line: seconds / estimate", str(Interval.of(said(OUTER))), "0.7 to 1.3"),
    ]


def _over(rounds: Sequence[Mapping[str, Answer]], how: str) -> list[float]:
    return [one[how].seconds / one[FULL].seconds for one in rounds]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--budget", default="5%", help="of recording")
    parser.add_argument("--markdown", action="store_true", help="a table for results.md")
    asked = parser.parse_args()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOR_")}
    environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.epochs, environ)
        recorded = bench.record(asked.budget)
        rounds = []
        for number in range(asked.rounds):
            order = [FULL, *ASKED]
            random.Random(number).shuffle(order)
            rounds.append({how: bench.ask(how) for how in order})
            print(f"round {number + 1} of {asked.rounds}", file=sys.stderr)
        found = rows(rounds, recorded)
        shutil.rmtree(bench.project)
    print(f"{machine()}; {asked.rounds} rounds, {asked.epochs} epochs, budget {asked.budget}\n")
    print(table(["replay", "median (95 %)", "to reach"], found, markdown=asked.markdown))


if __name__ == "__main__":
    main()
