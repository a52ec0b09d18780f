"""Replays of a run that does not repeat itself bit for bit: what is said of their values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exactness.harness import Project, ProjectAt

pytestmark = pytest.mark.process

# The file outside of the project is what a device's rounding would be: another one each time.
TRAIN = """\
import sys
import numpy as np
import flor

w = np.ones(3)
for epoch in flor.loop("epoch", range(4)):
    for step in flor.loop("step", range(2)):
        w = w * 0.9 + float(open(sys.argv[1]).read()) * (epoch == 2)
    flor.log("total", float(w.sum()))
"""
PROBE = '    flor.log("norm", float((w * w).sum()))\n'


@pytest.fixture
def project(project_at: ProjectAt, tmp_path: Path) -> Project:
    project = project_at(tmp_path / "p")
    project.create({"train.py": TRAIN})
    (tmp_path / "noise").write_text("0")
    ran = project.flor("record", "--budget", "10000%", "train.py", str(tmp_path / "noise"))
    assert ran.status == 0, ran.stderr
    (tmp_path / "noise").write_text("1e-7")
    inner = TRAIN.replace("    flor.log", "        print(step)\n    flor.log", 1)
    project.write({"train.py": inner + PROBE})
    return project


def norms(project: Project) -> list[tuple[bool | None, str | None]]:
    rows = json.loads(project.flor("log", "get", "@", "norm", "--json").stdout)
    return [(row["verified"], row["mark"]) for row in rows]


def replay(project: Project, *words: str) -> tuple[int, dict[str, Any]]:
    ran = project.flor("replay", "--json", *words)
    return ran.status, json.loads(ran.stdout)


def test_new_values_of_a_divergence_do_not_look_like_good_ones(project: Project) -> None:
    status, report = replay(project)

    assert (status, report["status"]) == (4, "diverged")
    assert report["first_divergence"]["position"] == [{"loop": "epoch", "index": 2}]
    expected = [(True, "verified")] * 2 + [(False, "diverged")] * 2
    assert norms(project) == expected
    assert project.flor("store", "rebuild").status == 0
    assert norms(project) == expected
    table = project.flor("log", "get", "@", "norm").stdout.decode().splitlines()
    assert [line.split()[-1] for line in table[1:]] == [mark for _, mark in expected]


def test_a_tolerance_covers_values_and_whole_states(project: Project) -> None:
    status, report = replay(project, "--tolerance", "1e-5")

    assert (status, report["status"]) == (0, "verified")
    assert report["compared"]["within_tolerance"] == 2
    states = report["end_states"]
    assert states == {"checked": 4, "identical": 2, "within_tolerance": 2}
    assert norms(project) == [(True, "verified")] * 4
    totals = json.loads(project.flor("log", "get", "@", "total", "--json").stdout)
    assert [row["verified"] for row in totals] == [True] * 4


def test_a_tolerance_that_is_too_small_is_a_divergence(project: Project) -> None:
    status, report = replay(project, "--tolerance", "1e-9")

    assert (status, report["end_states"]["within_tolerance"]) == (4, 0)
