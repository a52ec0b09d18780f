"""A recorded command leaves what a plain one leaves: output, exit status, files, and weights."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.exactness.harness import FLOR, REPOSITORY, Project

pytestmark = pytest.mark.process

SCRIPTS = Path(__file__).with_name("fidelity") / "scripts"
# Trains in a module of its own, without torch.
TRAIN = "import engine\n\nengine.fit(3)\nprint(engine.steps_done)\n"
ENGINE = """\
import random

steps_done = 0
random.seed(2)


class Loss:
    def backward(self):
        global steps_done
        steps_done += 1


def fit(epochs):
    for epoch in range(epochs):
        for _ in range(2):
            Loss().backward()
        print(epoch, steps_done, random.random())
"""
OF_FLOR = ("flor:", "warning:", "error:", "hint:")


@dataclass(frozen=True, slots=True)
class Left:
    """What a command has left behind, without what flor itself says on standard error."""

    status: int
    stdout: bytes
    stderr: str
    files: dict[str, bytes]


def fresh_project(root: Path) -> Project:
    """The scripts of this test in a repository; always at the same path, for tracebacks show it."""
    shutil.rmtree(root, ignore_errors=True)
    project = Project(root)
    sources = [path for path in SCRIPTS.rglob("*") if path.suffix in (".py", ".sh")]
    project.create(
        {path.relative_to(SCRIPTS).as_posix(): path.read_text("utf-8") for path in sources}
    )
    project.commit()
    return project


def files_of(project: Project) -> dict[str, bytes]:
    """Content of all files, less git's own and compiled modules."""
    paths = [path for path in project.folder.rglob("*") if path.is_file()]
    names = {path.relative_to(project.folder).as_posix(): path for path in paths}
    return {
        name: path.read_bytes()
        for name, path in sorted(names.items())
        if not name.startswith(".git/") and "__pycache__" not in name
    }


def run(root: Path, *words: str, stdin: bytes = b"") -> Left:
    """Run the command in a fresh project, with this interpreter as `python`."""
    project = fresh_project(root)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = project.environment(REPOSITORY, PATH=path)
    ran = project.run(*words, environment=environment, stdin=stdin)
    lines = ran.stderr.splitlines()
    own = [line for line in lines if not line.startswith(OF_FLOR)]
    return Left(ran.status, ran.stdout, "\n".join(own), files_of(project))


@pytest.mark.parametrize(
    ("how", "where", "status"),
    [
        ("return", "after", 0),
        ("exit", "inside", 3),
        ("exit-text", "after", 1),
        ("raise", "inside", 1),
        ("hard-exit", "inside", 5),
    ],
)
def test_a_script_ends_as_it_would_alone(how: str, where: str, status: int, tmp_path: Path) -> None:
    plain = run(tmp_path / "run", sys.executable, "train.py", how, where)

    recorded = run(tmp_path / "run", *FLOR, "record", "train.py", how, where)

    assert recorded == plain
    assert recorded.status == status
    assert "out/log.csv" in recorded.files


def test_death_by_a_signal_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    words = ("train.py", "signal", "inside")
    plain = run(tmp_path / "run", sys.executable, *words)

    recorded = run(tmp_path / "run", *FLOR, "record", *words)

    assert plain.status == -signal.SIGTERM
    assert recorded.status == 128 + signal.SIGTERM
    assert recorded.stdout == plain.stdout
    assert recorded.files == plain.files


def test_a_shell_script_is_recorded_with_the_python_in_it(tmp_path: Path) -> None:
    plain = run(tmp_path / "run", "bash", "run.sh", "exit", "two words")

    recorded = run(tmp_path / "run", *FLOR, "record", "--", "bash", "run.sh", "exit", "two words")

    assert recorded == plain
    assert recorded.status == 4


def test_a_module_of_a_package_is_recorded(tmp_path: Path) -> None:
    words = ("-m", "package.train", "--epochs", "3")
    plain = run(tmp_path / "run", sys.executable, *words)

    recorded = run(tmp_path / "run", *FLOR, "record", *words)

    assert recorded == plain
    assert "weights.pt" in recorded.files


def test_the_console_is_the_scripts_own(tmp_path: Path) -> None:
    stdin = b"a name\n0.5\n-1\n2.5"
    plain = run(tmp_path / "run", sys.executable, "console.py", "--flag", stdin=stdin)

    recorded = run(tmp_path / "run", *FLOR, "record", "console.py", "--flag", stdin=stdin)

    assert recorded == plain
    assert b"from a child" in recorded.stdout


def on_a_terminal(project: Project, *words: str, typed: bytes) -> tuple[int, bytes]:
    """Exit status and all that the screen shows, keys included; standard error goes elsewhere."""
    screen, terminal = pty.openpty()
    os.write(screen, typed)
    with subprocess.Popen(
        words,
        cwd=project.folder,
        env=project.environment(REPOSITORY, TERM="dumb"),
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(terminal)
        shown = b""
        # Linux ends a terminal that nobody holds any more by an error, others by nothing to read.
        with open(screen, "rb", buffering=0, closefd=True) as keys:
            try:
                while part := keys.read(4096):
                    shown += part
            except OSError:
                pass
    return process.returncode, shown


def test_a_terminal_stays_a_terminal(tmp_path: Path) -> None:
    typed = b"a name\n0.5\n\x04"
    plain = on_a_terminal(
        fresh_project(tmp_path / "run"), sys.executable, "console.py", typed=typed
    )

    recorded = on_a_terminal(
        fresh_project(tmp_path / "run"), *FLOR, "record", "console.py", typed=typed
    )

    assert recorded == plain
    assert b"<stdout> 1 True" in recorded[1]


def test_recording_leaves_nothing_behind_in_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path / "run")
    project.create({"train.py": TRAIN, "engine.py": ENGINE, ".gitignore": "__pycache__/\n"})
    project.commit()
    before = project.run("git", "log", "--format=%H", "HEAD", "--"), files_of(project)
    plain = project.python("train.py")

    recorded = project.flor("record", "train.py")

    assert recorded.stdout == plain.stdout
    assert project.python("train.py") == plain
    assert project.run("git", "status", "--porcelain").stdout == b""
    assert (project.run("git", "log", "--format=%H", "HEAD", "--"), files_of(project)) == before
