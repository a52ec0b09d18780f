"""Runs from another machine: fetched into another home, listed and replayed there as where they were recorded.

The scripts train nothing, so that no child imports torch. The other machine is a folder that is moved away.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from florlib.ground.layout import RunLayout
from florlib.stores.journal import read_journal
from florlib.stores.spooled import read_spooled
from tests.homes import write_journal
from tests.orchestrate.test_replay import Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

TRAIN = """\
import datetime, os, random
import flor
import scale

random.seed(3)
day = datetime.datetime(2020, 1, 1)
here = os.path.dirname(os.path.abspath(__file__))
out = {"folder": here}
seen = []
for epoch in flor.loop("epoch", range(6)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random() * scale.BY)
        day += datetime.timedelta(days=step)
    print("epoch", epoch, sum(seen), day, out["folder"])
"""
PROBE = '    flor.log("size", [len(seen), sum(seen), str(day), out["folder"]])\n    print("epoch"'
PROBED = TRAIN.replace('    print("epoch"', PROBE)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def there(tmp_path: Path, flor_at: FlorAt) -> Project:
    """The machine that recorded, and has spooled the run and dropped its checkpoints."""
    folder = tmp_path / "there" / "project"
    folder.mkdir(parents=True)
    made = Project(folder, tmp_path / "there" / "home", at(flor_at, folder, tmp_path / "there"))
    (folder / "scale.py").write_text("BY = 3\n")
    made.write(TRAIN)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    made.record(TRAIN, str(folder / "train.py"), "--data", f"--out={folder}/x")
    ran = made.flor("spool", "dir", str(tmp_path / "disk"), "--keep-local", "none")
    assert ran.returncode == 0, ran.stderr
    return made


def at(flor_at: FlorAt, folder: Path, machine: Path) -> Any:
    flor = flor_at(folder)
    flor.environment.update(FLOR_HOME=str(machine / "home"))  # type: ignore[attr-defined]
    return flor


def here(there: Project, flor_at: FlorAt, tmp_path: Path, *, cloned: bool) -> Project:
    """Another machine, with the repository cloned or with nothing; the first one is gone."""
    folder = tmp_path / "here" / "work"
    if cloned:
        folder.parent.mkdir()
        git(tmp_path, "clone", "-q", str(there.folder), str(folder))
    else:
        folder.mkdir(parents=True)
    (tmp_path / "there").rename(tmp_path / "away")
    return Project(folder, tmp_path / "here" / "home", at(flor_at, folder, tmp_path / "here"))


def layout_in(home: Path) -> RunLayout:
    return RunLayout(next(home.glob("train/*/run.json")).parent)


def fetch(project: Project, tmp_path: Path, *words: str) -> dict[str, Any]:
    ran = project.flor("spool", "fetch", "--from", str(tmp_path / "disk"), "--json", *words)
    assert ran.returncode == 0, ran.stderr
    (found,) = json.loads(ran.stdout)["runs"]
    run: dict[str, Any] = found
    return run


def truth(tmp_path: Path, flor_at: FlorAt) -> list[Any]:
    """What a full run of the probed script logs where it was recorded."""
    (tmp_path / "away").rename(tmp_path / "there")
    folder = tmp_path / "there" / "project"
    project = Project(folder, tmp_path / "home", at(flor_at, folder, tmp_path))
    project.record(PROBED)
    return [one["value"] for one in values(project)]


def values(project: Project, *words: str) -> list[dict[str, Any]]:
    ran = project.flor("log", "get", "@", "size", "--json", *words)
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def codes(report: dict[str, Any]) -> set[str]:
    return {one["code"] for one in report["warnings"]}


def test_a_fetched_run_replays_bit_for_bit_in_a_clone(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    project = here(there, flor_at, tmp_path, cloned=True)
    head = subprocess.check_output(["git", "-C", str(project.folder), "for-each-ref"])

    run = fetch(project, tmp_path)

    assert (run["status"], run["ordinal"], run["project"]) == ("done", 1, str(project.folder))
    layout = layout_in(project.home)
    assert list(layout.checkpoints.iterdir()) == []
    assert subprocess.check_output(["git", "-C", str(project.folder), "for-each-ref"]) == head
    # A pickled object from elsewhere is not loaded: what needs it is executed instead.
    project.write(PROBED)
    untrusted = project.replay()
    assert (untrusted["status"], "restore-refused" in codes(untrusted)) == ("verified", True)
    again = project.flor("spool", "fetch", "@", "--trust")
    assert again.returncode == 0, again.stderr
    trusted = project.replay("--epochs", "4")
    assert (trusted["status"], "restore-refused" in codes(trusted)) == ("verified", False)
    assert trusted["executed_iterations"] == 1
    found = values(project)
    expected = truth(tmp_path, flor_at)
    assert [one["value"] for one in found] == expected
    origins = [untrusted["replay"]] * 6
    origins[4] = trusted["replay"]
    assert [one["origin"] for one in found] == origins
    assert {one["verified"] for one in found} == {True}


def test_without_a_clone_its_code_is_laid_out(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    project = here(there, flor_at, tmp_path, cloned=False)

    run = fetch(project, tmp_path, "train", "--trust")

    folder = project.folder / "train"
    assert (run["project"], run["laid_out"]) == (str(folder), True)
    assert (folder / "scale.py").read_text() == "BY = 3\n"
    (folder / "train.py").write_text(PROBED)
    report = Project(folder, project.home, at(flor_at, folder, tmp_path / "here")).replay()
    assert report["status"] == "verified"
    expected = truth(tmp_path, flor_at)
    inside = project.flor("log", "get", "train", "size", "--json")
    assert [one["value"] for one in json.loads(inside.stdout)] == expected


def test_code_of_before_comes_from_the_version(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    project = here(there, flor_at, tmp_path, cloned=True)
    run = fetch(project, tmp_path, "--trust")
    (project.folder / "scale.py").write_text("BY = 4\n")
    newer = project.flor("record", "--budget", "10000%", "train.py", "--data", "--out=x")
    assert newer.returncode == 0, newer.stderr
    project.write(PROBED)

    report = project.flor("replay", run["run"], "--force", "--json")
    shown = project.flor("shadow", "show", run["run"])
    listed = json.loads(project.flor("log", "list", "--json").stdout)

    assert report.returncode in (0, 4), report.stderr
    assert "scale.py" in shown.stdout + shown.stderr or shown.returncode == 0
    assert [one["ordinal"] for one in listed] == [2, 1]


def test_numbers_that_are_taken_are_given_anew(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    project = here(there, flor_at, tmp_path, cloned=True)
    project.record(TRAIN)

    run = fetch(project, tmp_path)
    again = fetch(project, tmp_path)

    assert (run["ordinal"], run["new"], again["new"]) == (2, True, False)
    listed = json.loads(project.flor("log", "list", "--json").stdout)
    assert sorted(one["ordinal"] for one in listed) == [1, 2]


def test_what_is_spooled_on_from_here_is_the_run_as_it_was_recorded(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    before = json.loads(next(there.home.glob("train/*/run.json")).read_text())
    project = here(there, flor_at, tmp_path, cloned=True)
    run = fetch(project, tmp_path)
    project.write(PROBED)
    replay = project.replay("--epochs", "2")

    ran = project.flor("spool", "dir", str(tmp_path / "disk"), run["run"])

    assert ran.returncode == 0, ran.stderr
    other = Project(project.folder, tmp_path / "third", at(flor_at, project.folder, tmp_path))
    other.flor.environment.update(FLOR_HOME=str(other.home))  # type: ignore[attr-defined]
    third = fetch(other, tmp_path)
    content = json.loads(next(other.home.glob("train/*/run.json")).read_text())
    assert content["fetched"]["project"] == before["project"]
    assert content["fetched"]["command"] == before["command"]
    assert third["checkpoints_absent"] == run["checkpoints_absent"]
    assert [one["origin"] for one in values(other)] == [replay["replay"]]


def test_a_killed_run_is_killed_here_too(there: Project, flor_at: FlorAt, tmp_path: Path) -> None:
    run_file = next(there.home.glob("train/*/run.json"))
    content = json.loads(run_file.read_text())
    run_file.write_text(json.dumps({**content, "ended": None, "exit_status": None, "boot": "old"}))
    (journal,) = RunLayout(run_file.parent).journals()

    write_journal(journal, [one for one in read_journal(journal).records if one["kind"] != "end"])
    os.utime(journal, (1e9, 1e9))
    ran = there.flor("spool", "dir", str(tmp_path / "disk"))
    assert ran.returncode == 0, ran.stderr
    project = here(there, flor_at, tmp_path, cloned=True)

    run = fetch(project, tmp_path)
    resumed = project.flor("resume", run["run"])

    assert run["status"] == "killed"
    assert resumed.returncode == 5
    assert "its state leads there" in resumed.stderr


def test_a_journal_that_is_gone_is_told_and_the_rest_is_fetched(
    there: Project, flor_at: FlorAt, tmp_path: Path
) -> None:
    spooled = read_spooled(layout_in(there.home).spool_file)
    journal = next(one for one in spooled.copies[0].manifest.files if "journal" in one.path)
    (tmp_path / "disk" / journal.chunks[0].object).unlink()
    (pack,) = [one for one in spooled.copies[0].manifest.version if one.path.endswith("0.pack")]
    (tmp_path / "disk" / pack.chunks[0].object).write_bytes(b"PACK")
    project = here(there, flor_at, tmp_path, cloned=True)

    ran = project.flor("spool", "fetch", "--from", str(tmp_path / "disk"), "--json")

    assert ran.returncode == 7
    (run,) = json.loads(ran.stdout)["runs"]
    assert len(run["problems"]) == 2
    assert "warning: train@1: its version is not here:" in ran.stderr
