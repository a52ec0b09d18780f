"""Composes scripts for as long as one likes, and holds replay against plain runs of them.

    python -m tests.fuzz [--minutes 10] [--seed 0] [--scripts N] [--jobs 1] [--finds FOLDER]

Prints each finding with its seed as it comes, and at the end what was tried, by feature. A finding is
shrunk, confirmed with real processes, and kept in the folder: the script as a case of the matrix.
Exit status 1 where something was found.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.forks import Zygote, zygote
from tests.fuzz.render import render
from tests.fuzz.shrink import Shown, shown, shrunk
from tests.fuzz.spec import Spec, drawn
from tests.fuzz.trial import Ask, Outcome, asks_of, case_of, try_script

SEVERAL_MAINS = ("warm_up", "then_tuned")


@dataclass(slots=True)
class Tally:
    """What was tried and what came of it."""

    scripts: int = 0
    replays: int = 0
    values: int = 0
    executed: int = 0
    skipped: int = 0
    features: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    def add(self, spec: Spec, outcome: Outcome) -> None:
        """Count one script."""
        self.scripts += 1
        self.replays += outcome.replays
        self.values += outcome.values
        self.executed += outcome.executed
        self.skipped += outcome.skipped
        self.features.update(spec.features())
        self.found.update({finding.manner for finding in outcome.findings})
        self.warnings.update(set(outcome.warnings))


def asks_for(spec: Spec, files: Mapping[str, str], seed: int) -> list[Ask]:
    """The questions about a script."""
    return asks_of(case_of(files), seed, several_mains=spec.outer in SEVERAL_MAINS)


def tried(seed: int, living: Zygote | None) -> tuple[Spec, Outcome]:
    """Everything for one seed."""
    spec = drawn(seed)
    files = render(spec)
    asks = asks_for(spec, files, seed)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        return spec, try_script(files, asks, Path(folder), living, spec.budget)


def work(first: int, step: int, seconds: float, limit: int, finds: Path, queue: Any) -> None:
    """Try seeds FIRST, FIRST + STEP, … for so long; what comes of each goes into the queue."""
    try:
        _work(first, step, seconds, limit, finds, queue)
    finally:
        queue.put(None)


def _work(first: int, step: int, seconds: float, limit: int, finds: Path, queue: Any) -> None:
    end = time.monotonic() + seconds
    seen: set[tuple[str, str]] = set()
    with zygote("scripts") as living:
        for seed in itertools.islice(itertools.count(first, step), limit):
            if time.monotonic() > end:
                break
            spec, outcome = tried(seed, living)
            queue.put((seed, spec, outcome))
            for finding in outcome.findings:
                start = Shown(spec, finding.ask, finding)
                manner = (finding.manner, finding.text[:60])
                if manner in seen or finding.manner == "broken":
                    continue
                seen.add(manner)
                keep(seed, start, finds, "not shrunk, not confirmed")
                small = shrunk(start, living)
                real = shown(small.spec, small.ask, small.finding.manner, None)
                verdict = "confirmed by real processes" if real else "NOT seen with real processes"
                keep(seed, small, finds, verdict)


def keep(seed: int, small: Shown, finds: Path, verdict: str) -> None:
    """Write a finding down, over what is known of it so far."""
    folder = finds / f"{seed}-{small.finding.manner.replace(' ', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    files = render(small.spec)
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    if small.ask is not None:
        probed = case_of(files).probed(small.ask.kinds)
        (folder / "probed.py").write_text(probed["train.py"], encoding="utf-8")
    lines = [f"seed {seed}, {small.finding.manner}: {verdict}", f"budget {small.spec.budget}"]
    lines += [f"question {small.ask}", f"{small.spec}", "", small.finding.text]
    (folder / "finding.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{folder}: {verdict}\n{small.finding.text[:700]}", flush=True)


def main() -> int:
    """Read the words, start the jobs, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz replay.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--scripts", type=int, default=10**9, help="at most so many a job")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--finds", type=Path, default=Path("build/fuzz"), help="folder for finds")
    words = parser.parse_args()
    started = multiprocessing.get_context("spawn")
    queue: Any = started.Queue()
    jobs = []
    for job in range(words.jobs):
        given = (
            words.seed + job,
            words.jobs,
            words.minutes * 60,
            words.scripts,
            words.finds,
            queue,
        )
        jobs.append(started.Process(target=work, args=given))
        jobs[-1].start()
    tally, begun, open_jobs = Tally(), time.monotonic(), len(jobs)
    while open_jobs:
        item = queue.get()
        if item is None:
            open_jobs -= 1
            continue
        seed, spec, outcome = item
        tally.add(spec, outcome)
        if tally.scripts % 10 == 0:
            print(f"{tally.scripts} scripts, {tally.replays} replays", flush=True)
        for finding in outcome.findings:
            first = finding.text.strip().splitlines()[0][:300]
            print(f"seed {seed}: {finding.manner}, {finding.ask}: {first}", flush=True)
    for process in jobs:
        process.join()
    _show(tally, time.monotonic() - begun)
    return 1 if tally.found else 0


def _show(tally: Tally, seconds: float) -> None:
    print("\nfeatures:")
    for feature, count in sorted(tally.features.items()):
        print(f"  {count:5} {feature}")
    print("warnings:", dict(tally.warnings))
    print("findings:", dict(tally.found))
    print(
        f"{tally.scripts} scripts, {tally.replays} replays, {tally.values} values compared, "
        f"{tally.executed} turns executed, {tally.skipped} skipped, {seconds:.0f} s, "
        f"{tally.scripts / seconds * 60:.1f} scripts a minute"
    )
