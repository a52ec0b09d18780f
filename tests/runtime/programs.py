"""Running a script as plain Python does and as `flor record` does, without the command line between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florlib.ground.launch import VARIABLE, LaunchSpec
from florlib.ground.values import decode_value
from florlib.stores.journal import read_journal

REPOSITORY = Path(__file__).resolve().parents[2]
SITE = REPOSITORY / "florlib" / "_site"

# A loop that trains as far as the source tells; no torch is needed for that.
TRAINING = """\
class Loss:
    def backward(self):
        pass

for epoch in range(3):
    for step in range(2):
        Loss().backward()
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a finished process left: its exit status and both streams."""

    status: int
    stdout: bytes
    stderr: str


@dataclass(slots=True)
class Program:
    """A project folder with scripts, and a run's folder beside it.

    Attributes:
        root: the test's own folder.
        python: the interpreter.
        variables: of the environment, for every run.
        budget_share: of the recorded process; by default it takes every checkpoint that it can.
        checkpoint_bytes: that the recorded process may leave; by default any number.
        measured: whether coverage may look into the processes; it needs files and time, too.
    """

    root: Path
    python: str = sys.executable
    variables: dict[str, str] = field(default_factory=dict)
    budget_share: float = 100.0
    checkpoint_bytes: int | None = None
    measured: bool = True

    @property
    def folder(self) -> Path:
        """The project."""
        return self.root / "project"

    @property
    def run_dir(self) -> Path:
        """Where the run is recorded."""
        return self.root / "run"

    def write(self, files: Mapping[str, str]) -> Program:
        """Put files into the project."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def environment(self, *, hooked: bool, python_path: str = "") -> dict[str, str]:
        """The environment of a plain process, or of one that is to be recorded."""
        away = ("PYTHON", "FLOR_") if self.measured else ("PYTHON", "FLOR_", "COV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
        kept |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        kept |= self.variables
        folders = [python_path] if python_path else []
        if hooked:
            folders.insert(0, str(SITE))
            spec = LaunchSpec(
                "record",
                "a-run",
                str(self.run_dir),
                str(self.folder),
                self.budget_share,
                checkpoint_bytes=self.checkpoint_bytes,
            )
            kept[VARIABLE] = spec.to_environment()
        return kept | {"PYTHONPATH": os.pathsep.join(folders)} if folders else kept

    def run(
        self,
        *words: str,
        hooked: bool,
        stdin: bytes = b"",
        python_path: str = "",
        command: tuple[str, ...] = (),
        cwd: Path | None = None,
    ) -> Ran:
        """Run `python WORDS…`, or another command, in the project."""
        if not self.run_dir.exists():
            self.run_dir.mkdir()
        done = subprocess.run(
            command or (self.python, *words),
            cwd=cwd or self.folder,
            env=self.environment(hooked=hooked, python_path=python_path),
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def both(self, *words: str, **how: Any) -> tuple[Ran, Ran]:
        """What a plain process leaves, and what a recorded one leaves."""
        return self.run(*words, hooked=False, **how), self.run(*words, hooked=True, **how)

    @property
    def journals(self) -> list[list[dict[str, Any]]]:
        """The records of each journal of the run."""
        paths = sorted(self.run_dir.glob("journal.*.flor"))
        return [list(read_journal(path).records) for path in paths]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of the run's only journal."""
        (records,) = self.journals
        return records

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """The records of one kind."""
        return [record for record in self.records if record["kind"] == kind]

    def rows(self, name: str) -> list[tuple[str, Any]]:
        """(position as "epoch=0 step=1", value) of all rows of a name, in order."""
        return [
            (" ".join(f"{loop}={index}" for loop, index in record["positions"][at]), value)
            for record in self.kinds("log")
            for at, value in (
                (row[0], decode_value(row[2])) for row in record["rows"] if row[1] == name
            )
        ]

    def values(self, name: str) -> list[Any]:
        """The values of all rows of a name, in order."""
        return [value for _, value in self.rows(name)]

    def prints(self) -> list[str]:
        """The recorded lines of standard output."""
        return self.values("print")


def as_json(text: bytes) -> Any:
    """What a script has printed as JSON."""
    return json.loads(text)
