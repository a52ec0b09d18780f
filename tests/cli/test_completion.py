"""Completion: which words come after which, in shells that really ask, and what it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from florctl.cli import completing
from florctl.cli.completing import completions
from florlib.ground.layout import CATALOG_NAME
from tests.cli.conftest import Typed
from tests.homes import Home
from tests.runner import FlorRunner


@pytest.fixture
def complete(typed: Typed, trained: Home, tmp_path: Path):
    """Called with a line; answers with what may stand at its end."""
    typed("log", "list")

    def asked(line: str) -> list[str]:
        return completions(line.split(" "), trained.path, tmp_path / "project")

    return asked


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("log p", ["pivot", "plot"]),
        ("log", ["log"]),
        ("rep", ["replay"]),
        ("log list --na", ["--name"]),
        ("log list --name ", ["linear"]),
        ("log list --best mi", ["min:acc", "min:loss", "min:lr", "min:norm"]),
        ("log list --columns lr,a", ["lr,acc"]),
        ("log show ", ["linear", "@"]),
        ("log show li", ["linear"]),
        ("log show linear@", ["linear@3", "linear@2", "linear@1"]),
        ("log show @", ["@", "@~1", "@~2"]),
        ("log show @ ", []),
        ("log get linear@3 ", ["acc", "loss", "lr"]),
        ("log get linear@1 --json n", ["norm"]),
        ("log get linear@1 acc n", ["norm"]),
        ("log get zzz ", []),
        (
            "log pivot linear@3,linear@",
            ["linear@3,linear@3", "linear@3,linear@2", "linear@3,linear@1"],
        ),
        ("log pivot linear@3,linear@1 n", ["norm"]),
        ("log plot --where lr>1 l", ["loss", "lr"]),
        ("log plot @ loss --x ", ["iteration", "step", "time"]),
        ("log rm linear@1 linear@3", ["linear@3"]),
        ("export --to j", ["jsonl"]),
        ("completion z", ["zsh"]),
        ("record train.py ", []),
        ("record tr", []),
        ("nonsense ", []),
    ],
)
def test_what_may_stand_there(complete, line: str, found: list[str]):
    assert complete(line) == found


def test_it_reads_the_catalog_that_others_write():
    assert completing._CATALOG == CATALOG_NAME


def test_an_id_is_completed(complete, trained: Home):
    runs = sorted((path.name for path in trained.path.glob("linear/2*")), reverse=True)

    assert complete("log show 20") == runs


def test_every_command_and_option_is_known(complete):
    from florctl.cli.completing import tree_lines
    from florctl.cli.words import TREE

    assert "\n".join(tree_lines()) + "\n" == TREE


def test_without_a_catalog_there_are_no_runs(tmp_path: Path):
    assert completions(["log", "show", ""], tmp_path, tmp_path) == []
    assert not list(tmp_path.iterdir())
    (tmp_path / "catalog.db").write_text("no database")
    assert completions(["log", "show", ""], tmp_path, tmp_path) == []


def test_it_imports_nothing_that_takes_time():
    code = """if True:
        import sys
        sys.argv = ["flor", "_complete", "log", "get", "@", ""]
        from florctl.cli.entry import main
        main()
        print(*sys.modules, sep="\\n", file=sys.stderr)
        """
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(child.stderr.split())

    heavy = {"typer", "rich", "torch", "numpy", "dulwich", "sqlite_utils", "dataclasses", "inspect"}
    assert imported.isdisjoint({*heavy, "florctl.cli.app", "florctl.orchestrate.answers.harvest"})
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(len(sys.modules))"],
        capture_output=True,
        check=True,
    )
    assert len(imported) - int(bare.stdout) < 60


@pytest.mark.process
@pytest.mark.parametrize(
    ("line", "found"),
    [("flor log sho", "show"), ("flor log get linear@1 n", "norm"), ("flor log show linear@", "3")],
)
def test_bash_completes(typed: Typed, trained: Home, tmp_path: Path, line: str, found: str):
    typed("log", "list")
    flor = FlorRunner(tmp_path / "project")
    (tmp_path / "completion").write_text(flor("completion", "bash").stdout)
    program = tmp_path / "bin" / "flor"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m florctl "$@"\n')
    program.chmod(0o755)
    script = f"""
        . {tmp_path}/completion
        COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
        _flor
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{program.parent}:{os.environ['PATH']}"

    shown = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path},
        cwd=tmp_path / "project",
        capture_output=True,
        text=True,
        check=True,
    )

    assert (shown.stdout.split()[0], shown.stderr) == (found, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_parse(typed: Typed, shell: str, tmp_path: Path):
    script = tmp_path / "script"
    script.write_text(typed("completion", shell).stdout)

    assert "flor _complete" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    subprocess.run([shell, "-n", str(script)], check=True)


def test_an_unknown_shell(typed: Typed):
    result = typed("completion", "tcsh")

    assert (result.exit_code, result.stderr) == (
        2,
        "error: tcsh is none of bash, zsh, fish\nhint: flor completion bash\n",
    )
