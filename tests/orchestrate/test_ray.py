"""Replays on machines of a cluster, with a stand-in for Ray: what it is asked for, and what is refused.

`test_ray_cluster.py` does the same with Ray itself.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from florctl.orchestrate.machines.cluster import Cluster
from florctl.orchestrate.machines.ray_connection import RayConnection, connection
from florlib.ground.errors import NoCluster, UsageError
from tests.orchestrate.test_replay import Project
from tests.orchestrate.test_workers import TRAIN
from tests.runner import FlorRunner

pytestmark = pytest.mark.process

FAKE = Path(__file__).with_name("fake_ray")
PROBE = 'flor.log("size", len(seen))'
SIZES = [3, 6, 9, 12, 15, 18, 21, 24]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    base = tmp_path_factory.mktemp("ray")
    folder, home = base / "project", base / "home"
    folder.mkdir()
    (folder / "rates.csv").write_text("".join(f"{n}\n" for n in range(1, 9)))
    made = Project(folder, home, FlorRunner(cwd=folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOR_HOME", str(home))
        made.record(TRAIN)
    return made


@pytest.fixture
def project(recorded: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FLOR_HOME", str(recorded.home))
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    probe(recorded)
    return recorded


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the stand-in found by this process and by its children."""
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    return lambda **words: monkeypatch.setenv("FAKE_RAY", json.dumps(words))


def probe(project: Project, line: str = PROBE, behind: str = "") -> None:
    project.write(TRAIN.replace("# PROBE", line).replace("# BEHIND", behind))


def asked(**fake: Any) -> dict[str, str]:
    return {"FAKE_RAY": json.dumps(fake)}


def test_a_worker_is_a_task_with_a_gpu(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "told"

    report = project.replay("--on", "ray", "--gpus", "auto", **asked(told=str(told)))

    assert (report["status"], report["workers"]) == ("verified", 2)
    assert project.values("size", report["replay"]) == SIZES
    options = [json.loads(line) for line in told.read_text().splitlines()]
    assert options == 2 * [
        {"max_retries": 0, "scheduling_strategy": "SPREAD", "num_gpus": 1.0, "num_cpus": 0}
    ]


def test_a_worker_takes_as_many_processors_as_it_has_threads(
    project: Project, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    nodes = [(8.0, 0.0), (8.0, 0.0)]

    project.replay("--on", "ray", "--workers", "2", **asked(told=str(told), nodes=nodes))

    options = [json.loads(line) for line in told.read_text().splitlines()]
    assert [one["num_cpus"] for one in options] == [1.0, 1.0]  # OMP_NUM_THREADS of the tests


def test_what_nodes_do_not_see_is_sent_to_them_and_comes_back(
    project: Project, tmp_path: Path
) -> None:
    line = f'{PROBE}; open(f"size-{{epoch}}.txt", "w").write(str(len(seen)))'
    probe(project, line, 'flor.log("all", len(seen)); flor.log("where", os.getcwd())')

    report = project.replay("--on", "ray", "--workers", "2", **asked(blind=True))

    assert (report["status"], report["workers"], report["warnings"]) == ("verified", 2, [])
    assert project.values("size", report["replay"]) == SIZES
    assert project.values("all", report["replay"]) == [24]
    assert project.values("where", report["replay"]) == [str(project.folder)]
    assert report["outputs"] == [f"size-{n}.txt" for n in range(8)]
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("blind", [False, True])
def test_a_worker_that_is_lost_is_replaced(project: Project, blind: bool) -> None:
    fake = asked(dies=1, blind=blind)

    report = project.replay("--on", "ray", "--workers", "2", **fake)

    assert report["status"] == "verified"
    assert project.values("size", report["replay"]) == SIZES
    (died,) = (one["text"] for one in report["warnings"] if one["code"] == "worker-died")
    assert died == (
        "worker 0 was lost with its Ray worker (The worker died unexpectedly); others did its part"
    )


@pytest.mark.parametrize("blind", [False, True])
def test_workers_that_are_lost_again_and_again_leave_a_part(project: Project, blind: bool) -> None:
    fake = asked(dies=100, blind=blind)

    report = project.replay("--on", "ray", "--workers", "2", status=7, **fake)

    assert report["status"] == "partial"
    assert report["workers"] <= 6


def test_a_cluster_that_goes_leaves_a_part(project: Project) -> None:
    report = project.replay("--on", "ray", "--workers", "2", status=7, **asked(ends=2))

    assert report["status"] == "partial"
    told = {one["code"]: one["text"] for one in report["warnings"]}
    assert "was lost with the connection to the cluster" in told["worker-died"]
    assert "the connection to Ray was lost" in told["worker-not-started"]


def test_what_is_not_divided_is_sent_whole(project: Project) -> None:
    report = project.replay("--on", "ray", **asked(blind=True))

    assert (report["status"], report["workers"]) == ("verified", 1)
    assert project.values("size", report["replay"]) == SIZES


def test_files_are_sent_as_a_loop_left_them(tmp_path: Path, project: Project) -> None:
    text = 'import flor\nfor epoch in flor.loop("epoch", range(4)):\n'
    text += '    with open("last.txt", "w") as file:\n        file.write(str(epoch))\n'
    text += '    print("epoch", epoch)\nprint("last", open("last.txt").read())\n'
    own = Project(tmp_path, project.home, FlorRunner(cwd=tmp_path))
    own.record(text)
    own.write(text + 'flor.log("last", int(open("last.txt").read()))\n')

    report = own.replay("--on", "ray", **asked(blind=True))

    assert (report["status"], report["executed_iterations"]) == ("verified", 0)
    assert own.values("last", report["replay"]) == [3]


def test_what_failed_on_what_was_restored_is_executed_anew_there(
    tmp_path: Path, project: Project
) -> None:
    text = "import os\nimport flor\n"
    text += 'for epoch in flor.loop("epoch", range(3)):\n    if epoch == 0:\n'
    text += "        number = os.dup2(os.open(os.devnull, os.O_RDONLY), 77)\n"
    text += '    os.fstat(number)\n    print("epoch", epoch)\n'
    own = Project(tmp_path, project.home, FlorRunner(cwd=tmp_path))
    own.record(text)
    own.write(text + '    flor.log("size", epoch)\n')

    report = own.replay("--on", "ray", "--epochs", "2", **asked(blind=True))

    assert "executed-anew" in {one["code"] for one in report["warnings"]}
    assert own.values("size", report["replay"]) == [2]


def test_the_connection_is_lost(fake: Callable[..., None]) -> None:
    fake(falls=True)

    with pytest.raises(NoCluster, match=r"was lost .*ImportError: no Ray for this Python"):
        with connection({}):
            pass


def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(UsageError, match="Ray is not installed") as told, connection({}):
        pass

    assert told.value.hint == "pip install 'florctl[ray]'"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "^Could not find any running Ray instance$"),
        ("127.0.0.1:1", "there is no Ray cluster at 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "there is no Ray cluster at ray://127.0.0.1:1"),
        ("local", "RAY_ADDRESS=local names no cluster"),
    ],
)
def test_there_is_no_cluster(fake: Callable[..., None], address: str | None, said: str) -> None:
    fake(refuses="Could not find any running Ray instance. Please specify one.")
    environ = {} if address is None else {"RAY_ADDRESS": address}

    with pytest.raises(NoCluster, match=said) as told, connection(environ):
        pass

    assert told.value.hint == "RAY_ADDRESS=HOST:PORT flor replay --on ray"


