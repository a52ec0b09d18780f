"""Runs that were interrupted in the middle of an iteration and go on there, to the end that they would
have had.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.exactness.harness import REPOSITORY
from tests.orchestrate.test_replay import Project
from tests.orchestrate.test_resume import STOP
from tests.runner import FlorAt

pytestmark = pytest.mark.process

# One epoch: its order is drawn, its network drops, its rate changes with each batch, four batches
# make a step, its list grows, and ends it early. What it comes to is told in the end.
EPOCH = (
    STOP
    + """\
import hashlib
import torch
from torch.utils.data import DataLoader, TensorDataset

random.seed(3)
torch.manual_seed(3)
loader = DataLoader(
    TensorDataset(torch.randn(80, 4), torch.randn(80, 1)), batch_size=4, shuffle=True
)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=40)
losses = []
for epoch in range(1):
    print("epoch", epoch, random.random())
    for step, (images, labels) in enumerate(loader):
        loss = ((net(images) - labels) ** 2).mean()
        (loss / 4).backward()
        if step % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
        if step > 2:
            schedule.step()
        losses.append(loss.item())
        flor.log("loss", losses[-1])
        flor.log("rate", schedule.get_last_lr()[0])
        stop(epoch, step)
        if len(losses) == 18:
            break
    print("mean", sum(losses) / len(losses), len(losses))
whole = [*net.state_dict().values(), *(one.grad for one in net.parameters() if one.grad is not None)]
whole += [value for state in optimizer.state_dict()["state"].values() for value in state.values()]
whole += [torch.get_rng_state(), torch.tensor(losses, dtype=torch.float64)]
print(hashlib.sha256(b"".join(one.numpy().tobytes() for one in whole)).hexdigest())
"""
)
# Four batches are one graph, which is gone back through at once.
GRAPH = (
    EPOCH.replace("losses = []\n", "losses = []\ntotal = 0.0\n")
    .replace("        (loss / 4).backward()\n", "        total = total + loss / 4\n")
    .replace(
        "            optimizer.step()\n",
        "            total.backward()\n            optimizer.step()\n            total = 0.0\n",
    )
)
NAMES = ("loss", "rate", "print")
# The second loop's numbers go on from the first one's, which is passed by.
SIBLINGS = (
    STOP
    + """\
random.seed(3)
seen = []
for epoch in flor.loop("epoch", range(3)):
    for warm in flor.loop("warm", range(3)):
        seen.append(random.random())
        flor.log("warmed", seen[-1])
    for step in flor.loop("step", range(4)):
        seen.append(random.random())
        flor.log("drawn", seen[-1])
        stop(epoch, step)
    print("epoch", epoch, warm, sum(seen), len(seen))
"""
)


@pytest.fixture
def project(
    tmp_path: Path, flor_home: Path, forked_flor_at: FlorAt, monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, flor_home, forked_flor_at(folder))


def record(project: Project, text: str, *at: int, status: int = 137) -> None:
    """Record a script that is killed in a step, or comes to its end."""
    project.write(text)
    words = ("record", "--budget", "10000%", "train.py")
    ran = project.flor(*words, STOP="-".join(map(str, at)))
    assert ran.returncode == status, ran.stderr


def told(project: Project, *names: str) -> list[tuple[str, Any, Any]]:
    """All values of these names."""
    found = json.loads(project.flor("log", "get", "@", *names, "--json").stdout)
    return [(row["name"], row["position"], row["value"]) for row in found]


def positions(project: Project) -> list[Any]:
    (run_file,) = project.home.glob("train/*/run.json")
    resumed = json.loads(run_file.read_text())["resumed"]
    return [(one["index"], one.get("step")) for one in resumed]


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory, forked_flor_at: FlorAt) -> Any:
    """What a script comes to that nothing interrupts."""
    known: dict[str, Any] = {}

    def of(text: str) -> Any:
        if text not in known:
            root = tmp_path_factory.mktemp("whole")
            flor = forked_flor_at(root, {"FLOR_HOME": str(root / "home")})
            whole = Project(root, root / "home", flor)
            record(whole, text, status=0)
            known[text] = told(whole, *NAMES)
        return known[text]

    return of


def test_a_run_goes_on_in_the_middle_of_its_only_epoch(project: Project, truths: Any) -> None:
    record(project, EPOCH, 0, 13)

    ran = project.flor("resume", STOP="0-16")
    last = project.flor("resume")

    assert (ran.returncode, last.returncode) == (137, 0), last.stderr
    assert "at epoch=0, loop=13" in ran.stderr
    assert "at epoch=0, loop=16" in last.stderr
    assert told(project, *NAMES) == truths(EPOCH)
    step = {"loop": "loop", "index": 13}
    assert positions(project) == [(0, step), (0, {**step, "index": 16})]


def test_an_order_that_comes_out_otherwise_is_begun_anew(project: Project) -> None:
    drawn = "    torch.manual_seed(int.from_bytes(os.urandom(4), 'big'))\n    for step, ("
    record(project, EPOCH.replace("    for step, (", drawn), 0, 13)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert "what loop goes over came out otherwise than before" in ran.stderr
    assert "going on at epoch=0\n" in ran.stderr
    assert positions(project) == [(0, None)]
    assert [row[1][1]["index"] for row in told(project, "loss")] == [*range(18)]


def test_a_loop_before_it_is_passed_by(project: Project) -> None:
    record(project, SIBLINGS, 1, 2)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert "at epoch=1, step=2" in ran.stderr
    draws = random.Random(3)
    values = [[draws.random() for _ in range(7)] for _ in range(3)]
    warmed, drawn = ([value for _, _, value in told(project, name)] for name in ("warmed", "drawn"))
    assert warmed == [value for part in values for value in part[:3]]
    assert drawn == [value for part in values for value in part[3:]]


def test_a_graph_that_reaches_back_behind_a_step_is_made_again(
    project: Project, truths: Any
) -> None:
    record(project, GRAPH, 0, 13)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert "at epoch=0, loop=13" in ran.stderr
    assert "its graph was not recorded\nflor: going on at epoch=0\n" in ran.stderr
    assert told(project, *NAMES) == truths(GRAPH)
