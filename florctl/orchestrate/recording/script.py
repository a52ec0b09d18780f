"""The user's command line: what it runs, what the run is called, where its project lies."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from florctl.orchestrate.folders import project_of
from florlib.ground.errors import ScriptNotFound, UsageError
from florlib.ground.layout import CATALOG_NAME
from florlib.ground.meant import meant

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class UserCommand:
    """A command to record.

    Attributes:
        words: to execute, the program first.
        script: path as typed of the Python script, where there is one.
        label: what the run is called unless it is told otherwise.
    """

    words: tuple[str, ...]
    script: str | None
    label: str


def read_command(words: Sequence[str], *, module: str | None, cwd: Path) -> UserCommand:
    """Read `SCRIPT ARGS…`, `-m MODULE ARGS…` or `-- COMMAND ARGS…`.

    A first word that is no file but a program on PATH (bash, torchrun) is a command to run as
    it is; so is a file that is a program and no Python.

    Args:
        words: without the options of flor itself.
        module: of `-m`.
        cwd: the present folder.

    Raises:
        ScriptNotFound: there is no such script.
        UsageError: nothing to run was given.
    """
    if module is not None:
        label = module.removesuffix(".__main__").rpartition(".")[2]
        return UserCommand((sys.executable, "-m", module, *words), None, clean_name(label))
    if not words:
        raise UsageError("there is nothing to record", hint="flor record train.py")
    script = words[0]
    path = cwd / script
    if not path.exists():
        if os.sep not in script and shutil.which(script):
            return _any_command(words)
        raise ScriptNotFound(f"there is no script {script} here", hint=_nearest(script, cwd, words))
    if path.is_dir() and not (path / "__main__.py").is_file():
        raise ScriptNotFound(
            f"{script} is a folder without a __main__.py", hint=f"ls {shlex.quote(script)}"
        )
    if path.is_file() and path.suffix != ".py" and _is_program(path):
        if os.access(path, os.X_OK):
            return _any_command(words)
        raise UsageError(
            f"{script} is no Python script, and not executable",
            hint=f"flor record -- bash {shlex.join(words)}",
        )
    return UserCommand((sys.executable, *words), script, clean_name(path.stem))


def _any_command(words: Sequence[str]) -> UserCommand:
    scripts = [word for word in words if word.endswith((".py", ".sh"))]
    return UserCommand(
        tuple(words), None, clean_name(Path(scripts[0] if scripts else words[0]).stem)
    )


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.readline(128)
    return start.startswith(b"\x7fELF") or (start.startswith(b"#!") and b"python" not in start)


def _nearest(script: str, cwd: Path, words: Sequence[str]) -> str:
    folder = (cwd / script).parent
    candidates = [path.name for path in folder.glob("*.py")] if folder.is_dir() else []
    near = meant(Path(script).name, candidates, cutoff=0.4)
    if near:
        found = str(Path(script).parent / near[0])
        return f"flor record {shlex.join((found, *words[1:]))}"
    return "ls *.py"


def clean_name(label: str) -> str:
    """A name for runs that is as near to a text as one can be."""
    cleaned = re.sub(r"[^A-Za-z0-9_.-]", "-", label).lstrip(".-")
    return cleaned or "run"


def check_name(name: str) -> str:
    """A name for runs, which is also the name of a folder.

    Raises:
        UsageError: it cannot be one.
    """
    if not _NAME.fullmatch(name) or name == CATALOG_NAME:
        near = clean_name(Path(name).stem if name == CATALOG_NAME else name)
        raise UsageError(
            f"{name!r} cannot name a run: letters, digits, '_', '-' and '.' make a name",
            hint=f"flor record --name {near} train.py",
        )
    return name


def project_for(command: UserCommand, cwd: Path) -> Path:
    """The folder whose Python files are the user's own.

    The repository around the present folder, or around the script where that lies elsewhere;
    without a repository the folder itself.
    """
    project = project_of(cwd)
    if command.script is not None:
        script = (cwd / command.script).resolve()
        if project not in script.parents:
            return project_of(script if script.is_dir() else script.parent)
    return project
