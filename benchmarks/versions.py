"""Versions against git itself: saving, laying out, comparing.

Saving is `add -A`, `write-tree`, `commit-tree` and `update-ref` on an index of its own; laying out is
`worktree add`; comparing is `diff --name-only`; and looking at every name is what no saving does without.

Every round does each of them once, in an order drawn anew; a figure is the median of the rounds'
ratios. `A/A` is git measured against itself, so its spread is what the others cannot resolve.

    python benchmarks/versions.py
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ratios import Interval, quotients, table
from repositories import Project, Sample

CHANGED = 50
Way = Callable[[], Sample]


def nothing() -> None:
    """What has to be done before most samples."""


@dataclass
class Case:
    """One thing that is done by both.

    Attributes:
        words: for people.
        git: does it.
        flor: does the same.
        to_reach: CPU of flor's for one of git's, from `at_least` files on; None where none is asked.
        each: is done before each sample.
        before_round: and before each round.
        is_same: both come to the same outcome.
        found: the samples, by who did it.
    """

    words: str
    git: Way
    flor: Way
    to_reach: float | None
    at_least: int = 0
    each: Callable[[], None] = nothing
    before_round: Callable[[], None] = nothing
    is_same: bool = True
    found: dict[str, list[Sample]] = field(default_factory=dict)

    def measure(self, project: Project, rounds: int) -> Case:
        """Take samples; one of each a round."""
        ways = {"git": self.git, "git again": self.git, "flor": self.flor}
        self.found = {name: [] for name in ways}
        order = list(ways)
        for _ in range(rounds):
            self.before_round()
            random.shuffle(order)
            for name in order:
                self.each()
                project.saved += 1
                self.found[name].append(ways[name]())
            outcomes = {samples[-1].outcome for samples in self.found.values()}
            assert not self.is_same or len(outcomes) == 1, outcomes
        return self

    def row(self, files: int) -> list[str]:
        """Of the report."""
        cells = [f"{files:,}", self.words]
        for name in ("cpu_s", "wall_s"):
            times = {by: [getattr(one, name) for one in of] for by, of in self.found.items()}
            ratios = [quotients(times[by], times["git"]) for by in ("flor", "git again")]
            cells += [_short(Interval.of(one)) for one in ratios]
        cells += [_ms([one.cpu_s for one in self.found[by]]) for by in ("flor", "git")]
        cells.append(f"{max(one.peak for one in self.found['flor']) / 1e6:.0f}")
        is_asked = self.to_reach is not None and files >= self.at_least
        cells.append(f"<= {self.to_reach}" if is_asked else "")
        return cells


def cases(files: int, rounds: int) -> Iterator[Case]:
    """All cases of one size, measured."""
    with tempfile.TemporaryDirectory(prefix="flor-bench-") as folder:
        project = Project(Path(folder) / "project", files)
        few = max(3, rounds // 2) if files > 1000 else rounds
        save = (project.save_by_git, project.save_by_flor)
        yield Case("everything new", *save, 1.0, 1000, project.forget).measure(project, few)
        project.forget()
        project.commit()
        first = Case("first, with an index", *save, 3.0, each=project.users_index)
        yield first.measure(project, rounds)
        for way in save:  # both are warm from here on
            way()
        yield Case("unchanged", *save, 2.0).measure(project, rounds)
        walk = Case("unchanged, against a bare walk", project.walk, project.save_by_flor, 1.6, 1000)
        walk.is_same = False
        yield walk.measure(project, rounds)
        change_one = Case("one file changed", *save, 2.0)
        change_one.before_round = lambda: project.change(project.saved)
        yield change_one.measure(project, rounds)
        project.commit()
        out = Case("laid out", project.check_out, project.export, 2.5, each=project.clear_aside)
        yield out.measure(project, few)
        for _ in range(2):
            project.change(0, CHANGED)
            project.commit()
        project.change(0, CHANGED)
        for words, way, to_reach in (
            (f"laid out where {CHANGED} files differ", project.lay_out, None),
            ("and the version before it", project.lay_out_next, 0.1),
        ):
            case = Case(words, project.check_out, way, to_reach, at_least=1000, is_same=False)
            case.each = project.clear_aside
            yield case.measure(project, few)
        compare = (project.compare_by_git, project.compare_by_flor)
        # Some milliseconds each, hence more of them.
        yield Case(f"{CHANGED} files compared", *compare, 1.0).measure(project, 5 * rounds)


def _short(interval: Interval) -> str:
    return f"{interval.median:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _ms(seconds: Sequence[float]) -> str:
    return f"{sorted(seconds)[len(seconds) // 2] * 1e3:.0f}"


def main() -> None:
    """Print the ratios, and the milliseconds behind them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", default="100,10000", metavar="N,N,…")
    parser.add_argument("--markdown", action="store_true")
    words = parser.parse_args()
    lines = []
    for files in map(int, words.files.split(",")):
        lines += [case.row(files) for case in cases(files, words.rounds)]
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"Python {platform.python_version()}, {git.strip()}, {os.cpu_count()} cores\n")
    head = ["files", "case", "CPU / git", "A/A", "wall / git", "A/A", "CPU ms", "git's", "peak MB"]
    print(table([*head, "CPU to reach"], lines, markdown=words.markdown))


if __name__ == "__main__":
    main()
