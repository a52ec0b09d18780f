"""`flor doctor`: what is well, what is not, and what keeps a run from exact replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.test_replay import Project
from tests.runner import FlorRunner

SCRIPT = """\
import flor

words = open("words.txt").read().split()
for epoch in flor.loop("epoch", range(3)):
    print(epoch, len(words))
"""


@pytest.fixture
def project(tmp_path: Path, flor_home: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, flor_home, FlorRunner(cwd=folder))
    made.write("one two\n", "words.txt")
    return made


def asked(project: Project, *words: str, status: int = 0) -> list[dict[str, Any]]:
    ran = project.flor("doctor", *words, "--json")
    assert ran.returncode == status, (ran.stdout, ran.stderr)
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def of(found: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one for one in found if one["name"] == name]


@pytest.mark.process
def test_a_machine_without_runs_is_told_of(project: Project) -> None:
    found = asked(project)

    assert [one["status"] for one in of(found, "flor")] == ["ok"]
    assert of(found, "project")[0]["hint"] == "git init"
    table = project.flor("doctor").stdout
    assert table.splitlines()[0].split() == ["what", "how", "found", "hint"]


@pytest.mark.process
def test_a_run_that_is_well_says_so(project: Project) -> None:
    project.record(SCRIPT)

    found = asked(project, "@")

    assert [one["status"] for one in found] == ["ok"] * len(found)
    assert of(found, "loops")[0]["text"] == "3 iterations of main loops"


@pytest.mark.process
def test_what_keeps_a_run_from_exact_replay_is_named(project: Project) -> None:
    project.record(SCRIPT)
    project.write("three\n", "words.txt")
    project.write(SCRIPT.replace("range(3)", "range(4)"))
    damaged = project.checkpoint(1)
    damaged.write_bytes(damaged.read_bytes()[:-1])

    found = asked(project, "@", status=1)

    assert "words.txt has changed since the run read it" in of(found, "inputs")[0]["text"]
    assert of(found, "checkpoint")[0]["text"].startswith("checkpoints/000001.000000.safetensors")
    assert of(found, "code")[0]["hint"].startswith("flor shadow diff")


@pytest.mark.process
def test_journals_that_cannot_be_read_are_a_problem(project: Project) -> None:
    project.record(SCRIPT)
    (journal,) = project.home.glob("train/*/journal.*.flor")
    journal.write_bytes(b"nothing of the kind")

    found = asked(project, status=1)

    assert str(journal) in of(found, "journals")[0]["text"]
