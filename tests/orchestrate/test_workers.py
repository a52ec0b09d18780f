"""Several workers of one replay: what they write, what is told of them, and how they are ended.

The scripts train nothing, so that no child imports torch; iterations take a fifth of a second, so that
the work is worth being divided.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.orchestrate.test_replay import DENSE, Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

TRAIN = """\
import os, random, time
import flor

random.seed(3)
seen = []
with open("rates.csv") as file:
    rates = [float(line) for line in file]
for epoch in flor.loop("epoch", range(8)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random() * rates[epoch])
        flor.log("draw", seen[-1])
    time.sleep(0.2)
    flor.log("loss", 8 - epoch)
    # PROBE
    print("epoch", epoch, sum(seen))
# BEHIND
print("done", len(seen))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, flor_at: FlorAt) -> Project:
    """The run, and its project with files as the run left them; not to be changed."""
    root = tmp_path_factory.mktemp("workers")
    folder, home = root / "project", root / "home"
    folder.mkdir()
    (folder / "rates.csv").write_text("".join(f"{n}\n" for n in range(1, 9)))
    made = Project(folder, home, flor_at(folder))
    made.write(TRAIN)
    ran = made.flor("record", *DENSE, "train.py", FLOR_HOME=str(home), HOME=str(root))
    assert ran.returncode == 0, ran.stderr
    return made


@pytest.fixture
def project(recorded: Project, tmp_path: Path, flor_home: Path) -> Iterator[Project]:
    """The project with a copy of the run; files that a test changes are put back."""
    shutil.copytree(recorded.home, flor_home)
    shutil.copytree(recorded.folder, tmp_path / "kept")
    yield replace(recorded, home=flor_home)
    shutil.rmtree(recorded.folder)
    shutil.copytree(tmp_path / "kept", recorded.folder)


def probe(project: Project, line: str, behind: str = "") -> None:
    project.write(TRAIN.replace("# PROBE", line).replace("# BEHIND", behind))


def test_the_work_is_divided_and_each_value_is_told_once(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen))', 'flor.log("all", len(seen))')

    report = project.replay("--workers", "2")

    assert (report["status"], report["workers"]) == ("verified", 2)
    assert len(report["plan"]["parts"]) > 2
    assert project.values("size", report["replay"]) == [3, 6, 9, 12, 15, 18, 21, 24]
    assert project.values("all", report["replay"]) == [24]


def test_iterations_are_chosen_by_what_was_logged(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen))')

    report = project.replay("--where", "loss > 3 and loss <= 5")

    assert project.values("size", report["replay"]) == [12, 15]
    assert report["plan"]["segments"] == [{"main": 0, "start": 3, "stop": 5}]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("gain > 1", "logged no gain; it logged draw, loss, print"),
        ("loss > 50", "in no iteration of run"),
        ("loss >", "is no expression"),
    ],
)
def test_conditions_that_choose_nothing(project: Project, condition: str, said: str) -> None:
    probe(project, 'flor.log("size", len(seen))')

    ran = project.flor("replay", "--where", condition)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert "hint: " in ran.stderr


def test_files_that_workers_write_in_one_way_are_one(project: Project) -> None:
    probe(
        project,
        'open(f"size-{epoch}.txt", "w").write(str(len(seen)))',
        'open("all.txt", "w").write("24")',
    )

    report = project.replay("--workers", "2")

    folder = project.home.glob(f"train/*/replays/{report['replay']}")
    files = next(folder) / "files"
    assert report["outputs"] == ["all.txt", *(f"size-{n}.txt" for n in range(8))]
    assert [(files / f"size-{n}.txt").read_text() for n in range(8)] == [
        str(3 * n + 3) for n in range(8)
    ]
    assert "output-split" not in {one["code"] for one in report["warnings"]}
    assert not files.with_name("files.1").exists()


def test_a_file_of_which_each_worker_has_a_part_stays_with_each(project: Project) -> None:
    probe(project, 'open("sizes.csv", "a").write(f"{len(seen)}\\n")')

    report = project.replay("--workers", "2")

    assert "output-split" in {one["code"] for one in report["warnings"]}
    (folder,) = project.home.glob(f"train/*/replays/{report['replay']}")
    parts = [folder / "files" / output for output in report["outputs"]]
    lines = sorted(int(line) for part in parts for line in part.read_text().split())
    assert lines == [3, 6, 9, 12, 15, 18, 21, 24]


def test_an_input_that_has_changed_is_named(project: Project) -> None:
    (project.folder / "rates.csv").write_text("9\n" * 8)
    probe(project, 'flor.log("size", len(seen))')

    report = project.replay()  # which has what was read of it from the checkpoint

    told = [one["text"] for one in report["warnings"] if one["code"] == "input-changed"]
    assert told == ["rates.csv has changed since the run read it"]
    assert report["status"] == "verified"


def test_trackers_are_told_to_be_silent(project: Project) -> None:
    names = ("WANDB_MODE", "NEPTUNE_MODE", "SWANLAB_MODE", "MLFLOW_TRACKING_URI")
    probe(project, "", f'flor.log("modes", [os.environ[name] for name in {names}])')

    report = project.replay(MLFLOW_TRACKING_URI="http://tracking.example.org")

    ((*modes, store),) = project.values("modes", report["replay"])
    assert modes == ["disabled", "offline", "disabled"]
    assert store.startswith("file://")
    assert report["replay"] in store


