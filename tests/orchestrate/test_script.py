"""Reading the user's command line: script, module or any command; names; the project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from florctl.orchestrate.recording.script import UserCommand, check_name, project_for, read_command
from florlib.ground.errors import ScriptNotFound, UsageError

PYTHON = sys.executable


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A repository with a script, one in a folder, a package and two programs."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "train.py").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "fit.py").touch()
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "__main__.py").touch()
    program = tmp_path / "run.sh"
    program.write_text("#!/bin/sh\n")
    (tmp_path / "go").write_text("#!/usr/bin/env python3\n")
    return tmp_path


def read(words: str, cwd: Path, module: str | None = None) -> UserCommand:
    return read_command(words.split(), module=module, cwd=cwd)


@pytest.mark.parametrize(
    ("words", "command", "script", "label"),
    [
        ("train.py", [PYTHON, "train.py"], "train.py", "train"),
        (
            "train.py --name x -m 3",
            [PYTHON, "train.py", "--name", "x", "-m", "3"],
            "train.py",
            "train",
        ),
        ("sub/fit.py", [PYTHON, "sub/fit.py"], "sub/fit.py", "fit"),
        ("./train.py", [PYTHON, "./train.py"], "./train.py", "train"),
        ("tool --x", [PYTHON, "tool", "--x"], "tool", "tool"),
        ("go", [PYTHON, "go"], "go", "go"),
        ("bash run.sh 3", ["bash", "run.sh", "3"], None, "run"),
        ("bash -c true", ["bash", "-c", "true"], None, "bash"),
    ],
)
def test_commands(words: str, command: list[str], script: str, label: str, cwd: Path) -> None:
    found = read(words, cwd)

    assert found == UserCommand(tuple(command), script, label)


@pytest.mark.parametrize(
    ("module", "label"), [("pkg.train", "train"), ("pkg.__main__", "pkg"), ("torchrun", "torchrun")]
)
def test_modules(module: str, label: str, cwd: Path) -> None:
    found = read("--lr 3", cwd, module)

    assert found == UserCommand((PYTHON, "-m", module, "--lr", "3"), None, label)


def test_a_script_by_its_absolute_path(cwd: Path) -> None:
    found = read(f"{cwd}/sub/fit.py", cwd / "tool")

    assert (found.script, found.label) == (f"{cwd}/sub/fit.py", "fit")


def test_an_executable_is_run_as_it_is(cwd: Path) -> None:
    (cwd / "run.sh").chmod(0o755)

    assert read("./run.sh 3", cwd) == UserCommand(("./run.sh", "3"), None, "run")


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        ("", UsageError, "there is nothing to record", "flor record train.py"),
        (
            "trian.py --lr 3",
            ScriptNotFound,
            "there is no script trian.py here",
            "flor record train.py --lr 3",
        ),
        (
            "sub/ift.py",
            ScriptNotFound,
            "there is no script sub/ift.py here",
            "flor record sub/fit.py",
        ),
        ("./zzz", ScriptNotFound, "there is no script ./zzz here", "ls *.py"),
        ("sub", ScriptNotFound, "sub is a folder without a __main__.py", "ls sub"),
        (
            "run.sh 3",
            UsageError,
            "run.sh is no Python script, and not executable",
            "flor record -- bash run.sh 3",
        ),
    ],
)
def test_what_cannot_be_run(
    words: str, error: type[UsageError], message: str, hint: str, cwd: Path
) -> None:
    with pytest.raises(error) as caught:
        read(words, cwd)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_hint_can_be_pasted(cwd: Path) -> None:
    with pytest.raises(ScriptNotFound) as caught:
        read_command(["trian.py", "--note", "two words"], module=None, cwd=cwd)

    assert caught.value.hint == "flor record train.py --note 'two words'"


@pytest.mark.parametrize("name", ["linear", "a.b-c_2", "3"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "catalog.db", "\n"])
def test_no_names(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)

    hint = caught.value.hint or ""
    assert check_name(hint.split()[3]) in hint


def test_the_project_is_the_repository_around_the_present_folder(cwd: Path) -> None:
    assert project_for(read("sub/fit.py", cwd), cwd) == cwd
    assert project_for(read("fit.py", cwd / "sub"), cwd / "sub") == cwd
    assert project_for(read("", cwd / "sub", "fit"), cwd / "sub") == cwd


def test_a_script_elsewhere_brings_its_own_project(
    cwd: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    assert project_for(read(f"{cwd}/sub/fit.py", elsewhere), elsewhere) == cwd


def test_without_a_repository_the_folder_itself_is_the_project(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    (folder / "train.py").touch()

    assert project_for(read("train.py", folder), folder) == folder
