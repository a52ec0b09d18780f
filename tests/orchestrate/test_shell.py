"""`flor shell`: a prompt within the training loop, at any moment of a run.

The scripts train nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.exactness.harness import DENSE, FLOR
from tests.orchestrate.test_replay import Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

TRAIN = """\
import random
import flor

random.seed(5)
rate = 0.5
print("begin")

def train(net, epoch):
    seen = []
    for step in flor.loop("step", range(4)):
        net.append(rate * random.random())
        flor.log("weight", net[-1])
        print("trained", epoch, step)
        seen.append(step)

def main():
    net = [0.0]
    for epoch in flor.loop("epoch", range(6)):
        train(net, epoch)
        open("last.txt", "w").write(str(sum(net)))
    print("sum", sum(net))

main()
"""
FAILING = TRAIN.replace(
    "        seen.append(step)", "        seen.append(1 / (epoch < 3 or step < 2))"
)


def made(root: Path, flor_at: FlorAt, text: str, *words: str, status: int = 0) -> Project:
    folder = root / "project"
    folder.mkdir()
    flor = replace(flor_at(folder), environment={"FLOR_HOME": str(root / "home")})
    project = Project(folder, root / "home", flor)
    project.write(text)
    ran = flor("record", *(words or DENSE), "train.py")
    assert ran.returncode == status, ran.stderr
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, flor_at: FlorAt) -> Project:
    return made(tmp_path_factory.mktemp("shell"), flor_at, TRAIN)


LEFT = """\
import random
import flor

random.seed(1)
total = 0.0
for turn in flor.loop("turn", range(50)):
    total += random.random()
    if turn == 6:
        break
print("between", turn)
for late in flor.loop("late", range(3)):
    total += late
