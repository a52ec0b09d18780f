"""Replays that really run: where they write, what they survive, and that damage is never an answer.

The scripts say their loops by `flor.loop` and train nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.runner import FlorAt, FlorRunner

pytestmark = pytest.mark.process

TRAIN = """\
import os, random, sys
from pathlib import Path
import flor

class Trainer:
    def __init__(self, folder):
        self.folder = folder

random.seed(3)
seen = []
trainer = Trainer(os.path.abspath("out"))
here = Path(__file__).resolve().parent
os.makedirs(trainer.folder, exist_ok=True)
print("writing to", trainer.folder)
for epoch in flor.loop("epoch", range(4)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random())
        flor.log("draw", seen[-1])
    with open(os.path.join(trainer.folder, "last.txt"), "w") as file:
        file.write(str(epoch))
    (here / "beside.txt").write_text(str(epoch))
    print("epoch", epoch, sum(seen))
print("done", os.getcwd())
"""
OUTER = '    print("epoch", epoch, sum(seen))\n'
DENSE = ("--budget", "10000%")


def probed(text: str, line: str = OUTER, probe: str = 'flor.log("size", len(seen))') -> str:
    """The script with a probe behind a line."""
    assert line in text
    return text.replace(line, line + line[: len(line) - len(line.lstrip())] + probe + "\n")


@dataclass(frozen=True)
class Project:
    """A recorded project, and the command line in it."""

    folder: Path
    home: Path
    flor: FlorRunner

    def write(self, text: str, name: str = "train.py") -> None:
        (self.folder / name).write_text(text)

    def record(self, text: str = TRAIN, *words: str, status: int = 0) -> None:
        """Record a script."""
        self.write(text)
        ran = self.flor("record", *DENSE, *(words or ("train.py",)))
        assert ran.returncode == status, ran.stderr

    def replay(self, *words: str, status: int = 0, **environment: str) -> dict[str, Any]:
        """Replay, and the report."""
        ran = self.flor("replay", "--json", *words, **environment)
        assert ran.returncode == status, (ran.stdout, ran.stderr)
        report: dict[str, Any] = json.loads(ran.stdout)
        return report

    def values(self, name: str, replay: str) -> list[Any]:
        """What a replay brought, in the order of execution."""
        rows = json.loads(self.flor("log", "get", "@", name, "--json").stdout)
        return [row["value"] for row in rows if row["origin"] == replay]

    def checkpoint(self, index: int) -> Path:
        """The boundary before an iteration."""
        (path,) = self.home.glob(f"train/*/checkpoints/{index:06d}.000000.safetensors")
        return path

    def files(self) -> dict[str, tuple[bytes, int]]:
        """All files of the user's, with their times."""
        return {
            str(path): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture
def project(tmp_path: Path, flor_home: Path, flor_at: FlorAt) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, flor_home, flor_at(folder))


def test_a_replay_answers_and_its_outputs_stay_apart(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN))
    before = project.files()

    report = project.replay()

    assert (report["status"], report["first_divergence"]) == ("verified", None)
    assert report["new"] == {"size": 4}
    assert project.values("size", report["replay"]) == [3, 6, 9, 12]
    assert (report["executed_iterations"], report["skipped_iterations"]) == (4, 12)
    assert report["outputs"] == ["beside.txt", "out/last.txt"]
    assert project.files() == before


def test_paths_in_new_values_are_those_that_the_run_would_have_logged(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN, probe='flor.log("where", [str(here), os.path.abspath("x")])'))

    report = project.replay()

    there = [str(project.folder), str(project.folder / "x")]
    assert project.values("where", report["replay"]) == [there] * 4


def test_an_inner_probe_in_explicit_loops_is_answered(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN, "        seen.append(random.random())\n"))

    report = project.replay()

    assert (report["plan"]["mode"], report["new"]) == ("inner", {"size": 12})
    assert project.values("size", report["replay"]) == list(range(1, 13))


def test_parts_answer_it_once_and_only_once(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN))

    reports = [project.replay("--part", f"{n}/6") for n in range(1, 7)]

    values = [project.values("size", one["replay"]) for one in reports if one["new"]]
    assert values == [[3], [6], [9], [12]]
    assert {one["status"] for one in reports} == {"verified"}


LESSONS = """\
import random
import flor

random.seed(3)
seen = []

def lessons():
    for lesson in range(5):
        for step in flor.loop("step", range(2)):
            seen.append(random.random())
            print("drew", seen[-1])
        yield sum(seen)

for total in flor.loop("total", lessons()):
    print("total", total)
"""


def test_a_generator_that_trains_answers_for_the_asked_iterations_alone(project: Project) -> None:
    project.record(LESSONS)
    text = probed(LESSONS, '            print("drew", seen[-1])\n')
    project.write(text)

    report = project.replay("--epochs", "3:")

    assert (report["status"], report["compared"]["different"]) == ("verified", 0)
    rows = json.loads(project.flor("log", "get", "@", "size", "--json").stdout)
    places = [[(part["loop"], part["index"]) for part in row["position"]] for row in rows]
    assert [(at[0], at[-1]) for at in places] == [
        (("total", n), ("step", k)) for n in (3, 4) for k in (0, 1)
    ]
    assert [row["value"] for row in rows] == [7, 8, 9, 10]