def test_the_view_of_a_plan_tells_of_workers(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen))')

    lines = project.flor("replay", "--plan", "--workers", "2").stdout.splitlines()

    shown = {line.split("  ")[0]: line for line in lines}
    assert shown["workers"].split()[1] == "2:"
    assert "0:2" in shown["parts"]


def test_values_are_followed_in_the_order_of_the_run(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen))', 'flor.log("all", 1)')

    ran = project.flor("replay", "--follow", "--workers", "2")

    assert ran.returncode == 0
    assert ran.stdout.splitlines() == [
        *(f"epoch={n}\tsize\t{3 * n + 3}" for n in range(8)),
        "\tall\t1",
    ]


def test_what_a_worker_that_died_had_told_is_followed_once(project: Project) -> None:
    mark = project.home.parent / "mark"
    waits = f"while epoch % 4 == 3 and not os.path.exists({str(mark)!r}): time.sleep(0.01)"
    told = 'flor.log("size", len(seen)); epoch == 1 and flor.log("pid", os.getpid())'
    probe(project, f"{told}\n    {waits}")
    words = [sys.executable, "-m", "florctl", "replay", "--follow", "--workers", "2"]
    replaying = subprocess.Popen(
        words, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    killed = 0
    until = time.monotonic() + 60
    while not killed and time.monotonic() < until:
        time.sleep(0.02)
        for journal in project.home.glob("train/*/replays/*/journal.*.flor"):
            if b'"size"' in journal.read_bytes() and not killed:
                killed = int(journal.name.split(".")[2])
                os.kill(killed, signal.SIGKILL)
    mark.touch()

    stdout, _ = replaying.communicate(timeout=60)

    assert killed
    assert replaying.returncode == 0
    sizes = [line for line in stdout.splitlines() if "\tsize\t" in line]
    assert sizes == [f"epoch={n}\tsize\t{3 * n + 3}" for n in range(8)]


def test_a_worker_that_dies_before_its_work_is_no_failure_where_others_do_it(
    project: Project,
) -> None:
    mark = project.home.parent / "mark"
    dies = f'if os.environ.get("DIES") and not os.path.exists("{mark}"):\n'
    dies += f'    open("{mark}", "w").close(); os.kill(os.getpid(), 9)\n'
    text = TRAIN.replace("seen = []\n", f"seen = []\n{dies}")
    project.record(text)
    project.write(text.replace("# PROBE", 'flor.log("size", len(seen))'))

    report = project.replay("--workers", "2", DIES="1")

    assert report["status"] == "verified"
    assert "worker-died" in {one["code"] for one in report["warnings"]}
    assert project.values("size", report["replay"]) == [3, 6, 9, 12, 15, 18, 21, 24]


def test_no_worker_outlives_a_reader_that_goes(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen)); flor.log("pid", os.getpid())')
    words = [sys.executable, "-m", "florctl", "replay", "--follow", "--workers", "2"]
    replaying = subprocess.Popen(
        words, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert replaying.stdout is not None
    replaying.stdout.readline()
    replaying.stdout.close()

    replaying.wait(timeout=60)

    journals = list(project.home.glob("train/*/replays/*/journal.*.flor"))
    assert journals
    for journal in journals:
        with pytest.raises(ProcessLookupError):
            os.kill(int(journal.name.split(".")[2]), 0)


def test_values_are_followed_or_given_as_json(project: Project) -> None:
    ran = project.flor("replay", "--follow", "--json")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "exclude each other" in ran.stderr


def test_workers_that_die_before_their_work_are_not_replaced_for_ever(project: Project) -> None:
    text = TRAIN.replace("# PROBE", 'flor.log("size", len(seen))')
    project.write(text.replace("seen = []", "os.kill(os.getpid(), 9)"))

    report = project.replay("--workers", "2", "--force", status=7)

    assert report["status"] == "partial"
    assert report["workers"] <= 6  # each piece is tried twice


def test_ctrl_c_ends_all_workers_and_keeps_what_is_finished(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen)); epoch % 4 == 3 and time.sleep(60)')
    words = [sys.executable, "-m", "florctl", "replay", "--json", "--workers", "2"]
    replaying = subprocess.Popen(
        words,
        cwd=project.folder,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    journals, until = "train/*/replays/*/journal.*.flor", time.monotonic() + 60
    while not any(b'"size"' in one.read_bytes() for one in project.home.glob(journals)):
        assert time.monotonic() < until
        time.sleep(0.02)

    replaying.send_signal(signal.SIGINT)
    stdout, _ = replaying.communicate(timeout=60)

    assert replaying.returncode == 130
    report = json.loads(stdout)
    assert report["status"] == "partial"
    given = project.values("size", report["replay"])
    assert given
    assert set(given) <= {3, 6, 9, 12, 15, 18, 21, 24}


def test_checkpoints_that_are_gone_are_told_and_the_work_is_done_all_the_same(
    project: Project,
) -> None:
    for file in project.home.glob("train/*/checkpoints/*.safetensors"):
        file.unlink()
    probe(project, 'flor.log("size", len(seen))')

    report = project.replay("--workers", "2")

    assert project.values("size", report["replay"]) == [3, 6, 9, 12, 15, 18, 21, 24]


def test_in_place_has_one_worker(project: Project) -> None:
    probe(project, 'flor.log("size", len(seen))')

    report = project.replay("--workers", "2", "--in-place")

    assert report["workers"] == 1
    assert [one["text"] for one in report["warnings"] if one["code"] == "one-worker"] == [
        "one worker does all of it: it runs in your own folder"
    ]
