"""What `flor record` costs whole scripts, at its default budget: real processes, plain and recorded.

In each round each script runs three times: plainly, plainly again, and recorded. The three take turns
of a quarter of a second (alternation.py), so that all meet the machine's slow moments alike. The ratio is
that of the recorded run to the mean of the plain ones; `A/A` is that of the second plain run to the
first, and its spread is what the ratio cannot resolve.

    python benchmarks/overhead.py                            all scripts, a quarter to half an hour
    python benchmarks/overhead.py --only mlp,gpt --rounds 5 --scale 10
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from alternation import Program, run_by_turns
from ratios import Interval, machine, means, quotients, table

HERE = Path(__file__).resolve().parent
FLOR = (sys.executable, "-m", "florctl")
PLAIN, AGAIN, RECORDED = "plain", "again", "recorded"
# By script, how many epochs take six seconds to twenty on two quiet cores.
EPOCHS = {
    "mlp": 5,
    "resnet": 8,
    "gpt": 5,
    "frozen": 12,
    "short_steps": 8,
    "long_epoch": 5,
    "large_data": 6,
}


@dataclass(frozen=True)
class Ran:
    """One run of a script.

    Attributes:
        loop_s, loop_cpu_s: wall and CPU time around the training loop, taken by the script.
        whole_s: from the start of the process to its end.
        peak_bytes: the largest resident set of any of its processes.
        overhead: the share of the time that flor says it took; 0 for plain runs.
        checkpoints: how many were taken.
        stored_bytes: what they take on the disk.
    """

    loop_s: float
    loop_cpu_s: float
    whole_s: float
    peak_bytes: int
    overhead: float = 0.0
    checkpoints: int = 0
    stored_bytes: int = 0


@dataclass(frozen=True)
class Bench:
    """Runs scripts in a scratch folder.

    Attributes:
        folder: where projects and homes are made; emptied round by round.
        scale: how many times the usual epochs.
        environ: of all runs.
    """

    folder: Path
    scale: float
    environ: Mapping[str, str]

    def run(self, name: str, chance: random.Random) -> dict[str, Ran]:
        """Run a script in each manner, by turns, in projects of their own."""
        programs = {how: self._program(name, how) for how in (PLAIN, AGAIN, RECORDED)}
        try:
            run_by_turns([*programs.values()], chance)
            found = {how: _ran(program) for how, program in programs.items()}
            return {**found, RECORDED: self._told(found[RECORDED])}
        finally:
            for path in self.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _program(self, name: str, how: str) -> Program:
        project = self.folder / how
        project.mkdir(parents=True)
        shutil.copy(HERE / "models.py", project)
        shutil.copy(HERE / "scripts" / f"{name}.py", project / "train.py")
        epochs = str(max(1, round(EPOCHS[name] * self.scale)))
        start = [*FLOR, "record"] if how == RECORDED else [sys.executable]
        return Program([*start, "train.py", epochs], project, self._at_home())

    def _at_home(self) -> dict[str, str]:
        return {**self.environ, "FLOR_HOME": str(self.folder / "home")}

    def _told(self, ran: Ran) -> Ran:
        """The same with what flor tells of it."""
        words, project = [*FLOR, "log", "list", "--json"], self.folder / RECORDED
        listed = subprocess.run(
            words, cwd=project, env=self._at_home(), capture_output=True, check=True
        )
        (run,) = json.loads(listed.stdout)
        return replace(
            ran,
            overhead=run["overhead"] or 0.0,
            checkpoints=run["checkpoints"],
            stored_bytes=run["bytes"],
        )


def _ran(program: Program) -> Ran:
    if program.status:
        told = program.errors.read_text()
        raise SystemExit(f"{told}\n{shlex.join(program.words)} ended by {program.status}")
    last = program.output.read_text().splitlines()[-1].split()
    return Ran(float(last[1]), float(last[2]), program.ran_s, program.peak_bytes)


def measure(bench: Bench, names: Sequence[str], rounds: int) -> dict[str, dict[str, list[Ran]]]:
    """By script and manner, a run for each round.

    Args:
        bench: that runs them.
        names: of scripts.
        rounds: how many.
    """
    found: dict[str, dict[str, list[Ran]]] = {
        name: {how: [] for how in (PLAIN, AGAIN, RECORDED)} for name in names
    }
    for number in range(rounds):
        chance = random.Random(number)
        for name in chance.sample(names, len(names)):
            for how, ran in bench.run(name, chance).items():
                found[name][how].append(ran)
                told = f"round {number + 1} of {rounds}: {name}, {how}: {ran}"
                print(told, file=sys.stderr, flush=True)
    return found


def ratios(runs: Mapping[str, Sequence[Ran]], what: str) -> tuple[list[float], list[float]]:
    """(recorded / plain, A/A) of one attribute, round by round."""
    plain, again, recorded = (
        [getattr(ran, what) for ran in runs[how]] for how in (PLAIN, AGAIN, RECORDED)
    )
    return quotients(recorded, means(plain, again)), quotients(again, plain)


def row(name: str, runs: Mapping[str, Sequence[Ran]]) -> list[str]:
    """What the table says of one script."""
    ratio, control = ratios(runs, "loop_s")
    whole, _ = ratios(runs, "whole_s")
    cpu, _ = ratios(runs, "loop_cpu_s")
    recorded, plain = runs[RECORDED], [*runs[PLAIN], *runs[AGAIN]]

    def middle(values: Sequence[float]) -> float:
        return Interval.of(values).median

    return [
        name,
        f"{middle([ran.loop_s for ran in plain]):.1f} s",
        str(Interval.of(ratio)),
        str(Interval.of(control)),
        f"{middle(cpu):.3f}",
        f"{middle(whole):.3f}",
        f"{middle([ran.overhead for ran in recorded]):.2%}",
        f"{middle([ran.checkpoints for ran in recorded]):.0f}",
        f"{middle([ran.stored_bytes for ran in recorded]) / 1e6:.0f} MB",
        f"{middle([ran.peak_bytes for ran in plain]) / 1e6:.0f} MB",
        f"{middle([ran.peak_bytes for ran in recorded]) / 1e6:.0f} MB",
    ]


HEAD = [
    "script",
    "plain loop",
    "recorded / plain (95 %)",
    "A/A (95 %)",
    "CPU",
    "whole process",
    "flor says",
    "checkpoints",
    "on disk",
    "peak, plain",
    "peak, recorded",
]


def main() -> None:
    """Measure, and print a row for each script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(EPOCHS), help="scripts, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual epochs")
    parser.add_argument("--threads", type=int, help="of torch, by default its own choice")
    parser.add_argument("--folder", help="on the disk to be written to, by default a temporary one")
    parser.add_argument("--markdown", action="store_true", help="a table for results.md")
    asked = parser.parse_args()
    names = asked.only.split(",")
    unknown = set(names) - EPOCHS.keys()
    if unknown:
        parser.error(
            f"no script is named {', '.join(sorted(unknown))}; there are {', '.join(EPOCHS)}"
        )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOR_")}
    environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(HERE.parent), environ.get("PYTHONPATH")])
    )
    if asked.threads:
        torch.set_num_threads(asked.threads)
        environ["OMP_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        bench = Bench(Path(folder), asked.scale, environ)
        found = measure(bench, names, asked.rounds)
    print(f"{machine()}; {asked.rounds} rounds, {asked.scale:g} times the usual epochs\n")
    rows = [row(name, runs) for name, runs in found.items()]
    print(table(HEAD, rows, markdown=asked.markdown))
    both = [ratios(runs, "loop_s") for runs in found.values()]
    ratio, control = (Interval.over(samples) for samples in zip(*both, strict=True))
    print(f"\nmedian over the scripts: recorded / plain {ratio}, A/A {control}")


if __name__ == "__main__":
    main()