BAR = """\
import flor

for epoch in flor.loop("epoch", range(4)):
    print("epoch", epoch, end=" ")
    for step in flor.loop("step", range(3)):
        print(".", end="")
    print(" done")
"""


def test_a_line_that_a_skipped_loop_has_begun_is_whole(project: Project) -> None:
    project.record(BAR)
    project.write(probed(BAR, '    print(" done")\n', 'print("after", epoch)'))

    whole = project.replay()
    rest = project.replay("--epochs", "2:")

    assert (whole["status"], whole["skipped_iterations"]) == ("verified", 12)
    assert rest["status"] == "verified"
    assert (whole["compared"]["identical"], rest["compared"]["identical"]) == (4, 2)


def test_in_place_runs_in_the_users_own_folder(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN, probe='flor.log("where", os.getcwd())'))
    (project.folder / "beside.txt").unlink()

    report = project.replay("--in-place")

    assert report["status"] == "verified"
    assert set(project.values("where", report["replay"])) == {str(project.folder)}
    assert (project.folder / "beside.txt").read_text() == "3"
    assert not list(project.home.glob("train/*/replays/*/files"))


def test_verifying_executes_everything_again(project: Project) -> None:
    project.record()

    report = project.replay("--verify")

    assert (report["status"], report["executed_iterations"]) == ("verified", 16)
    assert report["compared"]["identical"] == 18
    assert report["end_states"] == {"checked": 5, "identical": 5, "within_tolerance": 0}


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-10] ^= 0xFF
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "flipped": damage_flip,
    "cut": lambda path: os.truncate(path, 3000),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_checkpoint_is_told_and_an_earlier_one_used(how: str, project: Project) -> None:
    project.record()
    project.write(probed(TRAIN))
    DAMAGE[how](project.checkpoint(2))

    report = project.replay("--epochs", "2")

    assert report["status"] == "verified"
    assert project.values("size", report["replay"])[-1] == 9
    code = "checkpoint-missing" if how == "deleted" else "checkpoint-damaged"
    assert code in [warning["code"] for warning in report["warnings"]]


def test_without_any_checkpoint_the_run_is_gone_through_from_its_start(project: Project) -> None:
    project.record()
    project.write(probed(TRAIN))
    for path in project.home.glob("train/*/checkpoints/*"):
        damage_flip(path)

    report = project.replay("--epochs", "2")

    assert project.values("size", report["replay"])[-1] == 9
    assert report["compared"]["different"] == 0
    assert report["end_states"]["checked"] == 0


def test_a_value_that_differs_is_told_with_its_position(project: Project) -> None:
    line = '    print("epoch", epoch, os.environ.get("SALT"))\n'
    text = TRAIN.replace(OUTER, line)
    project.record(text)
    project.write(probed(text, line))

    report = project.replay(status=4, SALT="7")

    assert report["status"] == "diverged"
    assert report["first_divergence"] == {
        "kind": "value",
        "position": [{"loop": "epoch", "index": 0}],
        "item": "print",
        "recorded": "epoch 0 None",
        "replayed": "epoch 0 7",
    }


def test_a_replay_that_dies_half_way_is_partial(project: Project) -> None:
    text = TRAIN.replace(
        OUTER, OUTER + '    if os.environ.get("BREAK") == str(epoch):\n        os._exit(9)\n'
    )
    project.record(text)
    project.write(probed(text))

    report = project.replay(status=7, BREAK="2")

    assert report["status"] == "partial"
    assert "script-failed" in [warning["code"] for warning in report["warnings"]]


def test_a_replay_that_ends_too_soon_without_an_error_is_partial(project: Project) -> None:
    text = TRAIN.replace(
        OUTER, OUTER + '    if os.environ.get("BREAK") == str(epoch):\n        os._exit(0)\n'
    )
    project.record(text)
    project.write(probed(text))

    report = project.replay(status=7, BREAK="2")

    assert report["status"] == "partial"
    assert "not-replayed" in [warning["code"] for warning in report["warnings"]]


def test_ctrl_c_ends_a_replay_by_130(project: Project) -> None:
    wait = 'os.environ.get("WAIT") and os.kill(os.getpid(), 2)'
    text = TRAIN.replace(OUTER, OUTER + f"    {wait}\n")
    project.record(text)
    project.write(probed(text))

    report = project.replay(status=130, WAIT="1")

    assert report["status"] == "partial"


def test_an_error_that_the_record_does_not_have_is_shown(project: Project) -> None:
    line = '    assert os.environ.get("BREAK") != str(epoch)\n'
    text = TRAIN.replace(OUTER, OUTER + line)
    project.record(text)
    project.write(probed(text))

    ran = project.flor("replay", "--json", BREAK="2")

    assert (ran.returncode, json.loads(ran.stdout)["status"]) == (7, "partial")
    assert "AssertionError" in ran.stderr


