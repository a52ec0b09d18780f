"""Replays of runs that are older than the code: each in its own version, with what is asked today.

The scripts train nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.test_replay import Project
from tests.runner import FlorRunner

pytestmark = pytest.mark.process

FIRST = """\
import argparse
import random
import flor
import rates

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
lr = parser.parse_args().lr
random.seed(3)
seen = []
with open("words.txt") as file:
    words = file.read().split()
for epoch in flor.loop("epoch", range(4)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random() * lr * rates.RATE)
    total = sum(seen) + len(words)
    print("epoch", epoch, total)
print("done", len(seen))
"""
SECOND = FIRST.replace("seen", "drawn").replace("range(4)", "range(5)")
THIRD = SECOND.replace("    print('epoch'", "    drawn.sort()\n    print('epoch'").replace(
    "random.seed(3)", "random.seed(4)"
)
VERSIONS = {
    "train@1": (FIRST, "RATE = 1\n", "one two\n"),
    "train@2": (SECOND, "RATE = 2\n", "one two three\n"),
    "train@3": (THIRD, "RATE = 3\n", "one\n"),
}


def asked(text: str, name: str) -> str:
    """A version with the question put in by hand."""
    line = f'    flor.log("mean", sum({name}) / len({name}))\n'
    return text.replace('    print("epoch"', line + '    print("epoch"')


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three versions, each recorded once; tests that record more make a project of their own."""
    return recorded_in(tmp_path_factory.mktemp("versions"))


def recorded_in(root: Path) -> Project:
    folder, home = root / "project", root / "home"
    folder.mkdir()
    runner = FlorRunner(cwd=folder, environment={"FLOR_HOME": str(home)})
    made = Project(folder, home, runner)
    git(made, "init", "--quiet")
    for number, (text, rates, words) in enumerate(VERSIONS.values(), start=1):
        made.write(rates, "rates.py")
        made.write(words, "words.txt")
        made.record(text, "train.py", "--lr", f"0.{number}")
    made.write("too new for them all\n", "words.txt")
    return made


@pytest.fixture
def project(recorded: Project) -> Project:
    recorded.write(asked(THIRD, "drawn"))
    return recorded


def git(project: Project, *words: str) -> str:
    command = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words)
    ran = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    return ran.stdout


