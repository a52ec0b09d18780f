"""Replays on a real Ray cluster of two nodes, which see the folder of runs or do not.

Skipped where Ray is not installed (`make ray` installs it) and where no namespaces can be had.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.ray_nodes import ADDRESS, RayNodes, can_be_made, ray_nodes
from tests.orchestrate.test_replay import Project
from tests.orchestrate.test_workers import TRAIN
from tests.runner import FlorRunner

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(not can_be_made(), reason="no namespaces can be had"),
]

PROBE = 'print("size", len(seen), sum(seen)); time.sleep(0.3)'
WAIT_S = 90.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    folder = Path(tempfile.mkdtemp(prefix="fr", dir="/tmp"))
    try:
        with ray_nodes(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["shared", "sent"])
def project(
    request: pytest.FixtureRequest,
    nodes: RayNodes,
    tmp_path: Path,
    flor_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    """A recorded project in a folder that all nodes see, or that one of them does not."""
    base = tmp_path
    if request.param == "sent":
        base = Path(tempfile.mkdtemp(dir=nodes.hidden))
        flor_home = base / "home"
        monkeypatch.setenv("FLOR_HOME", str(flor_home))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_ADDRESS", ADDRESS)
    folder = base / "project"
    folder.mkdir()
    (folder / "rates.csv").write_text("".join(f"{n}\n" for n in range(1, 9)))
    made = Project(folder, flor_home, FlorRunner(folder, within=nodes.within_folder(folder)))
    made.record(TRAIN)
    return made


def probe(project: Project, line: str = PROBE, behind: str = "") -> None:
    project.write(TRAIN.replace("# PROBE", line).replace("# BEHIND", behind))


def plain_run(project: Project) -> list[str]:
    """The lines that the script prints of itself, with nothing replayed."""
    words = [sys.executable, "train.py"]
    ran = subprocess.run(words, cwd=project.folder, capture_output=True, text=True, check=True)
    return [line for line in ran.stdout.splitlines() if line.startswith("size")]


def printed(project: Project, report: dict[str, Any]) -> list[str]:
    lines = project.values("print", report["replay"])
    return [line for line in lines if line.startswith("size")]


def codes(report: dict[str, Any]) -> set[str]:
    return {one["code"] for one in report["warnings"]}


def wait_for(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)
    return found


def replaying(project: Project, *words: str) -> subprocess.Popen[str]:
    command = [
        *project.flor.within,
        sys.executable,
        "-m",
        "florctl",
        "replay",
        "--on",
        "ray",
        *words,
    ]
    return subprocess.Popen(
        command,
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def journals(project: Project, nodes: RayNodes) -> list[Path]:
    """Those of the workers, wherever they write."""
    here = project.home.glob("train/*/replays/*/journal.*.flor")
    return [*here, *nodes.temporary.glob("flor-*/run/replays/*/journal.*.flor")]


def telling(project: Project, nodes: RayNodes) -> int:
    """The process of a worker that has told a value."""
    for journal in journals(project, nodes):
        if b'"size' in journal.read_bytes():
            return int(journal.name.split(".")[2])
    return 0


def nothing_is_left(nodes: RayNodes) -> bool:
    return not nodes.processes("train.py$") and not list(nodes.temporary.glob("flor-*"))


def test_the_values_are_those_of_a_plain_run(project: Project, nodes: RayNodes) -> None:
    made = f'{PROBE}; open(f"size-{{epoch}}.txt", "w").write(str(len(seen)))'
    made += '; flor.log("device", os.environ["CUDA_VISIBLE_DEVICES"])'
    probe(project, made, 'flor.log("all", len(seen))')
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

    report = project.replay("--on", "ray", "--gpus", "2")

    assert (report["status"], report["workers"], report["warnings"]) == ("verified", 2, [])
    assert report["executed_iterations"] == 8
    assert printed(project, report) == plain_run(project)
    assert project.values("all", report["replay"]) == [24]
    assert project.values("device", report["replay"]) == ["0"] * 8
    assert report["outputs"] == [f"size-{n}.txt" for n in range(8)]
    (files,) = project.home.glob(f"train/*/replays/{report['replay']}/files")
    assert [int((files / f"size-{n}.txt").read_text()) for n in range(8)] == [*range(3, 25, 3)]
    assert nothing_is_left(nodes)


def test_others_do_what_a_killed_script_had_not_done(project: Project, nodes: RayNodes) -> None:
    probe(project)
    process = replaying(project, "--json", "--workers", "2")

    nodes.kill(wait_for(lambda: telling(project, nodes)))

    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    report = json.loads(stdout)
    assert report["status"] == "verified"
    assert "worker-died" in codes(report)
    assert printed(project, report) == plain_run(project)
    assert nothing_is_left(nodes)


def test_others_do_what_a_killed_worker_of_rays_had_not_done(
    project: Project, nodes: RayNodes
) -> None:
    probe(project)
    process = replaying(project, "--json", "--workers", "2")
    script = wait_for(lambda: telling(project, nodes))

    nodes.kill(int(nodes.run("ps", "-o", "ppid=", "-p", str(script))))

    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    report = json.loads(stdout)
    assert report["status"] == "verified"
    (died,) = (one["text"] for one in report["warnings"] if one["code"] == "worker-died")
    assert "was lost with its Ray worker" in died
    assert printed(project, report) == plain_run(project)
    assert nothing_is_left(nodes)


def test_ctrl_c_ends_the_tasks_and_keeps_what_is_finished(
    project: Project, nodes: RayNodes
) -> None:
    probe(project, PROBE.replace("0.3", "1.5"))
    process = replaying(project, "--json", "--workers", "2")
    wait_for(lambda: telling(project, nodes))
    wait_for(lambda: any(b'"piece"' in one.read_bytes() for one in journals(project, nodes)))

    (flor,) = nodes.processes("florctl replay")
    nodes.run("kill", "-INT", str(flor))

    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, stderr
    report = json.loads(stdout)
    assert report["status"] == "partial"
    given = printed(project, report)
    assert given
    assert set(given) <= set(plain_run(project))
    assert wait_for(lambda: nothing_is_left(nodes))


def test_nothing_goes_on_where_flor_is_killed(project: Project, nodes: RayNodes) -> None:
    probe(project, PROBE.replace("0.3", "3"))
    process = replaying(project, "--workers", "2")
    wait_for(lambda: telling(project, nodes))

    (flor,) = nodes.processes("florctl replay")
    nodes.kill(flor)

    process.communicate(timeout=WAIT_S)
    assert wait_for(lambda: not nodes.processes("train.py$") and not nodes.processes("ray_agent"))


def test_values_are_followed(project: Project, nodes: RayNodes) -> None:
    probe(project, 'flor.log("size", len(seen))')

    ran = project.flor("replay", "--on", "ray", "--follow", "--workers", "2")

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"epoch={n}\tsize\t{3 * n + 3}" for n in range(8)]


@pytest.mark.parametrize("project", ["shared"], indirect=True)
def test_other_versions_than_the_record_has(project: Project) -> None:
    (run,) = project.home.glob("train/*/run.json")
    content = json.loads(run.read_text())
    content["environment"]["torch"] = "1.0"
    run.write_text(json.dumps(content))
    probe(project)

    ran = project.flor("replay", "--on", "ray")

    assert (ran.returncode, ran.stdout) == (6, "")
    assert "and the run was recorded with 1.0" in ran.stderr
    assert "--on ray --force" in ran.stderr
    assert not list(project.home.glob("train/*/replays/*"))


# The last of all, as it leaves the cluster with one node.
@pytest.mark.parametrize("project", ["sent"], indirect=True)
def test_others_do_what_a_lost_node_had_not_done(project: Project, nodes: RayNodes) -> None:
    probe(project)
    process = replaying(project, "--json", "--workers", "2")
    wait_for(lambda: len(nodes.processes("train.py$")) == 2)

    nodes.kill(max(nodes.processes("raylet/raylet ")))

    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    report = json.loads(stdout)
    assert report["status"] == "verified"
    assert "worker-died" in codes(report)
    assert printed(project, report) == plain_run(project)
