"""Flor 2.5.11, FlorDB 3.4.12 and 4.0.1 beside flor: what recording and answers cost, and what is right.

Each round is one kind of training (nothing random in its course, shuffling, dropout, a scheduler), in
which the plain script and the systems take turns, in random order. All edit the same script as their
README shows it; the questions, a line in the outer loop and one in the inner, are added after the
record. Right is a value that equals, bit for bit, what a plain run of the probed script logs there; one
told twice is right where both are. It installs nothing: each version wants an interpreter of its own.

    python -m venv flor2 && flor2/bin/pip install flordb==2.5.11 ipython     (imported, not declared)
    python -m venv flor3 && flor3/bin/pip install flordb==3.4.12 'pandas<3'  (its merges fail on 3)
    python -m venv flor4 && flor4/bin/pip install flordb==4.0.1
    (each with torch and numpy of the versions that run this)

    python benchmarks/ancestors.py --flor2 flor2/bin/python --flor3 … --flor4 …      some minutes
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from ratios import Interval, machine, table
from systems import (
    PRINTED,
    CannotRun,
    Flor,
    Flor2,
    FlorDb3,
    FlorDb4,
    Project,
    System,
    Values,
    edited,
    printed,
)

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "scripts" / "compared.py"
CASES = {
    "neither": "False, 0.0, False",
    "shuffling": "True, 0.0, False",
    "dropout": "False, 0.2, False",
    "scheduler": "False, 0.0, True",
}


@dataclass
class Trial:
    """What one system did in one round.

    Attributes:
        seconds: of "record" and of the answers, by question.
        told: by question.
        failures: why there is none, by the same names.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    told: dict[str, Values] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System, project: Project) -> Trial:
        """Record, and answer both questions."""
        trial = cls()
        project.prepare(system.branch, system.edits)
        with trial._timed("record"):
            system.record(project)
        for question in PRINTED if "record" in trial.seconds else ():
            project.ask([system.probes[question]])
            with trial._timed(question):
                trial.told[question] = system.replay(project, question)
        return trial

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except CannotRun as error:
            self.failures[what] = str(error)
        else:
            self.seconds[what] = time.perf_counter() - started


@dataclass
class Round:
    """One kind of training, gone through by all.

    Attributes:
        seconds: of the plain run.
        truth: what it logs, by question.
        trials: by system.
    """

    case: str
    seconds: float = 0.0
    truth: dict[str, Values] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)

    def ratio(self, system: str, what: str) -> float | None:
        """What it took, in plain runs."""
        seconds = self.trials[system].seconds.get(what)
        return None if seconds is None else seconds / self.seconds

    def told(self) -> str:
        """What each system has told right, in a line."""
        shares = [
            f"{name} {question} {self.share(name, question)}"
            for name in self.trials
            for question in PRINTED
        ]
        return ", ".join(shares)

    def share(self, system: str, question: str) -> str:
        """How many of the values that the plain run logs it has told right."""
        told, right = self.trials[system].told.get(question), self.truth[question]
        if told is None:
            return "fails"
        same = sum(told.get(place) == values for place, values in right.items())
        return f"{same} of {len(right)}"


def rerun(project: Project) -> tuple[float, dict[str, Values]]:
    """Seconds of a plain run of the probed script, and what the added lines log there."""
    project.prepare("main", list(PRINTED.values()))
    started = time.perf_counter()
    out = project.run("train.py")
    seconds = time.perf_counter() - started
    return seconds, {question: printed(out, question) for question in PRINTED}


def round_of(
    systems: Mapping[System, str], folder: Path, case: str, order: random.Random, epochs: int
) -> Round:
    """Have the plain run and the systems take turns at one kind of training."""
    changes = [
        (f"{CASES['neither']}  #", f"{CASES[case]}  #"),
        ("EPOCHS = 12", f"EPOCHS = {epochs}"),
    ]
    text = edited(SCRIPT.read_text(encoding="utf-8"), changes)
    turns: list[System | None] = [None, *systems]
    order.shuffle(turns)
    found = Round(case)
    for system in turns:
        if system is None:
            found.seconds, found.truth = rerun(Project(folder / "plain", sys.executable, text))
            continue
        project = Project(folder / system.name, systems[system], text)
        trial = found.trials[system.name] = Trial.of(system, project)
        for what, why in trial.failures.items():
            print(f"{system.name}, {what}: {why}", file=sys.stderr)
    shutil.rmtree(folder)
    return found


def rows(rounds: Sequence[Round], systems: Sequence[str]) -> list[Sequence[str]]:
    """What is compared, and a figure for each system."""
    lines: list[Sequence[str]] = []
    for what, words in (
        ("record", "record / plain run"),
        ("outer", "outer line: answer / plain run"),
        ("inner", "inner line: answer / plain run"),
    ):
        ratios = [[one.ratio(name, what) for one in rounds] for name in systems]
        known = [[ratio for ratio in some if ratio is not None] for some in ratios]
        lines.append((words, *(str(Interval.of(some)) if some else "none" for some in known)))
    for question in PRINTED:
        for case in dict.fromkeys(one.case for one in rounds):
            told = [one for one in rounds if one.case == case]
            cells = [
                ", ".join(dict.fromkeys(one.share(name, question) for one in told))
                for name in systems
            ]
            lines.append((f"{question} line, {case}: right values", *cells))
    return lines


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1, help="of each kind of training")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--epochs", type=int, default=12)
    for number, version in (("2", "2.5.11"), ("3", "3.4.12"), ("4", "4.0.1")):
        parser.add_argument(f"--flor{number}", help=f"an interpreter that has {version}")
    parser.add_argument("--markdown", action="store_true", help="a table for results.md")
    asked = parser.parse_args()
    pythons = {Flor2(): asked.flor2, FlorDb3(): asked.flor3, FlorDb4(): asked.flor4}
    systems: dict[System, str] = {Flor(): sys.executable}
    systems |= {one: os.path.abspath(python) for one, python in pythons.items() if python}
    for one, python in systems.items():
        words = [python, "-c", "import torch; print(torch.__version__)"]
        version = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        if version != torch.__version__:
            raise SystemExit(f"{one.name} has torch {version}, and this is {torch.__version__}")
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(asked.cases * asked.rounds):
            order = random.Random(number)
            rounds.append(round_of(systems, Path(folder) / case, case, order, asked.epochs))
            told = rounds[-1].told()
            print(f"round {number + 1}, {case}: {told}", file=sys.stderr)
    names = [one.name for one in systems]
    print(f"{machine()}; {len(rounds)} rounds, {asked.epochs} epochs\n")
    print(table(["", *names], rows(rounds, names), markdown=asked.markdown))


if __name__ == "__main__":
    main()