def test_the_process_that_talks_to_ray_ends_with_the_connection(fake: Callable[..., None]) -> None:
    fake()
    with connection({}) as (_, nodes):
        running = children_of_this_process()

    assert [node["host"] for node in nodes] == ["host-0", "host-1"]
    assert running
    assert not children_of_this_process()


def children_of_this_process() -> list[str]:
    pid = os.getpid()
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize(
    ("gpus", "there", "said", "hint"),
    [
        ("2", 0.0, "the cluster has no GPUs", "--workers 2"),
        ("3", 2.0, "3 GPUs were asked for, and the cluster has 2", "--gpus 2"),
        ("0,1", 2.0, "devices of a cluster have no names: '0,1'", "--gpus 2"),
        ("0", 2.0, "0 GPUs were asked for, and the cluster has 2", "--gpus 2"),
    ],
)
def test_devices_that_there_are_not(gpus: str, there: float, said: str, hint: str) -> None:
    nodes = [{"id": "a", "host": "a", "cpus": 4.0, "gpus": there}]
    machines = Cluster(RayConnection(None), nodes)  # type: ignore[arg-type]

    with pytest.raises(UsageError) as told:
        machines.devices(gpus, None)

    assert (told.value.message, told.value.hint) == (said, f"flor replay --on ray {hint}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "slurm"), "error: 'slurm' is no kind of cluster"),
        (("--on", "ray", "--in-place"), "error: --on and --in-place exclude each other"),
        (("--on", "ray", "--last", "2"), "error: --on ray is for a single run"),
    ],
)
def test_words_that_do_not_fit(project: Project, words: tuple[str, ...], said: str) -> None:
    ran = project.flor("replay", *words)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [said, "hint: flor replay --on ray"]


@pytest.mark.parametrize(
    ("facts", "said", "status"),
    [
        ({"torch": "1.0"}, "error: node host-0 has torch 1.0, and the run was recorded with", 6),
        ({"flor": None}, "error: node host-0 has no flor", 6),
        ({"problem": "it is deaf"}, "error: node host-0 does not answer: it is deaf", 1),
    ],
)
def test_nodes_that_do_not_fit_the_record(
    project: Project, facts: dict[str, Any], said: str, status: int
) -> None:
    before = list(project.home.glob("train/*/replays/*"))

    ran = project.flor("replay", "--on", "ray", **asked(facts=facts))

    assert (ran.returncode, ran.stdout) == (status, "")
    _, error, hint = ran.stderr.splitlines()
    assert error.startswith(said)
    assert hint.startswith("hint: ")
    assert list(project.home.glob("train/*/replays/*")) == before


def test_other_versions_where_they_are_wanted(project: Project) -> None:
    report = project.replay("--on", "ray", "--force", **asked(facts={"torch": "1.0"}))

    told = [one["text"] for one in report["warnings"] if one["code"] == "environment-differs"]
    assert [text.partition(",")[0] for text in told] == [
        "node host-0 has torch 1.0",
        "node host-1 has torch 1.0",
    ]
    assert project.values("size", report["replay"]) == SIZES


def test_a_plan_starts_nothing(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "told"

    plan = project.replay("--on", "ray", "--gpus", "2", "--plan", **asked(told=str(told)))

    assert plan["workers"] == 2
    assert not told.exists()
