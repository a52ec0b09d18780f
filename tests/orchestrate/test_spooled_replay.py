"""Replays, searches and resumptions of runs whose checkpoints were spooled: the same answers, and only what they need is fetched.

The scripts train nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from florlib.ground.layout import RunLayout
from florlib.stores.spooled import read_spooled
from tests.orchestrate.test_replay import Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

TRAIN = """\
import os, random, signal, time
import flor

random.seed(3)
seen = []
print("begin")
for epoch in flor.loop("epoch", range(8)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random())
        flor.log("draw", seen[-1])
        if os.environ.get("STOP") == f"{epoch}-{step}":
            time.sleep(1)  # what a kill may lose at most is half a second
            os.kill(os.getpid(), signal.SIGKILL)
    print("epoch", epoch, sum(seen))
print("end", sum(seen))
"""
OUTER = TRAIN.replace('    print("epoch"', '    flor.log("size", len(seen))\n    print("epoch"')
INNER = TRAIN.replace(
    "        if os", '        flor.log("twice", seen[-1] + seen[-1])\n        if os'
)


@pytest.fixture
def project(tmp_path: Path, flor_at: FlorAt) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    flor = flor_at(folder)
    flor.environment.update(FLOR_HOME=str(tmp_path / "home"))  # type: ignore[attr-defined]
    return Project(folder, tmp_path / "home", flor)


def layout_of(project: Project) -> RunLayout:
    (folder,) = (path.parent for path in project.home.glob("train/*/run.json"))
    return RunLayout(folder)


def spooled(project: Project, *words: str) -> RunLayout:
    """Send the run to a folder, and let all of its checkpoints go here."""
    ran = project.flor(
        "spool", "dir", str(project.home.with_name("disk")), "--keep-local", "none", *words
    )
    assert ran.returncode == 0, ran.stderr
    layout = layout_of(project)
    assert list(layout.checkpoints.glob("*.safetensors")) == []
    return layout


def values(project: Project, name: str) -> list[Any]:
    ran = project.flor("log", "get", "@", name, "--json")
    assert ran.returncode == 0, ran.stderr
    return [(one["position"], one["value"], one["verified"]) for one in json.loads(ran.stdout)]


def fetched(stderr: str) -> int:
    """How many checkpoints came back."""
    return sum(int(count) for count in re.findall(r"flor: fetching (\d+) checkpoint", stderr))


def test_answers_are_those_of_a_run_that_is_all_here(project: Project) -> None:
    project.record(TRAIN)
    whole = project.home.with_name("whole")
    shutil.copytree(project.home, whole)
    spooled(project)
    here = Project(project.folder, whole, project.flor)

    for text, name, words in (
        (INNER, "twice", ["--epochs", "2,6"]),
        (OUTER, "size", []),
    ):
        project.write(text)
        ran = project.flor("replay", *words)
        plain = project.flor("replay", *words, FLOR_HOME=str(here.home))

        assert (ran.returncode, plain.returncode) == (0, 0), ran.stderr
        assert ran.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]
        again = project.flor("log", "get", "@", name, "--json", FLOR_HOME=str(here.home))
        expected = [
            (one["position"], one["value"], one["verified"]) for one in json.loads(again.stdout)
        ]
        assert values(project, name) == expected
        assert fetched(plain.stderr) == 0


def test_only_what_the_plan_needs_is_fetched(project: Project) -> None:
    project.record(TRAIN)
    layout = spooled(project)
    project.write(INNER)

    ran = project.flor("replay", "--epochs", "5", "--json")
    again = project.flor("replay", "--epochs", "5", "--json")

    report = json.loads(ran.stdout)
    assert report["status"] == "verified"
    assert report["executed_iterations"] == 1 + 3
    spool = read_spooled(layout.spool_file)
    needed = {"checkpoints/000000.000000", "checkpoints/000005.000000", "checkpoints/000006.000000"}
    refers = {
        other
        for path in needed
        for other in getattr(spool.file(f"{path}.safetensors"), "refers_to", ())
    }
    here = {f"checkpoints/{path.name}" for path in layout.checkpoints.glob("*.safetensors")}
    assert here == {f"{path}.safetensors" for path in needed} | refers
    assert fetched(ran.stderr) == len(here) < 10
    assert fetched(again.stderr) == 0


def test_what_the_spool_has_lost_makes_the_way_longer_and_the_answer_no_other(
    project: Project,
) -> None:
    project.record(TRAIN)
    layout = spooled(project)
    project.write(INNER)
    lost = read_spooled(layout.spool_file).file("checkpoints/000005.000000.safetensors")
    assert lost is not None
    disk = project.home.with_name("disk")
    (disk / lost.chunks[0].object).unlink()

    ran = project.flor("replay", "--epochs", "5", "--json")

    report = json.loads(ran.stdout)
    assert report["status"] == "verified"
    assert "spool-damaged" in {one["code"] for one in report["warnings"]}
    project.record(INNER)
    truth = [one[1] for one in values(project, "twice")]
    replayed = project.flor("log", "get", "@~1", "twice", "--json")
    assert [one["value"] for one in json.loads(replayed.stdout)] == truth[15:18]


def test_a_spool_that_is_away_ends_the_replay_before_it_begins(project: Project) -> None:
    project.record(TRAIN)
    layout = spooled(project)
    project.write(OUTER)
    project.home.with_name("disk").rename(project.home.with_name("away"))

    ran = project.flor("replay")

    assert ran.returncode == 3
    assert "is the disk mounted?" in ran.stderr
    assert not layout.replays.exists()


def test_several_workers_and_a_search_fetch_what_they_need(project: Project) -> None:
    project.record(TRAIN)
    spooled(project)
    project.write(INNER)

    divided = project.flor("replay", "--workers", "2", "--json")
    found = project.flor("bisect", "len(seen) > 10", "--json")

    assert json.loads(divided.stdout)["status"] == "verified"
    assert len(values(project, "twice")) == 24
    assert json.loads(found.stdout)["position"] == [
        {"loop": "epoch", "index": 3},
        {"loop": "step", "index": 1},
    ]


def test_a_killed_run_goes_on_from_its_spool(project: Project) -> None:
    project.write(TRAIN)
    killed = project.flor("record", "--budget", "10000%", "train.py", STOP="5-1")
    for path in layout_of(project).journals():
        os.utime(path, (1e9, 1e9))  # it was long ago
    spooled(project)

    resumed = project.flor("resume")
    again = spooled(project)

    assert killed.returncode == 137
    assert resumed.returncode == 0, resumed.stderr
    assert fetched(resumed.stderr) >= 1
    draws = [value for _, value, _ in values(project, "draw")]
    project.record(TRAIN)
    assert draws == [value for _, value, _ in values(project, "draw")]
    kept = read_spooled(again.spool_file).copies[-1].manifest
    assert any(one.path.startswith("interrupted/") for one in kept.files)
    project.write(INNER)
    assert json.loads(project.flor("replay", "train@1", "--json").stdout)["status"] == "verified"
