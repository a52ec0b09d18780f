"""What `flor record` costs whole scripts, at its default budget: real processes, plain and recorded.

In each round each script runs three times, in random order: plainly, plainly again, and recorded.
The ratio is that of the recorded run to the mean of the plain ones; `A/A` is that of the second
plain run to the first, and its spread is what the ratio cannot resolve.

Where the machine's pace changes from minute to minute, that spread is wide. With `--beside` two runs
go at the same time, each on a core of its own: plain and plain again, and in another pair plain and
recorded; they change cores from round to round. What the recorder does in the background then takes
its time from the one core that training has.

    python benchmarks/overhead.py                            all scripts, ten minutes to half an hour
    python benchmarks/overhead.py --only mlp,gpt --rounds 20 --scale 10
    python benchmarks/overhead.py --beside --rounds 4        an hour or two
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
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from ratios import Interval, machine, means, quotients, table

HERE = Path(__file__).resolve().parent
PLAIN, AGAIN, RECORDED = "plain", "again", "recorded"
BESIDE = "plain, beside it"
SINGLY = ((PLAIN,), (AGAIN,), (RECORDED,))
IN_PAIRS = ((PLAIN, AGAIN), (BESIDE, RECORDED))
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
        folder: where projects and homes are made; removed run by run.
        scale: how many times the usual epochs.
        environ: of all runs.
    """

    folder: Path
    scale: float
    environ: Mapping[str, str]

    def run(self, name: str, how: str) -> Ran:
        """Run a script once, in a project of its own."""
        project, home = self.folder / "project", self.folder / "home"
        project.mkdir(parents=True)
        shutil.copy(HERE / "models.py", project)
        shutil.copy(HERE / "scripts" / f"{name}.py", project / "train.py")
        epochs = str(max(1, round(EPOCHS[name] * self.scale)))
        flor = [sys.executable, "-m", "florctl"]
        start = [*flor, "record"] if how == RECORDED else [sys.executable]
        environ = {**self.environ, "FLOR_HOME": str(home)}
        try:
            ran = _timed([*start, "train.py", epochs], project, environ)
            return _told(ran, flor, project, environ) if how == RECORDED else ran
        finally:
            shutil.rmtree(project)
            shutil.rmtree(home, ignore_errors=True)

    def run_on(self, core: int, name: str, how: str) -> Ran:
        """Run a script on one core, in a folder that no other core's run uses."""
        os.sched_setaffinity(0, {core})  # of this thread, and of what it starts
        return replace(self, folder=self.folder / str(core)).run(name, how)


def _timed(words: Sequence[str], project: Path, environ: Mapping[str, str]) -> Ran:
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(words, cwd=project, env=environ, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        whole_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{errors.read()}\n{shlex.join(words)} ended by {process.returncode}")
        output.seek(0)
        last = output.read().splitlines()[-1].split()
    return Ran(float(last[1]), float(last[2]), whole_s, usage.ru_maxrss * 1024)


def _told(ran: Ran, flor: Sequence[str], project: Path, environ: Mapping[str, str]) -> Ran:
    """The same with what flor tells of it."""
    words = [*flor, "log", "list", "--json"]
    listed = subprocess.run(words, cwd=project, env=environ, capture_output=True, check=True)
    (run,) = json.loads(listed.stdout)
    return Ran(
        ran.loop_s,
        ran.loop_cpu_s,
        ran.whole_s,
        ran.peak_bytes,
        run["overhead"] or 0.0,
        run["checkpoints"],
        run["bytes"],
    )


def measure(
    bench: Bench, names: Sequence[str], rounds: int, groups: Sequence[Sequence[str]]
) -> dict[str, dict[str, list[Ran]]]:
    """By script and manner, a run for each round.

    Args:
        bench: that runs them.
        names: of scripts.
        rounds: how many.
        groups: of manners that run at the same time, each on a core; one alone has all cores.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    found: dict[str, dict[str, list[Ran]]] = {
        name: {how: [] for group in groups for how in group} for name in names
    }
    for number in range(rounds):
        order = [(name, group) for name in names for group in groups]
        random.Random(number).shuffle(order)
        cores.reverse()
        for name, group in order:
            for how, ran in zip(group, _together(bench, name, group, cores), strict=True):
                found[name][how].append(ran)
                told = f"round {number + 1} of {rounds}: {name}, {how}: {ran}"
                print(told, file=sys.stderr, flush=True)
    return found


def _together(bench: Bench, name: str, group: Sequence[str], cores: Sequence[int]) -> list[Ran]:
    if len(group) == 1:
        return [bench.run(name, group[0])]
    with ThreadPoolExecutor(len(group)) as pool:
        return [*pool.map(bench.run_on, cores, [name] * len(group), group)]


def ratios(runs: Mapping[str, Sequence[Ran]], what: str) -> tuple[list[float], list[float]]:
    """(recorded / plain, A/A) of one attribute, round by round."""
    found = {how: [getattr(ran, what) for ran in runs[how]] for how in runs}
    plain, again = found[PLAIN], found[AGAIN]
    beside = found[BESIDE] if BESIDE in found else means(plain, again)
    return quotients(found[RECORDED], beside), quotients(again, plain)


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
    parser.add_argument("--beside", action="store_true", help="two runs at a time, a core each")
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
    if asked.beside and len(os.sched_getaffinity(0)) < 2:
        parser.error("--beside wants two cores, and there is one")
    if asked.threads:
        torch.set_num_threads(asked.threads)
        environ["OMP_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        bench = Bench(Path(folder), asked.scale, environ)
        found = measure(bench, names, asked.rounds, IN_PAIRS if asked.beside else SINGLY)
    print(f"{machine()}; {asked.rounds} rounds, {asked.scale:g} times the usual epochs\n")
    rows = [row(name, runs) for name, runs in found.items()]
    print(table(HEAD, rows, markdown=asked.markdown))
    both = [ratios(runs, "loop_s") for runs in found.values()]
    ratio, control = (Interval.over(samples) for samples in zip(*both, strict=True))
    print(f"\nmedian over the scripts: recorded / plain {ratio}, A/A {control}")


if __name__ == "__main__":
    main()