"""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory, flor_at: FlorAt) -> Project:
    return made(tmp_path_factory.mktemp("failed"), flor_at, FAILING, status=1)


def files(project: Project) -> dict[str, tuple[bytes, int]]:
    """All that lies in the project and in FLOR_HOME, but for the index."""
    found = project.files()
    for path in project.home.rglob("*"):
        if path.is_file() and "catalog" not in path.name:
            found[str(path)] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def said(project: Project, code: str, *words: str, status: int = 0) -> str:
    """What code prints at a moment."""
    ran = project.flor("shell", "@", *words, "-c", code)
    assert ran.returncode == status, (ran.stdout, ran.stderr)
    return ran.stdout


def values(project: Project, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(project.flor("log", "get", "@", name, "--json").stdout)
    return rows


def test_names_of_the_functions_and_of_the_module_are_alive(project: Project) -> None:
    code = "print(epoch, seen, len(net), rate, net[-1])"

    told = said(project, code, "--at", "epoch=3,step=2")

    weights = [row["value"] for row in values(project, "weight")]
    assert told == f"3 [0, 1] 15 0.5 {weights[3 * 4 + 1]}\n"


def test_each_turn_comes_about_as_recorded(project: Project) -> None:
    code = "for _ in range(7):\n    step()\n    print('at', net[-1])"

    told = said(project, code, "--at", "epoch=2,step=3").splitlines()

    weights = [row["value"] for row in values(project, "weight")]
    assert [line for line in told if line.startswith("at")] == [f"at {w}" for w in weights[11:18]]
    assert told[0] == "trained 2 3"


def test_it_goes_on_to_a_position(project: Project) -> None:
    code = "run_to('epoch=2,step=1'); print(epoch, seen)\nrun_to(epoch=4); print(epoch, len(net))"

    told = said(project, code, "--at", "epoch=1").splitlines()

    assert (told[5], told[-1]) == ("2 [0]", "3 17")


def test_more_turns_than_there_are_end_with_the_loop_and_then_with_the_script(
    project: Project,
) -> None:
    code = "step(100); print(len(net)); step(); print('never')"

    ran = project.flor("shell", "--at", "epoch=5", "-c", code)

    assert (ran.returncode, ran.stdout.splitlines()[-2]) == (1, "25")
    assert ran.stdout.splitlines()[-1].startswith("sum ")
    assert "epoch has ended" in ran.stderr
    assert "not executed to its end" in ran.stderr


def test_a_loop_that_is_left_and_the_next_one(tmp_path: Path, flor_at: FlorAt) -> None:
    project = made(tmp_path, flor_at, LEFT)

    told = said(project, "step(9); print(turn)\nstep(); print(late)", "--at", "turn=4")
    behind = said(project, "print(turn, 'late' in dir()); step(2); print(late)", "--at", "turn=7")

    assert told == "6\nbetween 6\n0\n"
    assert behind == "6 False\nbetween 6\n1\n"


def test_leaving_changes_nothing(project: Project) -> None:
    before = files(project)

    said(project, "rate = 9; net.clear(); step(3); run_to(epoch=5)", "--at", "epoch=2")

    assert files(project) == before


def test_values_that_are_logged_there_have_an_origin_of_their_own(
    tmp_path: Path, flor_at: FlorAt
) -> None:
    project = made(tmp_path, flor_at, TRAIN)
    assert said(project, "print(log('mean', 2.5)); step(); log('mean', 3.5)", "--at", "epoch=3")
    said(
        project, "log('weight', 7.0)\nrate = 0.0\nstep()\nlog('weight', net[-1])", "--at", "epoch=3"
    )

    found = values(project, "mean")

    assert [(row["value"], row["origin"], row["verified"]) for row in found] == [
        (2.5, "shell", None),
        (3.5, "shell", None),
    ]
    assert found[1]["position"] == [{"loop": "epoch", "index": 3}, {"loop": "step", "index": 1}]
    typed = [row for row in values(project, "weight") if row["origin"] == "shell"]
    assert [(row["value"], row["mark"]) for row in typed] == [(7.0, "unverified"), (0.0, "altered")]
    assert len([row for row in values(project, "weight") if row["origin"] == "record"]) == 24
    before = {name: values(project, name) for name in ("mean", "weight", "print")}
    assert project.flor("store", "rebuild").returncode == 0
    assert {name: values(project, name) for name in before} == before
    assert "0.0 (shell, altered)" in project.flor("log", "get", "@", "weight", "mean").stdout
    assert project.replay("--verify")["status"] == "verified"
    assert [row for row in values(project, "mean") if row["origin"] != "shell"] == []


@pytest.mark.parametrize("code", ["random.random()", "net[0] += 1.0", "random.choice = None"])
def test_what_is_altered_by_hand_is_named(project: Project, code: str) -> None:
    ran = project.flor("shell", "@", "--at", "epoch=3", "-c", f"{code}; log('x', 1)")

    assert ran.returncode == 0
    assert "flor: altered by hand: " in ran.stderr


def test_looking_alters_nothing(project: Project) -> None:
    code = "mean = sum(net) / len(net)\nf = lambda: rate * mean\nprint(f()); step(); print(f())"

    ran = project.flor("shell", "@", "--at", "epoch=3", "-c", code)

    assert (ran.returncode, "altered" in ran.stderr) == (0, False)


def test_an_assignment_is_the_scripts(project: Project) -> None:
    code = "rate = 0.0\nnet = net[:1]\nepoch = 40\nstep()\nprint(net, epoch)"

    told = said(project, code, "--at", "epoch=3,step=1").splitlines()

    assert told == ["trained 40 1", "[0.0, 0.0] 40"]


def test_code_comes_from_standard_input_too(project: Project) -> None:
    ran = project.flor("shell", "--at", "epoch=1", stdin="print(len(net))\nraise SystemExit(7)\n")

    assert (ran.returncode, ran.stdout) == (7, "5\n")


def test_an_error_in_the_code_is_its_own(project: Project) -> None:
    ran = project.flor("shell", "-c", "print(epoch, len(net))\n1 / 0")

    assert (ran.returncode, ran.stdout) == (1, "5 25\n")  # of the newest boundary
    assert ran.stderr.splitlines()[1:3] == ['  File "<string>", line 2, in <module>', "    1 / 0"]


def test_json_holds_what_was_printed_and_written(project: Project) -> None:
    code = "print(len(net)); step(); open('mine.txt', 'w').write('x')"

    ran = project.flor("shell", "--at", "epoch=2", "--json", "-c", code)

    told = json.loads(ran.stdout)
    assert told["output"] == "9\ntrained 2 0\n"
    assert told["position"] == [{"loop": "epoch", "index": 2}]
    assert (told["status"], told["logged"], told["warnings"]) == (0, 0, [])
    (path,) = map(Path, told["files"])
    assert (path.name, path.read_text()) == ("mine.txt", "x")
    assert not (project.folder / "mine.txt").exists()


def test_where_a_run_failed_can_be_looked_at(failed: Project) -> None:
    told = said(failed, "print(epoch, seen); step()", "--at", "crash", status=1)

    assert told.splitlines() == ["3 [1.0, 1.0]", "trained 3 2"]
    ran = failed.flor("shell", "--at", "crash", "-c", "step()")
    assert "ZeroDivisionError" in ran.stderr
    assert ran.stderr.splitlines()[-1] == "error: the script has ended by ZeroDivisionError"


def test_sparse_checkpoints_lead_to_the_same(
    tmp_path: Path, flor_at: FlorAt, project: Project
) -> None:
    sparse = made(tmp_path, flor_at, TRAIN, "--budget", "0")
    code = "print(epoch, net); step(3); print(net)"

    for at in ("epoch=4,step=1", "epoch=3,step=4"):
        assert said(sparse, code, "--at", at) == said(project, code, "--at", at)


def test_bad_positions_say_which_are_good(project: Project) -> None:
    for at, told, hint in (
        ("epoch=2,step=9", "step had 4 turns in epoch 2", "epoch=2,step=4"),
        ("5", "'5' is no position", "--at epoch=5,step=100"),
        ("crash", "was cut short", "epoch=6"),
    ):
        ran = project.flor("shell", "@", "--at", at, "-c", "print(1)")

        assert (ran.returncode, ran.stdout) == (2, "")
        assert told in ran.stderr
        assert ran.stderr.splitlines()[-1].endswith(hint)


def test_code_that_is_none_starts_nothing(project: Project) -> None:
    ran = project.flor("shell", "-c", "print(")

    assert ran.returncode == 2
    assert "the code does not compile" in ran.stderr


class Terminal:
    """`flor shell` on a terminal, with Python's own prompt, wherever this is run."""

    def __init__(self, project: Project, folder: Path, *words: str, ipython: bool = False) -> None:
        if not ipython:
            hidden = "import sys\nsys.modules['IPython'] = None\n"
            (folder / "sitecustomize.py").write_text(hidden)
        environ = {**os.environ, "FLOR_HOME": str(project.home), "PYTHONPATH": str(folder)}
        command = [*FLOR[1:], "shell", *words]
        self.child = pexpect.spawn(
            sys.executable, command, cwd=project.folder, env=environ, encoding="utf-8", timeout=60
        )

    def type(self, line: str) -> str:
        """Type a line at the prompt; what came up to it."""
        self.child.expect_exact(">>> ")
        before = str(self.child.before)
        self.child.sendline(line)
        return before

    def leave(self) -> int:
        """Ctrl-D; the exit status."""
        self.child.expect_exact(">>> ")
        self.child.sendeof()
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)