def by_hand(project: Project, run: str, tmp_path: Path) -> list[float]:
    """What a plain run of a version with the question in it logs."""
    text, rates, words = VERSIONS[run]
    folder = tmp_path / f"plain-{run}"
    folder.mkdir()
    name = "seen" if text is FIRST else "drawn"
    (folder / "train.py").write_text(asked(text, name).replace("flor.log(", "print("))
    (folder / "rates.py").write_text(rates)
    (folder / "words.txt").write_text(words)
    (folder / "flor.py").write_text("def loop(name, it): return it\n")
    number = run.rpartition("@")[2]
    ran = subprocess.run(
        [project_python(), "train.py", "--lr", f"0.{number}"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("mean")]


def project_python() -> str:
    import sys

    return sys.executable


def values(project: Project, run: str, replay: str) -> list[Any]:
    rows = json.loads(project.flor("log", "get", run, "mean", "--json").stdout)
    return [row["value"] for row in rows if row["origin"] == replay]


def test_a_question_of_today_is_answered_by_an_earlier_version(
    project: Project, tmp_path: Path
) -> None:
    before = (project.files(), git(project, "rev-parse", "flor.shadow"))

    report = project.replay("train@1")

    assert report["status"] == "verified"
    assert [(one["line"], one["at"]) for one in report["placed"]] == [(17, 17)]
    assert values(project, "train@1", report["replay"]) == by_hand(project, "train@1", tmp_path)
    assert (project.files(), git(project, "rev-parse", "flor.shadow")) == before


def test_all_versions_are_asked_in_one_command(project: Project, tmp_path: Path) -> None:
    ran = project.flor("replay", "--all-versions", "--json", "--workers", "2")

    assert ran.returncode == 0, ran.stderr
    reports = json.loads(ran.stdout)
    runs = ["train@3", "train@2", "train@1"]
    assert [report["status"] for report in reports] == ["verified"] * 3
    for run, report in zip(runs, reports, strict=True):
        assert values(project, run, report["replay"]) == by_hand(project, run, tmp_path)
    assert "3 runs: 3 verified" in ran.stderr


def test_the_table_has_a_column_for_each_name(project: Project) -> None:
    ran = project.flor("replay", "--last", "2")

    head, *rows = ran.stdout.splitlines()
    assert head.split() == ["run", "epoch", "mean"]
    assert [row.split()[:2] for row in rows] == [
        [run, str(epoch)] for run in ("train@3", "train@2") for epoch in range(5)
    ]


@pytest.mark.parametrize(
    ("where", "runs"),
    [
        ("lr < 0.25 and status = 'done'", 2),
        ("ordinal == 1", 1),
        ("status = 'done' and total > 0", 3),
    ],
)
def test_runs_are_chosen_by_arguments_and_status(project: Project, where: str, runs: int) -> None:
    if "total" in where:
        project.write(asked(THIRD, "drawn").replace('log("mean"', 'log("other"'))
        ran = project.flor("replay", "--all-versions", "--plan", "--where", where)
        assert "logged no total" in ran.stdout
        return
    ran = project.flor("replay", "--all-versions", "--plan", "--json", "--where", where)

    assert len(json.loads(ran.stdout)["runs"]) == runs


def test_what_has_no_place_in_a_version_is_told_and_the_others_are_answered(
    project: Project,
) -> None:
    project.write(THIRD.replace("    print(", "    flor.log('new', lr * total)\n    print(", 1))
    project.write(FIRST.replace("total", "everything"), "elsewhere.py")

    ran = project.flor("replay", "--all-versions", "--plan")

    assert ran.returncode == 0, ran.stderr
    lines = [line.split()[:4] for line in ran.stdout.splitlines() if line.startswith("train@")]
    assert ["train@1", "train.py:17", "train.py:17", "where"] in lines


def test_a_version_is_checked_without_a_question(project: Project) -> None:
    project.write(THIRD)

    report = project.replay("train@1", "--verify")

    assert (report["status"], report["compared"]["identical"]) == ("verified", 5)


def test_nothing_is_started_where_nothing_is_asked(project: Project) -> None:
    project.write(THIRD)

    report = project.replay("train@1")

    assert (report["status"], report["replay"]) == ("unverified", None)


def test_the_sources_are_shown_before_they_run(project: Project) -> None:
    ran = project.flor("replay", "train@2", "--preview")

    added = [line for line in ran.stdout.splitlines() if line.startswith("+ ")]
    assert added == ['+    flor.log("mean", sum(drawn) / len(drawn))']


def test_a_version_whose_line_has_no_place_is_refused(tmp_path: Path) -> None:
    project = recorded_in(tmp_path)
    third = THIRD.replace("drawn = []", "drawn = []\nnowhere = 1")
    project.record(third)
    project.write(third.replace("    print(", "    flor.log('n', nowhere)\n    print(", 1))

    ran = project.flor("replay", "train@1")

    assert ran.returncode == 6
    assert "`nowhere` has no value in that version" in ran.stderr
    assert "hint: flor replay" in ran.stderr


def test_a_run_without_a_version_has_the_code_that_it_loaded(tmp_path: Path) -> None:
    project = recorded_in(tmp_path)
    project.write("RATE = 7\n", "rates.py")
    project.write("one\n", "words.txt")
    project.write(FIRST)
    assert project.flor("record", "--no-version", "train.py").returncode == 0
    project.write("RATE = 8\n", "rates.py")
    project.record(FIRST + "# another\n")
    project.write(asked(FIRST, "seen") + "# another\n")

    report = project.replay("train@4")

    assert report["status"] == "verified"
    assert [one["code"] for one in report["warnings"]] == ["version-missing"]
