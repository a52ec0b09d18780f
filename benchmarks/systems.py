"""How flor and its ancestors are used on one script: each one's words in it, and its commands.

Each is edited in as its README shows it. Of 2.5.11 and 3.4.12 what is enrolled for checkpoints are the
network and the optimizer; 3.4.12 and 4.0.1 can replay only runs that hold a `flor.arg`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

OUTER, INNER = "net[0].weight.norm().item().hex()", "net[0].weight.grad.norm().item().hex()"
PRINTED = {
    "outer": ("# OUTER", f'print("outer", epoch, 0, {OUTER}, flush=True)'),
    "inner": ("# INNER", f'print("inner", epoch, step, {INNER}, flush=True)'),
}
LOGGED = {
    "outer": ("# OUTER", f'flor.log("outer", {OUTER})'),
    "inner": ("# INNER", f'flor.log("inner", {INNER})'),
}
Edits = Sequence[tuple[str, str]]
Values = Mapping[tuple[int, int], set[str]]
"""By epoch and step (0 of the outer loop), what was told; floats in hexadecimal."""


class CannotRun(Exception):
    """A system ended by an error; the last line of what it said."""


@dataclass
class Project:
    """A repository with the script in it, in a home of its own."""

    folder: Path
    python: str
    text: str

    def prepare(self, branch: str, edits: Edits) -> None:
        """Write the script as a system wants it, and commit it."""
        self.text = edited(self.text, edits)
        (self.folder / "home").mkdir(parents=True)
        (self.folder / "project").mkdir()
        self._write(self.text)
        for words in (["init", "-q", "-b", branch], ["add", "-A"], ["commit", "-qm", "start"]):
            self.run(*words, program="git")

    def ask(self, edits: Edits) -> None:
        """Add lines to the script."""
        self._write(edited(self.text, edits))

    def run(self, *words: str, program: str | None = None, said: str = "") -> str:
        """Run a command, by default the interpreter, and return what it printed."""
        return finished(self.start(*words, program=program), said)

    def start(self, *words: str, program: str | None = None) -> subprocess.Popen[str]:
        """Start a command."""
        # Versions 2 and 3 are called flor as well: what this process imports must not be theirs.
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLOR", "PYTHON", "GIT_"))
        }
        environ |= {
            "HOME": str(self.folder / "home"),
            "FLOR_HOME": str(self.folder / "home"),
            "PATH": f"{Path(self.python).parent}{os.pathsep}{environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        for one in ("AUTHOR", "COMMITTER"):
            environ |= {f"GIT_{one}_NAME": "bench", f"GIT_{one}_EMAIL": "bench@localhost"}
        return subprocess.Popen(
            [program or self.python, *words],
            cwd=self.folder / "project",
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _write(self, text: str) -> None:
        (self.folder / "project" / "train.py").write_text(text, encoding="utf-8")


def edited(text: str, edits: Edits) -> str:
    """The text with each place replaced; each is there."""
    for place, words in edits:
        assert place in text, place
        text = text.replace(place, words)
    return text


def finished(process: subprocess.Popen[str], said: str = "") -> str:
    """What a process prints; it is told what to answer."""
    out, error = process.communicate(said)
    if process.returncode:
        raise CannotRun(error.strip().rpartition("\n")[2] or f"exit status {process.returncode}")
    return out


def printed(out: str, question: str) -> dict[tuple[int, int], set[str]]:
    """Values of lines like "inner 3 40 0x1.8p-1".

    >>> printed("inner 3 40 0x1.8p-1", "inner")
    {(3, 40): {'0x1.8p-1'}}
    """
    found: dict[tuple[int, int], set[str]] = {}
    for epoch, step, value in re.findall(rf"{question} (\d+) (\d+) (\S+)", out):
        found.setdefault((int(epoch), int(step)), set()).add(value)
    return found


class System:
    """What the systems have in common.

    Attributes:
        name: its version.
        branch: that it is used on.
        edits: what it wants of a script.
        probes: the added lines, by question.
    """

    name: ClassVar[str]
    branch: ClassVar[str] = "main"
    edits: ClassVar[Edits] = ()
    probes: ClassVar[Mapping[str, tuple[str, str]]] = PRINTED

    def record(self, project: Project) -> None:
        """Record the script."""
        project.run("train.py")

    def replay(self, project: Project, question: str) -> Values:
        """What the added line has told."""
        raise NotImplementedError


class Flor(System):
    """This flor, by two workers for a line in the inner loop."""

    name = "flor"

    def record(self, project: Project) -> None:
        """Record the script, at the default budget."""
        project.run("-m", "florctl", "record", "train.py")

    def replay(self, project: Project, question: str) -> Values:
        """What the added line has told."""
        workers = "2" if question == "inner" else "1"
        told = json.loads(project.run("-m", "florctl", "replay", "--json", "--workers", workers))
        if told["status"] != "verified":
            raise CannotRun(told["status"])
        rows = json.loads(project.run("-m", "florctl", "log", "get", "@", "print", "--json"))
        return printed("\n".join(str(row["value"]) for row in rows), question)


class Flor2(System):
    """Flor 2.5.11: a line in the inner loop is answered by two processes, a part each."""

    name, branch = "2.5.11", "flor.shadow"
    edits = (
        ("# IMPORT", "from flor import MTK as Flor"),
        ("# ENROLLED", "Flor.checkpoints(net, optimizer)"),
        ("in range(EPOCHS)", "in Flor.loop(range(EPOCHS))"),
        ("in loader:", "in Flor.loop(loader):"),
    )

    def record(self, project: Project) -> None:
        """Record the script."""
        project.run("train.py", "--flor", "compared")

    def replay(self, project: Project, question: str) -> Values:
        """What the added line has told."""
        if question == "outer":
            return printed(project.run("train.py", "--replay_flor"), question)
        project.ask([PRINTED["inner"], ("Flor.loop(loader)", "Flor.loop(loader, probed=True)")])
        parts = [project.start("train.py", "--replay_flor", part) for part in ("1/2", "2/2")]
        return printed("\n".join([finished(part) for part in parts]), question)


class FlorDb(System):
    """What FlorDB 3 and 4 share."""

    words: ClassVar[Mapping[str, Sequence[str]]]  # of the command, by question
    first: ClassVar[int] = 0  # the number of a loop's first iteration
    probes = LOGGED
    edits = (
        ("# IMPORT", "import flordb as flor"),
        ("RATE = 0.05  # ARGUMENT", 'RATE = flor.arg("rate", 0.05)'),
        ("in range(EPOCHS)", 'in flor.loop("epoch", range(EPOCHS))'),
        ("in loader:", 'in flor.loop("step", loader):'),
        ('print("epoch", epoch, right)', 'flor.log("right", right)'),
    )

    def replay(self, project: Project, question: str) -> Values:
        """What the added line has told, by the command for it."""
        project.run("-m", "flordb", "replay", *self.words[question], said="y\n")
        shown = f"import flordb; print(flordb.dataframe({question!r}).to_json(orient='records'))"
        rows = json.loads(project.run("-c", shown).strip().rpartition("\n")[2])
        found: dict[tuple[int, int], set[str]] = {}
        for row in rows:
            step = int(row["step"]) - self.first if question == "inner" else 0
            place = (int(row["epoch"]) - self.first, step)
            found.setdefault(place, set()).add(row[question])
        if not found:
            raise CannotRun("no value was told")
        return found


class FlorDb3(FlorDb):
    """FlorDB 3.4.12."""

    name, first = "3.4.12", 1
    words: ClassVar = {"outer": ["outer"], "inner": ["inner"]}
    edits = (
        *FlorDb.edits,
        ("with nullcontext()", "with flor.checkpointing(net=net, optimizer=optimizer)"),
    )


class FlorDb4(FlorDb):
    """FlorDB 4.0.1, asked for all iterations; by default it tells of the last."""

    name = "4.0.1"
    words: ClassVar = {
        "outer": ["--apply", "outer", "--iter", "epoch=all"],
        "inner": ["--apply", "inner", "--iter", "epoch=all", "--iter", "step=all"],
    }
