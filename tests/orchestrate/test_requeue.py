"""`flor record --requeue`: asked to leave by a scheduler, and gone on with by the same command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exactness.harness import FLOR
from tests.orchestrate.test_replay import Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

# A turn tells that it is under way, and waits until the test has sent what it sends.
TRAIN = """\
import os, random, signal, sys, time
import flor

random.seed(3)
seen = []
for epoch in flor.loop("epoch", range(6)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random())
        if (epoch, step) == (3, 1) and not os.path.exists("../sent"):
            open("../under-way", "w").close()
            while not os.path.exists("../sent"):
                time.sleep(0.01)
            time.sleep(0.1)
    print(epoch, sum(seen))
print("done")
"""
OWN = "def own(*about):\n    print('own')\n    sys.exit(3)\nsignal.signal(signal.SIGTERM, own)\n"


def started(project: Project, *words: str) -> subprocess.Popen[str]:
    """A recording, in the middle of iteration 3."""
    environ = {**os.environ, "FLOR_HOME": str(project.home)}
    recording = subprocess.Popen(
        [*FLOR, "record", "--requeue", *words, "train.py"], cwd=project.folder, env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (project.folder.parent / "under-way").exists() and recording.poll() is None:
        pass
    return recording


def sent(project: Project, recording: subprocess.Popen[str], number: int) -> tuple[str, str]:
    """What it says after a signal."""
    recording.send_signal(number)
    (project.folder.parent / "sent").touch()
    return recording.communicate(timeout=60)


@pytest.fixture
def project(tmp_path: Path, flor_home: Path, flor_at: FlorAt) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder, flor_home, flor_at(folder))
    project.write(TRAIN)
    return project


def plain(project: Project) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "train.py"],
        cwd=project.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_it_leaves_at_a_boundary_and_the_same_command_goes_on(
    project: Project, number: signal.Signals
) -> None:
    recording = started(project, "--budget", "0%")  # iteration 3 has no boundary to come to it by
    said, told = sent(project, recording, number)
    assert recording.returncode == 85, told
    assert said.splitlines()[-1].startswith("3 ")  # the iteration under way came to its end
    assert f"{number.name}: the run stops at the next boundary" in told
    (before,) = json.loads(project.flor("log", "list", "--json").stdout)
    assert before["status"] == "killed"

    ran = project.flor("record", "--requeue", "train.py")

    assert ran.returncode == 0, ran.stderr
    assert "at epoch=4" in ran.stderr
    (run,) = json.loads(project.flor("log", "list", "--json").stdout)
    assert (run["run"], run["status"]) == (before["run"], "done")
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout)
    assert [row["value"] for row in rows] == plain(project)
    again = project.flor("record", "--requeue", "train.py")
    assert "resuming" not in again.stderr
    assert len(json.loads(project.flor("log", "list", "--json").stdout)) == 2


def test_it_leaves_at_a_step_that_it_can_go_on_from(project: Project) -> None:
    recording = started(project, "--budget", "10000%")
    said, told = sent(project, recording, signal.SIGUSR1)
    assert recording.returncode == 85, told
    assert said.splitlines()[-1].startswith("2 ")  # the iteration under way did not come to its end

    ran = project.flor("record", "--requeue", "--budget", "10000%", "train.py")

    assert ran.returncode == 0, ran.stderr
    assert "at epoch=3, step=2" in ran.stderr
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout)
    assert [row["value"] for row in rows] == plain(project)


def test_a_handler_of_the_scripts_own_stays(project: Project) -> None:
    project.write(TRAIN.replace("random.seed(3)\n", f"random.seed(3)\n{OWN}"))

    recording = started(project)
    said, _ = sent(project, recording, signal.SIGTERM)

    assert (recording.returncode, said.splitlines()[-1]) == (3, "own")


def test_the_status_can_be_chosen(project: Project) -> None:
    recording = started(project, "--requeue-status", "99")

    sent(project, recording, signal.SIGTERM)

    assert recording.returncode == 99


def test_a_run_that_failed_is_begun_anew(project: Project) -> None:
    project.write("import flor\nfor epoch in flor.loop('epoch', range(3)):\n    1 / (2 - epoch)\n")

    first = project.flor("record", "--requeue", "train.py")
    second = project.flor("record", "--requeue", "train.py")

    assert (first.returncode, second.returncode) == (1, 1)
    assert len(json.loads(project.flor("log", "list", "--json").stdout)) == 2
