"""The command line within the test's own process, and runs to ask it about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from tests.homes import HINDSIGHT, Home, log, training

Typed = Callable[..., Any]


@pytest.fixture
def typed(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Called with what stands after `flor`, typed in the project of the runs of `trained`."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return lambda *words, **more: CliRunner().invoke(app, words, **more)


def late(name: str, values: list[Any]) -> list[dict[str, Any]]:
    """The records of a replay that logs a new value in each epoch."""
    records = []
    for epoch, value in enumerate(values):
        here = [["epoch", epoch]]
        records.append({"kind": "skip", "position": here, "loop": "step", "iterations": 2})
        records.append(log(here, (name, value, HINDSIGHT)))
    return records


def replayed(home: Home, layout: Any, token: str, values: list[Any], mark: str | None) -> None:
    """A replay that logged `norm`, all of it marked alike; no report where there is no mark."""
    replay = home.replay(layout, token, late("norm", values))
    if mark is not None:
        marks = {replay.journals()[0].name: [[100, mark]]}
        report = {"status": mark, "seconds": 1.5, "marks": marks}
        replay.report_file.write_text(json.dumps(report))


@pytest.fixture
def trained(flor_home: Path, tmp_path: Path) -> Home:
    """linear@1 with verified late values, linear@2 with others that diverged, linear@3 without."""
    home, project = Home(flor_home), str(tmp_path / "project")
    first = home.run("aa1111", minutes_ago=90, project=project, records=training(3))
    replayed(home, first, "b00001", [1.0, 2.0, 3.0], "verified")
    replayed(home, first, "b00002", [9.0, 9.0, 9.0], "diverged")
    second = home.run(
        "bb2222", ordinal=2, minutes_ago=60, project=project, tags={}, records=training(2)
    )
    replayed(home, second, "b00003", [5.0, 6.0], "diverged")
    home.run("cc3333", ordinal=3, minutes_ago=30, project=project, records=training(1))
    return home
