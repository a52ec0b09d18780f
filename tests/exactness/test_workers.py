"""Several workers: the values of one worker and of a full re-run, whoever executes what, and whoever dies."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deep import DEEP
from tests.exactness.harness import DENSE, STANDIN, Divided, Project, report_of
from tests.fuzz.forks import ForkedProject, Zygote

TRAIN = """\
import time
import torch
import flor

torch.manual_seed(3)
net = torch.nn.Linear(6, 3)
optimizer = torch.optim.Adam(net.parameters(), 0.05)
images, labels = torch.randn(60, 6), torch.randint(0, 3, (60,))
print("before", float(net.weight.sum()))
# PRELUDE
for epoch in range(8):
    order = torch.randperm(60)
    for step in range(6):
        batch = order[step * 10 : step * 10 + 10]
        loss = torch.nn.functional.cross_entropy(net(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.02)
        # STEP
    # EPOCH
    print("epoch", epoch, float(loss))
# EPILOGUE
print("done", float(net.weight.sum()))
"""
PROBES = {
    "PRELUDE": 'flor.log("start", float(net.bias.sum()))',
    "STEP": 'flor.log("grad", float(net.weight.grad.norm()))',
    "EPOCH": 'flor.log("norm", float(net.weight.norm()))',
    "EPILOGUE": 'flor.log("end", float(net.weight.norm()))',
}
NAMES = ("start", "grad", "norm", "end")


def with_probes(*kinds: str) -> str:
    text = TRAIN
    for kind in kinds:
        text = text.replace(f"# {kind}\n", f"{PROBES[kind]}\n")
    return text


@dataclass(frozen=True, slots=True)
class Recorded:
    project: Project
    truth: dict[str, list[float]]

    def replay(self, *words: str) -> dict[str, Any]:
        """Replay for all probes; the report."""
        self.project.write({"train.py": with_probes(*PROBES)})
        report = report_of(self.project.flor("replay", "--json", *words))
        assert report is not None
        return report

    def values(self, replay: str) -> dict[str, list[float]]:
        """What the last replay gave, in the order in which `flor log get` shows it."""
        got = json.loads(self.project.flor("log", "get", "@", *NAMES, "--json").stdout)
        return {
            name: [row["value"] for row in got if (row["name"], row["origin"]) == (name, replay)]
            for name in NAMES
        }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, living: Zygote) -> Recorded:
    root = tmp_path_factory.mktemp("workers")
    plain, project = Project(root / "plain"), Divided(root / "recorded")
    if not DEEP:
        plain, project = (ForkedProject(one.root, zygote=living) for one in (plain, project))
    plain.create({"train.py": with_probes(*PROBES)})
    logged = root / "truth.jsonl"
    environment = plain.environment(STANDIN, PROBE_TRUTH=str(logged))
    assert plain.run(sys.executable, "train.py", environment=environment).status == 0
    truth: dict[str, list[float]] = {name: [] for name in NAMES}
    for name, value in map(json.loads, logged.read_text("utf-8").splitlines()):
        truth[name].append(value)
    project.create({"train.py": TRAIN})
    assert project.flor("record", *DENSE, "train.py").status == 0
    return Recorded(project, truth)


pytestmark = pytest.mark.process


def test_every_piece_is_told_once_and_counted_once(recorded: Recorded) -> None:
    alone = recorded.replay()
    assert recorded.values(alone["replay"]) == recorded.truth
    shared = recorded.replay("--workers", "3")
    assert recorded.values(shared["replay"]) == recorded.truth

    assert (alone["status"], shared["status"]) == ("verified", "verified")
    assert alone["workers"] == 1 < shared["workers"]
    for field in ("compared", "new", "unplaced", "outputs"):
        assert shared[field] == alone[field]
    assert shared["executed"]["step"] == alone["executed"]["step"]
    # Where an iteration is divided, the states in its middle are compared as well.
    assert shared["end_states"]["checked"] >= alone["end_states"]["checked"]
    assert shared["end_states"]["identical"] == shared["end_states"]["checked"]


def test_the_plan_says_who_will_take_how_long(recorded: Recorded) -> None:
    recorded.project.write({"train.py": with_probes(*PROBES)})

    plan = json.loads(recorded.project.flor("replay", "--plan", "--json", "--workers", "2").stdout)

    assert plan["workers"] == 2
    assert plan["parts"][0]["start"] == 0
    assert plan["parts"][-1]["stop"] == 8
    assert len(plan["worker_s"]) == 2
    assert plan["estimate_s"] == max(plan["worker_s"])


def test_conditions_choose_iterations(recorded: Recorded) -> None:
    losses = [
        float(row["value"].split()[-1])
        for row in json.loads(recorded.project.flor("log", "get", "@", "print", "--json").stdout)
        if row["value"].startswith("epoch")
    ]
    assert losses  # the script logs nothing by name, so that only its lines could be asked
    recorded.project.write({"train.py": with_probes("EPOCH")})

    ran = recorded.project.flor("replay", "--where", "loss > 1")

    assert ran.status == 2
    assert "logged no loss" in ran.stderr


def test_followed_values_come_in_the_order_of_the_run(recorded: Recorded) -> None:
    recorded.project.write({"train.py": with_probes(*PROBES)})

    ran = recorded.project.flor("replay", "--follow", "--workers", "2")

    assert ran.status == 0
    rows = [line.split("\t") for line in ran.lines]
    for name in NAMES:
        assert [float(row[2]) for row in rows if row[1] == name] == recorded.truth[name]
    assert [row[1] for row in rows[:3]] == ["start", "grad", "grad"]
    assert rows[-1][1] == "end"


@contextmanager
def killing(project: Project, chance: random.Random, kills: int) -> Iterator[list[int]]:
    """Kills workers of a replay that begins now, each once it has a journal, at random moments."""
    replays = (
        next(iter((project.root / "home" / ".flor").glob("*/*/checkpoints"))).parent / "replays"
    )
    before = set(replays.glob("*"))
    killed: list[int] = []
    over = threading.Event()

    def kill_some() -> None:
        seen: set[int] = set()
        while len(killed) < kills and not over.wait(0.01):
            for folder in set(replays.glob("*")) - before:
                for journal in folder.glob("journal.*.flor"):
                    pid = int(re.findall(r"\d+", journal.name)[-1])
                    if pid not in seen and len(killed) < kills:
                        seen.add(pid)
                        time.sleep(chance.uniform(0, 0.3))
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                            killed.append(pid)

    thread = threading.Thread(target=kill_some)
    thread.start()
    yield killed
    over.set()
    thread.join()


@pytest.mark.parametrize("seed", range(6 if DEEP else 2))
def test_workers_that_are_killed_change_nothing_but_the_time(recorded: Recorded, seed: int) -> None:
    with killing(recorded.project, random.Random(seed), 1) as killed:
        report = recorded.replay("--workers", "2")

    assert len(killed) == 1
    assert report["status"] == "verified", report["warnings"]
    assert recorded.values(report["replay"]) == recorded.truth


def test_a_worker_that_dies_again_and_again_is_told(recorded: Recorded) -> None:
    folder = recorded.project.folder
    probe = "__import__('os').kill(__import__('os').getpid(), 9) if epoch == 5 else None"
    text = with_probes("STEP").replace("    # EPOCH\n", f'    flor.log("x", {probe})\n')
    recorded.project.write({"train.py": text})

    ran = recorded.project.flor("replay", "--json", "--workers", "2", "--force")

    report = report_of(ran)
    assert report is not None
    assert ran.status == 7
    assert report["status"] == "partial"
    died = [one["text"] for one in report["warnings"] if one["code"] == "worker-died"]
    assert len(died) == 2
    assert "signal 9" in died[0]
    assert any(one["text"].startswith("not executed: ") for one in report["warnings"])
    assert report["new"]["grad"] >= 6  # the rest is delivered
    assert folder.is_dir()


def test_one_worker_does_what_cannot_be_divided(recorded: Recorded) -> None:
    text = with_probes("STEP").replace("# PRELUDE\n", "count = 0\n")
    text = text.replace("    # EPOCH\n", '    count += 1; flor.log("count", count)\n')
    recorded.project.write({"train.py": text})

    report = report_of(recorded.project.flor("replay", "--json", "--workers", "2"))

    assert report is not None
    assert report["workers"] == 1
    told = [one["text"] for one in report["warnings"] if one["code"] == "one-worker"]
    assert told == ["one worker does all of it: `count` goes on from iteration to iteration"]


def test_a_machine_without_devices_is_told_so(recorded: Recorded) -> None:
    ran = recorded.project.run(
        sys.executable,
        "-m",
        "florctl",
        "replay",
        "--gpus",
        "4",
        environment=recorded.project.environment(Path(__file__).parents[2], PATH="/nonexistent"),
    )

    assert ran.status == 2
    assert "this machine has none" in ran.stderr
    assert "hint: flor replay --workers 4" in ran.stderr


def test_each_worker_has_its_device(recorded: Recorded, tmp_path: Path) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '0, GPU-a\\n1, GPU-b\\n2, GPU-c\\n'\n", encoding="utf-8")
    driver.chmod(0o755)
    probe = 'print("device", __import__("os").environ["CUDA_VISIBLE_DEVICES"])'
    recorded.project.write({"train.py": with_probes("STEP").replace("# PRELUDE\n", f"{probe}\n")})
    environment = recorded.project.environment(
        Path(__file__).parents[2],
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        CUDA_VISIBLE_DEVICES="2,0",
    )
    words = (
        sys.executable,
        "-m",
        "tests.exactness.divided",
        "7",
        "replay",
        "--json",
        "--gpus",
        "2",
    )

    report = report_of(recorded.project.run(*words, environment=environment))

    assert report is not None
    assert report["workers"] == 2
    (folder,) = (recorded.project.root / "home").glob(f".flor/*/*/replays/{report['replay']}")
    said = [(folder / name).read_text("utf-8") for name in ("output.txt", "output.1.txt")]
    assert [re.findall(r"device (.*)", one) for one in said] == [["2"], ["0"]]
    got = json.loads(recorded.project.flor("log", "get", "@", "print", "--json").stdout)
    told = [row["value"] for row in got if row["origin"] == report["replay"]]
    assert len(told) == 1  # what comes before the loop is told by one worker