@pytest.fixture
def ends() -> Iterator[list[Terminal]]:
    """Terminals that are closed whatever becomes of the test."""
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.child.close(force=True)


def test_a_person_types(project: Project, tmp_path: Path, ends: list[Terminal]) -> None:
    before = files(project)
    at = Terminal(project, tmp_path, "--at", "epoch=4,step=1")
    ends.append(at)

    banner = at.type("epoch, seen")
    assert "flor: epoch 4, step 1" in banner
    assert "begin" not in banner
    assert "(4, [0])" in at.type("step(); len(net)")
    assert "trained 4 1" in at.type("for n in range(2):")
    at.child.expect_exact("... ")
    at.child.sendline("    step()")
    at.child.expect_exact("... ")
    at.child.sendline("")
    assert "flor: epoch 4, step 4" in at.type("def later(): run_to(epoch=5)")
    at.child.expect_exact("... ")
    at.child.sendline("")
    at.type("later()")
    assert "error: step() and run_to() have to be typed" in at.type("1 / 0")
    assert "ZeroDivisionError" in at.type("run_to('epoch=2')")
    assert "error: epoch 2 is not ahead of epoch 4, step 4" in at.type("rate = 0")
    at.type("step()")
    assert "flor: altered by hand: rate" in at.type("net[-1]")

    assert at.leave() == 0
    assert files(project) == before


SLOW = """\
import time
import flor

pause = 0.0
for turn in flor.loop("turn", range(100)):
    time.sleep(pause)
    done = turn
"""


def test_control_c_stops_before_the_next_turn(
    tmp_path: Path, flor_at: FlorAt, ends: list[Terminal]
) -> None:
    at = Terminal(made(tmp_path, flor_at, SLOW), tmp_path, "--at", "turn=3")
    ends.append(at)

    at.type("print('waits'); time.sleep(60)")
    at.child.expect_exact("waits\r\n")
    at.child.sendintr()
    assert "KeyboardInterrupt" in at.type("unfinished +")
    assert "SyntaxError" in at.type("pause = 0.5")
    at.type("run_to(turn=90)")
    at.child.expect_exact("altered by hand: pause")
    at.child.sendintr()
    at.child.expect_exact("stopping before the next turn")
    assert "KeyboardInterrupt" in at.type("done, turn")
    assert "(3, 3)" in at.type("")
    assert at.leave() == 0


def test_ipython_waits_for_the_script_as_well(
    project: Project, tmp_path: Path, ends: list[Terminal]
) -> None:
    pytest.importorskip("IPython")
    before = files(project)
    at = Terminal(project, tmp_path, "--at", "epoch=4,step=1", ipython=True)
    ends.append(at)

    at.child.expect_exact("In [1]: ")
    at.child.send("_ = [(step(), print('at', seen)) for n in range(2)]\r")
    at.child.expect_exact("at [0, 1]")
    at.child.expect_exact("at [0, 1, 2]")
    at.child.expect_exact("In [2]: ")
    at.child.sendeof()
    at.child.expect(pexpect.EOF)
    at.child.close()

    assert at.child.exitstatus == 0
    assert files(project) == before
