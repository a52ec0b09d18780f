"""A small training script: run plainly, recorded while things go wrong, and asked afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.faults import Rule, environment, hits
from tests.faults.reading import ReadBack, read_back
from tests.runner import FlorAt, FlorRunner

SCRIPT = Path(__file__).parent / "scripts" / "train.py"
ANCHOR = re.compile(r'( +)print\("epoch", epoch, net.weight, flush=True\)\n')
PROBE = 'print("seen", epoch, sum(net.state), len(net.history))\n'
DENSE = ("--budget", "10000%", "--no-version")


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Answer:
    """What a replay said, and the values that the run has now.

    Attributes:
        status: of the report, or "refused".
        stderr: for people.
        values: printed lines that are not marked as wrong, in the order of execution.
        report: of the replay; empty where there is none.
    """

    status: str
    stderr: str
    values: list[str]
    report: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A project folder with train.py, a home for its runs, and the command line for what goes right."""

    folder: Path
    home: Path
    runner: FlorRunner

    @classmethod
    def begun(
        cls, folder: Path, home: Path, script: Path = SCRIPT, flor_at: FlorAt = FlorRunner
    ) -> Training:
        """Make the project."""
        folder.mkdir(parents=True)
        shutil.copy(script, folder / "train.py")
        return cls(folder, home, flor_at(folder))

    @property
    def log(self) -> Path:
        """Where hits of rules are written."""
        return self.folder.parent / "hits"

    @property
    def hold(self) -> Path:
        """The file that calls wait for which are held."""
        return self.folder.parent / "hold"

    def plain(self, *arguments: object) -> Ended:
        """Run the script without flor."""
        return self._run([sys.executable, "train.py", *map(str, arguments)], {})

    def record(self, *arguments: object, rules: Sequence[Rule] = (), **variables: str) -> Ended:
        """Record the script while the rules hold."""
        if not rules:
            return self.flor(*self.recording(*arguments)[3:], **variables)
        environ = environment(rules, self.log)
        return self._run(self.recording(*arguments), {**environ, **variables})

    @staticmethod
    def recording(*arguments: object) -> list[str]:
        """The words that record the script."""
        words = [sys.executable, "-m", "florctl", "record", *DENSE, "train.py"]
        return [*words, *map(str, arguments)]

    def _run(self, words: list[str], variables: Mapping[str, str]) -> Ended:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, "FLOR_HOME": str(self.home), **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(
        self, words: list[str], rules: Sequence[Rule] = ()
    ) -> Iterator[subprocess.Popen[str]]:
        """A process in a group of its own, which is gone when the block ends."""
        environ = environment(rules, self.log) if rules else {}
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, "FLOR_HOME": str(self.home), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                self.hold.touch()
                if process.poll() is None:
                    os.killpg(process.pid, 9)

    def hits(self) -> list[tuple[int, str, Path]]:
        """Which rule met which call, in their order."""
        return hits(self.log)

    def runs(self) -> list[Path]:
        """The folders of the runs, oldest first."""
        return sorted(path.parent for path in self.home.glob("*/*/run.json"))

    def read_back(self) -> ReadBack:
        """All that the one run has published."""
        (run,) = self.runs()
        return read_back(run)

    def listed(self) -> dict[str, Any]:
        """What the command line tells of the newest run."""
        done = self.flor("log", "list", "--json")
        return dict(json.loads(done.stdout)[0])

    def flor(self, *words: str, **variables: str) -> Ended:
        """Another command of flor's."""
        done = self.runner(*words, cwd=self.folder, FLOR_HOME=str(self.home), **variables)
        return Ended(done.returncode, done.stdout, done.stderr)

    def probed(self) -> str:
        """The script with a line added."""
        text = (self.folder / "train.py").read_text(encoding="utf-8")
        if PROBE in text:
            return text
        anchor = ANCHOR.search(text)
        assert anchor is not None
        return text[: anchor.end()] + anchor[1] + PROBE + text[anchor.end() :]

    def truth(self, *arguments: object) -> list[str]:
        """The lines that the probed script prints without flor."""
        apart = self.folder.parent / "truth"
        shutil.copytree(self.folder, apart, dirs_exist_ok=True)
        (apart / "train.py").write_text(self.probed(), encoding="utf-8")
        return replace(self, folder=apart).plain(*arguments).stdout.splitlines()

    def ask(self, *words: str) -> Answer:
        """Add the line, and replay the newest run."""
        (self.folder / "train.py").write_text(self.probed(), encoding="utf-8")
        done = self.flor("replay", "--json", *words)
        report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        got = self.flor("log", "get", "@", "print", "--json")
        rows = json.loads(got.stdout) if got.stdout.startswith("[") else []
        values = [row["value"] for row in rows if row["verified"] is not False]
        return Answer(report.get("status", "refused"), done.stderr, values, report)


def ended(process: subprocess.Popen[str], before: str = "") -> Ended:
    """How a process ends, behind lines that were read of it already.

    `communicate` would lose what those reads took along into the buffer.
    """
    assert process.stdout is not None and process.stderr is not None
    stdout, stderr = process.stdout.read(), process.stderr.read()
    return Ended(process.wait(timeout=60), before + stdout, stderr)


def is_subsequence(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether all of one come in the other, in this order.

    >>> is_subsequence("ac", "abc"), is_subsequence("ca", "abc")
    (True, False)
    """
    rest = iter(whole)
    return all(item in rest for item in part)
