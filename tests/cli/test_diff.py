"""`flor diff`: two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florlib.ground.layout import RunLayout
from tests.homes import END, HINDSIGHT, Home, log, process, training, write_journal
from tests.projects import GitProject, record

Flor = Callable[..., Any]
ENVIRONMENT = {"python": "3.12.1", "platform": "linux", "variables": {"RANK": "0"}}


@pytest.fixture
def flor() -> Flor:
    """The command line in this process."""
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def home(flor_home: Path) -> Home:
    return Home(flor_home)


@pytest.fixture
def project(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> GitProject:
    """Two runs: the second of changed code, with another argument, on another Python."""
    made = GitProject(tmp_path / "project")
    made.root.mkdir()
    made.git("init", "-q")
    made.commit(train="one\n")
    monkeypatch.chdir(made.root)
    record(home, made, "aaaaaa", ordinal=1, records=training())
    made.write("train.py", "one\ntwo\n")
    changed = [one for one in training(epochs=3) if one["kind"] != "arg"]
    arg = {"kind": "arg", "name": "lr", "value": 0.5, "source": "argparse"}
    momentum = {"kind": "arg", "name": "momentum", "value": 0.9, "source": "argparse"}
    records = [arg, momentum, *changed]
    record(home, made, "bbbbbb", ordinal=2, records=records, environment=ENVIRONMENT)
    return made


def answer(flor: Flor, *words: str) -> Any:
    done = flor("diff", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def by_name(objects: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {one["name"]: (one["a"], one["b"]) for one in objects}


def test_code_arguments_environment_and_last_values(flor: Flor, project: GitProject) -> None:
    found = answer(flor, "linear@1", "@")

    values = by_name(found["values"])
    assert (found["a"]["ordinal"], found["b"]["ordinal"]) == (1, 2)
    assert [(one["path"], one["added"], one["deleted"]) for one in found["code"]] == [
        ("train.py", 1, 0)
    ]
    assert found["code"][0]["patch"].endswith(" one\n+two\n")
    assert by_name(found["arguments"]) == {"lr": (0.1, 0.5), "momentum": (None, 0.9)}
    assert by_name(found["environment"]) == {
        "python": ("3.11.7", "3.12.1"),
        "platform": ("linux", "linux"),
        "hostname": ("host-1", None),
        "variables.RANK": (None, "0"),
    }
    assert [side["value"] for side in values["loss"]] == [1 / 4, 1 / 6]
    assert [side["value"] for side in values["acc"]] == [0.25, 0.5]
    assert values["acc"][1]["position"] == [{"loop": "epoch", "index": 2}]
    assert {side["origin"] for side in values["lr"]} == {"record"}


def test_the_run_before_stands_in_for_one_that_is_not_named(
    flor: Flor, project: GitProject
) -> None:
    expected = answer(flor, "linear@1", "linear@2")

    assert answer(flor) == answer(flor, "@") == answer(flor, "flor.shadow") == expected


def test_it_goes_by_two_names(flor: Flor, project: GitProject) -> None:
    assert flor("log", "diff").output == flor("diff").output


def test_tables_show_what_differs(flor: Flor, project: GitProject) -> None:
    done = flor("diff")

    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["run", "linear@1", "linear@2"]
    assert ["modified", "train.py", "1", "0"] in lines
    assert ["lr", "0.1", "0.5"] in lines
    assert ["python", "3.11.7", "3.12.1"] in lines
    assert ["acc", "0.25", "0.5"] in lines
    assert not any(line[:1] == ["platform"] for line in lines)
    (hint,) = done.stderr.splitlines()
    shown = CliRunner().invoke(app, hint.removeprefix("hint: flor ").split())
    assert shown.stdout.endswith(" one\n+two\n")


def test_records_of_all_parts(flor: Flor, project: GitProject) -> None:
    rows = [line.split("\t") for line in flor("diff", "--plain").stdout.splitlines()]

    assert ["code", "train.py", "0", "1"] in rows
    assert ["argument", "lr", "0.1", "0.5"] in rows
    assert ["environment", "platform", "linux", "linux"] in rows
    assert ["value", "acc", "0.25", "0.5"] in rows


def test_the_same_run_twice_has_only_the_same(flor: Flor, project: GitProject) -> None:
    done = flor("diff", "@", "@")

    assert done.stderr == "flor: the same code, arguments, environment\n"
    assert answer(flor, "@", "@")["code"] == []


def test_without_a_version_the_rest_is_compared(
    flor: Flor, project: GitProject, home: Home
) -> None:
    home.run("cccccc", ordinal=3, minutes_ago=1, project=str(project.root), version=None)

    done, found = flor("diff"), answer(flor)

    assert "warning: the code is not compared: linear@3 has no version" in done.stderr
    assert found["code"] is None
    assert by_name(found["arguments"])["lr"] == (0.5, None)


def test_late_values_are_shown_with_how_far_they_can_be_trusted(
    flor: Flor, project: GitProject, home: Home
) -> None:
    layout = RunLayout(next(home.path.glob("linear/*-aaaaaa")))
    report = {"status": "diverged", "marks": {"journal.0.200.flor": [[99, "diverged"]]}}
    late = [log([["epoch", n]], ("norm", n, HINDSIGHT)) for n in (0, 1)]
    home.replay(layout, "b00001", late, report)

    found = by_name(answer(flor, "linear@1", "linear@2")["values"])["norm"]

    assert (found[0]["value"], found[0]["mark"], found[1]) == (1, "diverged", None)
    assert "1 (diverged)" in flor("diff", "linear@1", "linear@2").stdout


def test_of_several_processes_the_lowest_rank_and_the_last_to_start_speaks(
    flor: Flor, project: GitProject, home: Home
) -> None:
    layout = record(home, project, "cccccc", ordinal=3)
    for rank, pid, started, value in (
        (0, 300, "2026-01-01T10:00:00+00:00", 1),
        (0, 200, "2026-01-01T11:00:00+00:00", 2),
        (1, 400, "2026-01-01T12:00:00+00:00", 3),
    ):
        head = process(run=layout.run, rank=rank, pid=pid, started=started)
        write_journal(layout.journal(rank, pid), [head, log([], ("loss", value)), END])

    assert by_name(answer(flor)["values"])["loss"][1]["value"] == 2


def test_the_first_of_a_name_and_too_many_runs(flor: Flor, project: GitProject) -> None:
    first, many = flor("diff", "linear@1"), flor("diff", "@", "@", "@")

    assert (first.exit_code, many.exit_code) == (3, 2)
    assert "linear@1 is the first of its name" in first.stderr
    assert many.stderr.splitlines()[-1] == "hint: flor diff @~1 @"
