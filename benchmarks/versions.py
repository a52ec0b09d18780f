"""Saving a version against git itself: `add -A`, `write-tree`, `commit-tree` and `update-ref` on an index of its own.

Every round does each of them once, in an order drawn anew; a figure is the median of the rounds'
ratios. `A/A` is git measured against itself, so its spread is what the others cannot resolve. Each
sample of flor's is a new process, whose imports are not counted; git's are four processes.

    python benchmarks/versions.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ratios import Interval, quotients, table

SAVE = """
import json, resource, sys, time
from datetime import datetime, timezone
from pathlib import Path
from florlib.stores.versions import snapshot
def cpu():
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, (0, -1)))
cpu_s, wall_s = cpu(), time.perf_counter()
version = snapshot(Path(sys.argv[1]), run=sys.argv[2], name="bench", ordinal=1,
                   command="train.py", now=datetime.now(timezone.utc))
wall_s = time.perf_counter() - wall_s
cpu_s = cpu() - cpu_s
status = Path("/proc/self/status")  # of this program alone; getrusage has the parent's, too
peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) if status.exists() else 0
print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "tree": version.tree, "peak": peak * 1024}))
"""
IGNORED = (
    "__pycache__/\n*.py[cod]\n*.so\nbuild/\n*.log\n.venv/\ncheckpoints/\ndata/\n*.pt\n!keep.pt\n"
)
FILES_A_FOLDER = 25
FOLDERS = 40


@dataclass(frozen=True)
class Sample:
    """What one saving took, and the tree it came to."""

    wall_s: float
    cpu_s: float
    tree: str
    peak: int = 0


class Project:
    """A repository of many small source files, with ignored ones beside them, and two ways to save it."""

    def __init__(self, root: Path, files: int) -> None:
        self.root, self.index, self.saved = root, root.with_name(f"{root.name}.index"), 0
        chance = random.Random(7)
        words = [f"w{chance.getrandbits(16):04x}" for _ in range(3000)]
        for number in range(files):
            path = self.path_of(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = (" ".join(chance.choices(words, k=8)) for _ in range(chance.randint(3, 50)))
            path.write_text("\n".join(lines))
        (root / "data").mkdir()
        for number in range(max(10, files // 10)):
            (root / f"data/{number:06d}.bin").write_bytes(b"x")
        self.begin()

    def begin(self) -> None:
        """Make the repository, with nothing in it."""
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "bench")
        self.git("config", "user.email", "bench@example.org")
        # Beside the files, all of which are code: of others flor takes 5,000 untracked ones at most.
        (self.root / ".git/info/exclude").write_text(IGNORED)

    def path_of(self, number: int) -> Path:
        """Of a file by its number."""
        folder = number // FILES_A_FOLDER
        return self.root / f"pkg{folder % FOLDERS:02d}/mod{folder // FOLDERS:03d}/f{number:05d}.py"

    def commit(self) -> None:
        """Commit everything, as one pack."""
        self.git("add", "-A")
        self.git("commit", "-qm", "work")
        self.git("repack", "-adq")
        time.sleep(0.1)  # no file is as young as the index

    def git(self, *words: str, index: Path | None = None) -> str:
        """Run git, and return what it printed."""
        environment = os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {})
        done = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def by_git(self, number: int) -> Sample:
        """Save as git can: its own index, on a branch of its own."""
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        self.git("add", "-A", index=self.index)
        tree = self.git("write-tree", index=self.index)
        commit = self.git("commit-tree", tree, "-m", f"run {number}")
        self.git("update-ref", "refs/heads/by-git", commit)
        wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Sample(wall_s, cpu_s, tree)

    def by_flor(self, number: int) -> Sample:
        """Save as `flor record` does."""
        words = [sys.executable, "-c", SAVE, str(self.root), f"run-{number:06d}"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return Sample(**json.loads(done.stdout))

    def users_index(self) -> None:
        """Have git begin with the user's index, as a first run does."""
        shutil.copy2(self.root / ".git/index", self.index)

    def change_one(self, number: int) -> None:
        """Change one file of the working tree."""
        with self.path_of(number % 50).open("a") as file:
            file.write(f"# {number}\n")
        time.sleep(0.03)

    def forget(self) -> None:
        """As before anything was ever saved."""
        shutil.rmtree(self.root / ".git")
        self.index.unlink(missing_ok=True)
        self.begin()


def measure(
    project: Project, rounds: int, before_round: Callable[[int], None], each: Callable[[], None]
) -> dict[str, list[Sample]]:
    """Samples by who saved; one of each a round."""
    ways = {"git": project.by_git, "git again": project.by_git, "flor": project.by_flor}
    found: dict[str, list[Sample]] = {name: [] for name in ways}
    order = list(ways)
    for _ in range(rounds):
        before_round(project.saved)
        random.shuffle(order)
        for name in order:
            each()
            project.saved += 1
            found[name].append(ways[name](project.saved))
        trees = {samples[-1].tree for samples in found.values()}
        assert len(trees) == 1, trees
    return found


def cases(files: int, rounds: int) -> dict[str, dict[str, list[Sample]]]:
    """All cases of one size."""

    def nothing(*_: object) -> None:
        pass

    with tempfile.TemporaryDirectory(prefix="flor-bench-") as folder:
        project = Project(Path(folder) / "project", files)
        few = max(3, rounds // 2) if files > 1000 else rounds
        found = {"everything new": measure(project, few, nothing, project.forget)}
        project.forget()
        project.commit()
        found["first, with an index"] = measure(project, rounds, nothing, project.users_index)
        for way in (project.by_git, project.by_flor):  # both are warm from here on
            way(0)
        found["unchanged"] = measure(project, rounds, nothing, nothing)
        found["one file changed"] = measure(project, rounds, project.change_one, nothing)
        return found


def rows(files: int, found: dict[str, dict[str, list[Sample]]]) -> list[list[str]]:
    """A line of the report for each case."""
    lines = []
    for case, samples in found.items():
        cells = [f"{files:,}", case]
        for field in ("cpu_s", "wall_s"):
            times = {name: [getattr(one, field) for one in of] for name, of in samples.items()}
            ratios = [quotients(times[name], times["git"]) for name in ("flor", "git again")]
            cells += [_short(Interval.of(one)) for one in ratios]
        cells += [_ms([one.cpu_s for one in samples[name]]) for name in ("flor", "git")]
        cells.append(f"{max(one.peak for one in samples['flor']) / 1e6:.0f}")
        lines.append(cells)
    return lines


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
        lines += rows(files, cases(files, words.rounds))
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"Python {platform.python_version()}, {git.strip()}, {os.cpu_count()} cores\n")
    head = ["files", "case", "CPU / git", "A/A", "wall / git", "A/A", "CPU ms", "git's", "peak MB"]
    print(table(head, lines, markdown=words.markdown))


if __name__ == "__main__":
    main()
