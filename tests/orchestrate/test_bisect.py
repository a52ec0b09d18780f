"""`flor bisect`: the first moment at which an expression turns true, for a few restores.

The script trains nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.test_replay import Project
from tests.runner import FlorRunner

pytestmark = pytest.mark.process

TRAIN = """\
import random
import flor

random.seed(5)
open("words.txt").close()

class Net:
    weight = 0.0

net = Net()

def train(net, epoch):
    for step in flor.loop("step", range(4)):
        net.weight += random.random()
        if (epoch, step) == (21, 2):
            net.weight = float("nan")
        seen = step

for epoch in flor.loop("epoch", range(32)):
    train(net, epoch)
    if epoch == 25:
        late = True
print("done")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("bisect")
    folder = root / "project"
    folder.mkdir()
    flor = FlorRunner(cwd=folder, environment={"FLOR_HOME": str(root / "home")})
    made = Project(folder, root / "home", flor)
    made.write("", "words.txt")
    made.record(TRAIN)
    return made


def asked(project: Project, *words: str, status: int = 0) -> dict[str, Any]:
    ran = project.flor("bisect", *words, "--json")
    assert ran.returncode == status, (ran.stdout, ran.stderr)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_planted_nan_is_found_for_a_few_restores(project: Project) -> None:
    found = asked(project, "net.weight != net.weight")

    assert found["position"] == [{"loop": "epoch", "index": 21}, {"loop": "step", "index": 2}]
    assert found["restores"] <= math.log2(found["checkpoints"]) + 2
    assert found["steps"] <= 4


def test_names_of_the_innermost_frame_and_of_the_loop_are_asked(project: Project) -> None:
    assert asked(project, "step == 3 and epoch == 0")["position"] == [
        {"loop": "epoch", "index": 0},
        {"loop": "step", "index": 3},
    ]
    assert asked(project, "late")["position"] == [{"loop": "epoch", "index": 25}]


def test_what_is_true_from_the_start_is_found_there(project: Project) -> None:
    found = asked(project, "net is not None")

    assert found["position"] == [{"loop": "epoch", "index": 0}]
    assert found["steps"] == 0


def test_what_is_never_true_ends_with_status_1(project: Project) -> None:
    found = asked(project, "net.weight < 0", status=1)
    ran = project.flor("bisect", "net.weight < 0")

    assert found["position"] is None
    assert ran.stdout == ""
    assert "was never true in train@1" in ran.stderr


def test_an_answer_for_people_is_one_line(project: Project) -> None:
    ran = project.flor("bisect", "net.weight != net.weight")

    assert ran.stdout == "epoch 21, step 2\n"
    assert "is true from there on in train@1" in ran.stderr


@pytest.mark.parametrize(
    ("expression", "said"),
    [("net.weight >", "is no expression"), ("nowhere > 1", "had a value nowhere: NameError")],
)
def test_what_cannot_be_asked_says_why(project: Project, expression: str, said: str) -> None:
    ran = project.flor("bisect", expression)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert "hint: flor bisect" in ran.stderr


def test_nothing_is_left_of_a_search(project: Project) -> None:
    before = sorted(path for path in project.home.rglob("*") if "catalog" not in path.name)

    asked(project, "net.weight != net.weight")

    assert before == sorted(path for path in project.home.rglob("*") if "catalog" not in path.name)
    rows = json.loads(project.flor("log", "show", "@", "--json").stdout)["replays"]
    assert rows == []


def test_an_expression_changes_nothing_that_follows(project: Project) -> None:
    expression = "random.random() > 2 or net.weight != net.weight"

    assert (
        asked(project, expression)["position"]
        == asked(project, "net.weight != net.weight")["position"]
    )


def test_a_script_that_fails_before_its_loop_is_told_of(project: Project) -> None:
    words = project.folder / "words.txt"
    words.unlink()
    try:
        ran = project.flor("bisect", "net.weight > 3")
    finally:
        words.touch()

    assert ran.returncode == 1
    assert "FileNotFoundError" in ran.stderr
    assert "error: the script ended before the search did" in ran.stderr


def test_an_execution_that_is_not_that_of_the_record_is_told_of(tmp_path: Path) -> None:
    flor = FlorRunner(cwd=tmp_path, environment={"FLOR_HOME": str(tmp_path / "home")})
    project = Project(tmp_path, tmp_path / "home", flor)
    text = (
        TRAIN.replace('open("words.txt").close()\n', "")
        .replace("(21, 2)", "(99, 2)")
        .replace(
            "net.weight += random.random()", "net.weight += int.from_bytes(os.urandom(2), 'big')"
        )
    )
    project.record(text.replace("import random\n", "import os, random\n"))

    found = asked(project, "late")

    assert "replay-diverged" in {one["code"] for one in found["warnings"]}
