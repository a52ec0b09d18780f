"""Commands that begin without typer: read as typer reads them, or left to it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florctl.cli import reading
from florctl.cli.app import main
from florctl.cli.at_once import COMMANDS, command_of

WORDS = [
    "@", "net@3", "loss", "", "-", "--", "-h", "--help", "--json", "--csv", "--js", "--json=1",
    "--limit", "--limit=3", "--limit=0", "--limit=x", "7", "-1", "--name", "--name=a", "--name=",
    "--where", "lr < 1", "--where=-x", "--columns", "--columns=lr,loss", "--best", "min:loss",
    "--sort", "--reverse", "--here", "--all", "--no-all", "--save", "--save=out", "--unknown", "--lim", "٣",
]  # fmt: skip


def called(monkeypatch: pytest.MonkeyPatch, run: Any) -> list[tuple[str, dict[str, Any]]]:
    """The functions of reading.py that something calls, with all of their arguments."""
    calls = []
    with monkeypatch.context() as patch:
        for name in COMMANDS.values():
            signature = inspect.signature(getattr(reading, name))

            def note(*args: Any, _name: str = name, _of: Any = signature, **options: Any) -> None:
                bound = _of.bind(*args, **options)
                bound.apply_defaults()
                calls.append((_name, {k: v or None for k, v in bound.arguments.items()}))

            patch.setattr(reading, name, note)
        run()
    return calls


@given(st.sampled_from(list(COMMANDS)), st.lists(st.sampled_from(WORDS), max_size=5))
def test_words_mean_what_they_mean_to_typer(name: str, words: list[str]) -> None:
    argv = [*name.split(), *words]
    with pytest.MonkeyPatch.context() as monkeypatch:

        def begin() -> None:
            command = command_of(argv)
            if command is not None:
                command()

        ours = called(monkeypatch, begin)
        theirs = called(monkeypatch, lambda: main(argv))
    assert ours in ([], theirs)


@pytest.mark.parametrize(
    "words",
    [
        "log list",
        "log list --limit 3 --name net --json",
        "log list --columns lr,loss --columns acc --best min:loss --sort min:loss --reverse",
        "log show @",
        "log get @",
        "log get @ loss acc --csv",
        "log get --save=out @ image",
    ],
)
def test_plain_words_are_read_at_once(words: str) -> None:
    assert command_of(words.split()) is not None


@pytest.mark.parametrize(
    "words",
    [
        "",
        "log",
        "log --help",
        "log list --help",
        "log list --limit none",
        "log list --limit",
        "log list --colums lr",
        "log list extra",
        "log show",
        "log show @ @",
        "log get",
        "record train.py",
        "query SELECT",
    ],
)
def test_the_rest_is_for_typer(words: str) -> None:
    assert command_of(words.split()) is None


def test_a_list_of_runs_loads_neither_typer_nor_rich(tmp_path: Any) -> None:
    code = (
        "import sys; from florctl.cli.entry import main; sys.argv = ['flor', 'log', 'list'];"
        "status = main(); print(status, {'typer', 'click', 'rich'} & {*sys.modules})"
    )
    environment = {"FLOR_HOME": str(tmp_path), "PATH": ""}
    for loaded in (
        "{'click'}",
        "set()",
    ):  # a new catalog is made with sqlite-utils, which loads click
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == f"0 {loaded}\n"
        assert done.stderr == "flor: no runs recorded yet\nhint: flor record train.py\n"


def test_an_error_ends_it_as_it_ends_every_command(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "florctl", "log", "show", "none"],
        env={"FLOR_HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "error: no runs recorded yet\nhint: flor record train.py\n"
