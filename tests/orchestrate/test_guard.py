"""Probes that fail, or that do what nothing can undo: told by their line, and never an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from florlib.stores.journal import read_journal
from tests.exactness.harness import Project, ProjectAt

pytestmark = pytest.mark.process

TRAIN = """\
import csv
import random
import flor

def endless():
    rest = list(range(100))
    while True:
        yield rest.pop(0)

random.seed(1)
seen = []
counter = endless()
pairs = enumerate(zip(range(100), map(str, range(100))))
rows = csv.reader(f"{n},x" for n in range(100))
for epoch in flor.loop("epoch", range(4)):
    try:
        for step in flor.loop("step", range(2)):
            seen.append(random.random())
    except ZeroDivisionError:
        print("caught")
    finally:
        seen.append(0.5)
    print(epoch, sum(seen), next(counter), next(pairs), next(rows))
"""
STEP = "            seen.append(random.random())\n"
OUTER = "        seen.append(0.5)\n"


@pytest.fixture
def project(project_at: ProjectAt, tmp_path: Path) -> Project:
    project = project_at(tmp_path / "p")
    project.create({"train.py": TRAIN})
    ran = project.flor("record", "--budget", "10000%", "train.py")
    assert ran.status == 0, ran.stderr
    return project


def replay(project: Project, after: str, *lines: str) -> tuple[int, dict[str, Any], str]:
    """Replay with lines added behind one, at its indentation."""
    indent = after[: len(after) - len(after.lstrip())]
    added = "".join(f"{indent}{line}\n" for line in lines)
    assert TRAIN.count(after) == 1
    project.write({"train.py": TRAIN.replace(after, after + added)})
    ran = project.flor("replay", "--json")
    return ran.status, json.loads(ran.stdout) if ran.stdout else {}, ran.stderr


def values(project: Project, replay: str) -> list[tuple[Any, str]]:
    rows = json.loads(project.flor("log", "get", "@", "n", "--json").stdout)
    return [(row["value"], row["mark"]) for row in rows if row["origin"] == replay]


DIVIDES = "divide = lambda n: seen.append(1) or 1 / (2 - n)"


@pytest.mark.parametrize(
    "probe", [('flor.log("n", 1 / (2 - epoch))',), (DIVIDES, 'flor.log("n", divide(epoch))')]
)
def test_a_probe_that_raises_ends_the_replay_and_is_named(
    project: Project, probe: tuple[str, ...]
) -> None:
    status, report, told = replay(project, STEP, *probe)

    assert (status, report["status"]) == (7, "partial")
    line = 1 + len(probe) + TRAIN[: TRAIN.index(STEP)].count("\n")
    (warning,) = [one["text"] for one in report["warnings"] if one["code"] == "probe-raised"]
    assert f"train.py:{line} raised ZeroDivisionError: division by zero" in warning
    assert f"train.py:{line}" in told
    assert report["compared"]["different"] == report["compared"]["extra"] == 0
    assert values(project, report["replay"]) == [(0.5, "verified")] * 2 + [(1.0, "verified")] * 2


def test_an_error_that_a_probe_handles_is_undone_with_it(project: Project) -> None:
    status, report, _ = replay(
        project,
        STEP,
        "try:",
        "    seen.append(random.random())",
        "    [][1]",
        "except IndexError:",
        '    flor.log("n", len(seen))',
    )

    assert (status, report["status"]) == (0, "verified")
    assert [value for value, _ in values(project, report["replay"])] == [2, 3, 5, 6, 8, 9, 11, 12]


@pytest.mark.parametrize("name", ["counter", "pairs", "rows"])
def test_an_iterator_that_a_probe_uses_up_is_named(project: Project, name: str) -> None:
    status, report, _ = replay(project, OUTER, f'flor.log("n", str(next({name})))')

    assert (status, report["status"]) == (7, "partial")
    (warning,) = [one for one in report["warnings"] if one["code"] == "probe-not-undone"]
    assert f"took items from {name}" in warning["text"]
    assert report["compared"]["different"] == 0


def test_a_probe_that_leaves_iterators_alone_is_answered(project: Project) -> None:
    status, report, _ = replay(
        project, OUTER, 'flor.log("n", list(zip("ab", range(random.randint(1, 3)))))'
    )

    assert (status, report["status"]) == (0, "verified")


def test_how_often_the_state_was_held_around_a_line_is_journalled(project: Project) -> None:
    status, report, _ = replay(project, OUTER, 'flor.log("drawn", random.random())')

    (journal,) = (project.root / "home").rglob(f"{report['replay']}/journal.*.flor")
    (held,) = [one for one in read_journal(journal).records if one["kind"] == "held"]
    line = TRAIN[: TRAIN.index(OUTER)].count("\n") + 2
    assert (status, report["executed_iterations"]) == (0, 12)
    assert (held["path"], held["line"], held["count"]) == ("train.py", line, 4)


def test_a_line_that_only_looks_has_nothing_held(project: Project) -> None:
    _, report, _ = replay(project, OUTER, 'flor.log("sum", sum(seen).hex())')

    (journal,) = (project.root / "home").rglob(f"{report['replay']}/journal.*.flor")
    assert [one for one in read_journal(journal).records if one["kind"] == "held"] == []


def test_a_probe_that_exits_ends_nothing_but_the_replay(project: Project) -> None:
    helper = TRAIN.replace(
        "random.seed(1)\n", "def stop():\n    raise SystemExit(0)\nrandom.seed(1)\n"
    )
    project.write({"train.py": helper.replace(OUTER, OUTER + "        stop()\n")})

    ran = project.flor("replay", "--json")

    assert ran.status == 7
    assert "raised SystemExit" in ran.stderr
