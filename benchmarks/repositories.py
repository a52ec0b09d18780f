"""Repositories to measure on, and what git and flor take for the same thing there.

Each sample of flor's is a new process, whose imports are not counted; git's are its own processes.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

IGNORED = (
    "__pycache__/\n*.py[cod]\n*.so\nbuild/\n*.log\n.venv/\ncheckpoints/\ndata/\n*.pt\n!keep.pt\n"
)
FILES_A_FOLDER = 25
FOLDERS = 40
# Runs one of the programs below, and prints what it took.
_MEASURED = """
import json, os, resource, sys, time
from datetime import datetime, timezone
from pathlib import Path
def cpu():
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, (0, -1)))
def measured():
{body}
words = sys.argv[1:]
{before}
cpu_s, wall_s = cpu(), time.perf_counter()
outcome = measured()
wall_s = time.perf_counter() - wall_s
cpu_s = cpu() - cpu_s
status = Path("/proc/self/status")  # of this program alone; getrusage has the parent's, too
peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) if status.exists() else 0
print(json.dumps({{"wall_s": wall_s, "cpu_s": cpu_s, "outcome": outcome, "peak": peak * 1024}}))
"""


@dataclass(frozen=True)
class Sample:
    """What something took.

    Attributes:
        outcome: what it came to, the same for all who do the same thing.
        peak: bytes of memory, 0 where that was not measured.
    """

    wall_s: float
    cpu_s: float
    outcome: str
    peak: int = 0


@dataclass(frozen=True)
class Program:
    """What is measured in a process of its own.

    Attributes:
        before: imports and all else that is not counted.
        body: of a function that returns its outcome; `words` are what it is given.
    """

    before: str
    body: str

    def run(self, *words: str) -> Sample:
        """Measure it once."""
        body = "\n".join(f"    {line}" for line in self.body.strip().splitlines())
        source = _MEASURED.format(before=self.before.strip(), body=body)
        done = subprocess.run(
            [sys.executable, "-c", source, *words], capture_output=True, text=True, check=True
        )
        return Sample(**json.loads(done.stdout))


SAVE = Program(
    "from florlib.stores.versions import snapshot",
    """
root, run = words
version = snapshot(Path(root), run=run, name="bench", ordinal=1, command="train.py",
                   now=datetime.now(timezone.utc))
return version.tree
""",
)
EXPORT = Program(
    "from florlib.stores.versions import export, open_archive",
    """
root, commit, folder = words
with open_archive([Path(root)]) as archive:
    tree = archive.commit(commit).tree.decode("ascii")
    return str(export(archive, tree, Path(folder), Path(root)).files)
""",
)
LAY_OUT = Program(
    "from florlib.stores.versions import WorkingTree",
    """
root, folder, commit = words
with WorkingTree(Path(root)) as tree:
    return str(len(tree.lay_out(commit, Path(folder)).changed))
""",
)
LAY_OUT_NEXT = Program(
    """
from florlib.stores.versions import WorkingTree
root, folder, commit, following = words
tree = WorkingTree(Path(root))
tree.lay_out(commit, Path(folder))
""",
    "return str(len(tree.lay_out(following, Path(folder)).changed))",
)
COMPARE = Program(
    """
from contextlib import ExitStack
from florlib.stores.versions import changed_paths, open_archive
stack = ExitStack()
archive = stack.enter_context(open_archive([Path(words[0])]))
old, new = (archive.commit(commit).tree.decode("ascii") for commit in words[1:])
""",
    'return "\\n".join(path for _, path in changed_paths(archive, old, new))',
)
WALK = Program(
    "",
    """
folders = [words[0]]
for folder in folders:
    with os.scandir(folder) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False) and entry.name not in (".git", "data"):
                folders.append(entry.path)
return ""
""",
)


class Project:
    """A repository of many small source files, with ignored ones beside them."""

    def __init__(self, root: Path, files: int) -> None:
        self.root, self.index, self.saved = root, root.with_name(f"{root.name}.index"), 0
        self.aside = root.with_name(f"{root.name}.aside")
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

    def users_index(self) -> None:
        """Have git begin with the user's index, as a first run does."""
        shutil.copy2(self.root / ".git/index", self.index)

    def change(self, number: int, files: int = 1) -> None:
        """Change files of the working tree."""
        for one in range(number, number + files):
            with self.path_of(one % 50).open("a") as file:
                file.write(f"# {number}\n")
        time.sleep(0.03)

    def forget(self) -> None:
        """As before anything was ever saved."""
        shutil.rmtree(self.root / ".git")
        self.index.unlink(missing_ok=True)
        self.begin()

    def clear_aside(self) -> None:
        """Nothing is laid out."""
        shutil.rmtree(self.aside, ignore_errors=True)
        self.git("worktree", "prune")

    # ------------------------------------------------------------------ who does what

    def save_by_git(self) -> Sample:
        """Save as git can: its own index, on a branch of its own."""
        with _Watch() as watch:
            self.git("add", "-A", index=self.index)
            tree = self.git("write-tree", index=self.index)
            commit = self.git("commit-tree", tree, "-m", f"run {self.saved}")
            self.git("update-ref", "refs/heads/by-git", commit)
        return watch.sample(tree)

    def save_by_flor(self) -> Sample:
        """Save as `flor record` does."""
        return SAVE.run(str(self.root), f"run-{self.saved:06d}")

    def check_out(self) -> Sample:
        """Lay all files of HEAD out by git."""
        with _Watch() as watch:
            self.git("worktree", "add", "-q", "--detach", str(self.aside), "HEAD")
        files = sum(len(names) for _, _, names in os.walk(self.aside))
        return watch.sample(str(files - 1))  # all but its .git

    def export(self) -> Sample:
        """Lay all files of HEAD out as `flor shadow export` does."""
        return EXPORT.run(str(self.root), *self._commits("HEAD"), str(self.aside))

    def lay_out(self) -> Sample:
        """Lay out what HEAD has otherwise than the working tree, as `flor replay` does."""
        return LAY_OUT.run(str(self.root), str(self.aside), *self._commits("HEAD"))

    def lay_out_next(self) -> Sample:
        """The same of the commit before it, by a replay of both."""
        return LAY_OUT_NEXT.run(str(self.root), str(self.aside), *self._commits("HEAD", "HEAD~1"))

    def _commits(self, *names: str) -> list[str]:
        return self.git("rev-parse", *names).split()

    def compare_by_git(self) -> Sample:
        """Compare the last two commits, by name."""
        with _Watch() as watch:
            names = self.git("diff", "--name-only", "HEAD~1", "HEAD")
        return watch.sample(names)

    def compare_by_flor(self) -> Sample:
        """Compare them as `flor diff` does, in a repository that is open."""
        return COMPARE.run(str(self.root), *self._commits("HEAD~1", "HEAD"))

    def walk(self) -> Sample:
        """Look at each name in the folders that are not ignored."""
        return WALK.run(str(self.root))


class _Watch:
    """Measures children of this process."""

    def __enter__(self) -> _Watch:
        self._before, self._started = _children_s(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._wall_s = time.perf_counter() - self._started
        self._cpu_s = _children_s() - self._before

    def sample(self, outcome: str) -> Sample:
        return Sample(self._wall_s, self._cpu_s, outcome)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