def test_a_crashed_run_answers_for_the_turn_that_crashed(project: Project) -> None:
    line = '        flor.log("draw", seen[-1])\n'
    text = TRAIN.replace(line, line + "        assert len(seen) < 8\n")
    project.record(text, status=1)
    project.write(probed(text, line))

    report = project.replay()

    assert report["status"] == "verified"
    assert project.values("size", report["replay"]) == list(range(1, 9))


def test_what_follows_a_caught_error_is_answered(project: Project) -> None:
    lines = TRAIN.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("for epoch"))
    loop = ["    " + line for line in lines[start:-1]]
    text = "".join(
        [*lines[:start], "try:\n", *loop, "except ValueError:\n    caught = 1\n", lines[-1]]
    )
    text = text.replace(
        "seen.append(random.random())", "seen.append(random.random() + 1 // (len(seen) != 7))"
    )
    text = text.replace("ValueError", "ZeroDivisionError")
    project.record(text)
    project.write(probed(text, lines[-1]))

    report = project.replay()

    assert (report["status"], report["new"]) == ("verified", {"size": 1})
    assert project.values("size", report["replay"]) == [7]


def test_a_file_that_a_probe_imports_may_be_new(project: Project) -> None:
    project.record()
    project.write("def norm(seen):\n    return sum(seen)\n", "fresh.py")
    text = probed(TRAIN, probe='flor.log("norm", norm(seen))')
    project.write(text.replace("import flor\n", "import flor\nfrom fresh import norm\n"))

    ran = project.flor("replay", "--json")

    assert ran.returncode in (0, 6), ran.stderr  # answered, or refused by name: never ignored
    if ran.returncode == 0:
        assert json.loads(ran.stdout)["new"] == {"norm": 4}


def test_a_file_with_probes_that_is_not_loaded_any_more_is_unplaced(project: Project) -> None:
    text = TRAIN.replace(
        "import flor\n", "import flor\nif not os.environ.get('AWAY'):\n    import tools\n"
    )
    project.write("import os\n", "tools.py")
    project.record(text)
    project.write("import os\nprint(os.sep)\n", "tools.py")

    report = project.replay(status=7, AWAY="1")

    assert report["status"] == "partial"
    assert report["unplaced"] == [
        {"file": "tools.py", "reason": "the replay did not load this file"}
    ]


def test_force_goes_on_with_code_that_changed(project: Project) -> None:
    project.record()
    project.write(TRAIN.replace("seen.append(random.random())", "seen.append(random.random() + 1)"))

    report = project.replay("--force", status=4)

    assert "code-changed" in [warning["code"] for warning in report["warnings"]]
    assert report["status"] == "diverged"


@pytest.mark.parametrize("words", ["absolute", "sub-folder", "module", "shell"])
def test_every_way_to_start_a_script_is_replayed_apart(words: str, project: Project) -> None:
    (project.folder / "sub").mkdir()
    (project.folder / "run.sh").write_text(f"cd {project.folder}\n{sys.executable} train.py\n")
    commands = {
        "absolute": (str(project.folder / "train.py"),),
        "module": ("-m", "train"),
        "sub-folder": ("../train.py",),
        "shell": ("--", "bash", "run.sh"),
    }
    inside = project.folder / "sub" if words == "sub-folder" else project.folder
    subprocess.run(["git", "init", "-q", project.folder], check=True)
    there = Project(project.folder, project.home, replace(project.flor, cwd=inside))
    there.record(TRAIN, *commands[words])
    there.write(probed(TRAIN))
    before = there.files()

    ran = there.flor("replay", "--json")

    if words == "shell":  # leads out of the sandbox by its own words: refused, and told
        assert ran.returncode == 7
        return
    report = json.loads(ran.stdout)
    assert (report["status"], report["new"]) == ("verified", {"size": 4})
    assert there.files() == before


def test_a_present_folder_outside_the_project_has_a_stand_in_too(
    project: Project, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", project.folder], check=True)
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "data.csv").write_text("1\n")
    there = Project(beside, project.home, replace(project.flor, cwd=beside))
    project.write(TRAIN.replace("random.seed(3)", "random.seed(int(open('data.csv').read()))"))
    assert there.flor("record", *DENSE, "../project/train.py").returncode == 0
    project.write(probed((project.folder / "train.py").read_text()))
    before = there.files(), project.files()

    report = there.replay("train")

    assert (report["status"], report["new"]) == ("verified", {"size": 4})
    assert (there.files(), project.files()) == before


def test_an_interpreter_that_is_gone(project: Project) -> None:
    project.record()
    (run_file,) = project.home.glob("train/*/run.json")
    content = json.loads(run_file.read_text())
    content["command"][0] = "/no/such/python"
    run_file.write_text(json.dumps(content))

    ran = project.flor("replay", "--verify", "--json")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert "error: /no/such/python cannot be started" in ran.stderr
    assert not list(project.home.glob("train/*/replays/*/files"))


def test_a_folder_of_replays_that_cannot_be_made(project: Project) -> None:
    project.record()
    (folder,) = (path.parent for path in project.home.glob("train/*/run.json"))
    (folder / "replays").write_text("in the way")

    ran = project.flor("replay", "--verify", "--json")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("error: ") == 1
    assert "Traceback" not in ran.stderr
