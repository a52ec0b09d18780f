"""Runs that were interrupted and go on: to the end that they would have had, as the same run.

The scripts train nothing, so that no child imports torch. They stop where the environment says.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.test_replay import Project
from tests.runner import FlorRunner

pytestmark = pytest.mark.process

STOP = """\
import os, random, signal, time
import flor

def stop(*at):
    if os.environ.get("STOP") == "-".join(map(str, at)):
        if os.environ.get("HOW") == "raise":
            raise RuntimeError("stopped")
        time.sleep(1)  # what a kill may lose at most is half a second
        os.kill(os.getpid(), signal.SIGKILL)

"""
TRAIN = (
    STOP
    + """\
random.seed(3)
seen = []
print("begin")
stop("prelude")
for epoch in flor.loop("epoch", range(6)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random())
        flor.log("draw", seen[-1])
        stop(epoch, step)
    print("epoch", epoch, sum(seen))
stop("between")
for late in flor.loop("late", items()):
    seen.append(random.random() * late)
    stop("late", late)
    flor.log("all", sum(seen))
print("end", sum(seen))
stop("end")
"""
).replace(
    "random.seed(3)\n",
    "random.seed(3)\n\ndef items():\n    for n in range(4):\n        yield n + random.random()\n\n",
)


@pytest.fixture
def project(tmp_path: Path, flor_home: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, flor_home, FlorRunner(cwd=folder))


def interrupt(project: Project, at: str, text: str = TRAIN, how: str = "kill") -> None:
    """Record a script that stops somewhere."""
    project.write(text)
    flor = FlorRunner(cwd=project.folder, environment={"STOP": at, "HOW": how})
    ran = flor("record", "--budget", "10000%", "train.py")
    assert ran.returncode == (137 if how == "kill" else 1), (ran.stdout, ran.stderr)


def told(project: Project) -> list[tuple[str, Any]]:
    """All that the newest run has logged and printed."""
    names = json.loads(project.flor("log", "get", "@", "--json").stdout)
    rows = []
    for name in sorted(one["name"] for one in names):
        found = json.loads(project.flor("log", "get", "@", name, "--json").stdout)
        rows += [(name, row["position"], row["value"]) for row in found]
    return rows


def shown(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.flor("log", "show", "@", "--json").stdout)
    return found


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any]]:
    """What a run tells that nothing interrupts."""
    root = tmp_path_factory.mktemp("whole")
    flor = FlorRunner(cwd=root, environment={"FLOR_HOME": str(root / "home")})
    whole = Project(root, root / "home", flor)
    whole.record(TRAIN)
    return told(whole)


@pytest.mark.parametrize(
    ("at", "how"), [("0-2", "kill"), ("4-1", "kill"), ("3-2", "raise"), ("between", "kill"), ("end", "kill")]
)  # fmt: skip
def test_a_run_goes_on_to_the_end_that_it_would_have_had(
    project: Project, truth: list[tuple[str, Any]], at: str, how: str
) -> None:
    interrupt(project, at, how=how)
    before = shown(project)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    after = shown(project)
    assert told(project) == truth
    assert (after["run"], after["status"]) == (before["run"], "done")
    assert [loop["iterations"] for loop in after["loops"] if loop["kind"] == "main"] == [6, 4]
    outer = [one["position"][0] for one in after["checkpoints"]]
    epochs = [step["index"] for step in outer if step["loop"] == "epoch"]
    assert epochs == sorted(epochs)
    report = project.replay("--verify")
    assert (report["status"], report["first_divergence"]) == ("verified", None)


def test_a_run_is_resumed_as_often_as_it_stops(
    project: Project, truth: list[tuple[str, Any]]
) -> None:
    interrupt(project, "2-0")

    again = project.flor("resume", STOP="4-2")
    last = project.flor("resume")

    assert (again.returncode, last.returncode) == (137, 0), last.stderr
    assert "at epoch=2\n" in again.stderr  # there was no step before the first turn
    assert "at epoch=4, step=2\n" in last.stderr
    assert told(project) == truth
    (run_file,) = project.home.glob("train/*/run.json")
    at = [one["index"] for one in json.loads(run_file.read_text())["resumed"]]
    assert at[0] <= at[1] <= 4
    assert len(list(run_file.parent.glob("interrupted/*"))) == 2


def test_a_second_main_loop_whose_items_are_drawn_goes_on(
    project: Project, truth: list[tuple[str, Any]]
) -> None:
    whole = [row for row in truth if row[0] == "all"]
    text = TRAIN.replace('stop("late", late)', 'stop("late", int(late))')
    interrupt(project, "late-2", text)

    assert project.flor("resume").returncode == 0
    assert [row for row in told(project) if row[0] == "all"] == whole


def test_the_code_of_the_run_goes_on_unless_the_present_one_is_asked_for(
    project: Project, truth: list[tuple[str, Any]]
) -> None:
    interrupt(project, "4-1")
    project.write(TRAIN.replace('print("end"', 'print("another end"'))

    ran = project.flor("resume")

    assert "train.py has changed since" in ran.stderr
    assert told(project) == truth


def test_present_code_goes_on_where_it_is_asked_for(project: Project) -> None:
    interrupt(project, "4-1")
    project.write(TRAIN.replace('print("end"', 'print("another end"'))

    ran = project.flor("resume", "--code", "work")

    assert ran.returncode == 0, ran.stderr
    assert "the present one runs" in ran.stderr
    assert any(str(row[2]).startswith("another end") for row in told(project))


def test_a_damaged_checkpoint_is_passed_over(
    project: Project, truth: list[tuple[str, Any]]
) -> None:
    interrupt(project, "4-1")
    newest = max(project.home.glob("train/*/checkpoints/*.000000.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-3])

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert f"epoch={int(newest.name[:6])}" not in ran.stderr
    assert told(project) == truth


def test_what_cannot_be_resumed_says_why(project: Project) -> None:
    project.record(TRAIN)
    ended = project.flor("resume")
    interrupt(project, "prelude")
    early = project.flor("resume")

    assert (ended.returncode, early.returncode) == (5, 5)
    assert "has ended by itself: there is nothing to resume" in ended.stderr
    assert "it had not come to its main loop" in early.stderr


def test_a_script_that_fails_before_its_loop_leaves_the_run_as_it_was(project: Project) -> None:
    text = TRAIN.replace("random.seed(3)\n", 'open("here.txt").close()\nrandom.seed(3)\n', 1)
    project.write("", "here.txt")
    interrupt(project, "4-1", text)
    before, tells = shown(project), told(project)
    (project.folder / "here.txt").unlink()

    ran = project.flor("resume")

    assert ran.returncode == 5
    assert "the script ended before it came to its main loop" in ran.stderr
    assert (shown(project)["status"], told(project)) == (before["status"], tells)


def test_its_output_and_status_are_those_of_the_script(project: Project) -> None:
    interrupt(project, "4-1")

    ran = project.flor("resume", STOP="5-0", HOW="raise")

    plain = subprocess.run(
        [sys.executable, "train.py"],
        cwd=project.folder, env={**os.environ, "STOP": "5-0", "HOW": "raise"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == plain.returncode == 1
    assert "RuntimeError: stopped" in ran.stderr
    assert shown(project)["status"] == "crashed"


def test_files_that_the_script_writes_anew_are_kept_as_they_were(project: Project) -> None:
    opened = 'stop("prelude")\nopen("log.csv", "w").close()\n'
    text = TRAIN.replace('stop("prelude")\n', opened, 1).replace(
        '    print("epoch"', '    print(epoch, file=open("log.csv", "a"))\n    print("epoch"'
    )
    interrupt(project, "4-1", text)

    ran = project.flor("resume")

    (kept,) = project.home.glob("train/*/interrupted/1.files/log.csv")
    assert ran.returncode == 0, ran.stderr
    assert kept.read_text().split() == ["0", "1", "2", "3"]
    assert "log.csv is shorter than the interrupted run had it" in ran.stderr
    assert str(kept) in ran.stderr


def test_a_prelude_that_comes_out_otherwise_is_told_of(project: Project) -> None:
    text = TRAIN.replace(
        "random.seed(3)\n",
        "random.seed(os.environ.get('STOP', 'none'))\nfirst = random.random()\n",
        1,
    )
    interrupt(project, "4-1", text + 'print("first", first)\n')

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    told_of = [one["text"] for one in shown(project)["warnings"] if one["code"] == "start-differs"]
    assert len(told_of) == 1 and "otherwise than before" in told_of[0]


def test_one_process_at_a_time_resumes_a_run(project: Project) -> None:
    interrupt(project, "4-1")
    (journal,) = project.home.glob("train/*/journal.*.flor")
    interrupted = journal.parent / "interrupted"
    interrupted.mkdir()
    descriptor = os.open(interrupted, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        ran = project.flor("resume")
    finally:
        os.close(descriptor)

    assert ran.returncode == 75
    assert "is being resumed by another process" in ran.stderr
    assert project.flor("resume").returncode == 0


def test_a_state_that_does_not_fit_yet_is_looked_for_further_back(
    project: Project, truth: list[tuple[str, Any]]
) -> None:
    project.write("class Late:\n    pass\n", "latecomer.py")
    text = TRAIN.replace(
        '    print("epoch"',
        "    if epoch == 2:\n        from latecomer import Late\n\n        kept = Late()\n"
        '    print("epoch"',
    )
    interrupt(project, "4-1", text)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert told(project) == truth


def test_what_counts_the_epochs_by_itself_has_counted_them(project: Project) -> None:
    text = TRAIN.replace("for epoch in flor.loop", "for n, epoch in enumerate(flor.loop", 1)
    text = text.replace("range(6)):", "range(6))):").replace('print("epoch"', 'print(n, "epoch"')
    interrupt(project, "1-1", text)

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
    assert "going on at epoch=0" in ran.stderr
    lines = [row[2] for row in told(project) if row[0] == "print" and "epoch" in row[2]]
    assert [line.split()[0] for line in lines] == [*"012345"]


def test_a_loop_that_looks_at_files_which_it_writes_is_refused_or_forced(project: Project) -> None:
    text = TRAIN.replace(
        '    print("epoch"',
        '    open("last.txt", "w").write(str(epoch))\n'
        '    flor.log("last", open("last.txt").read())\n    print("epoch"',
    )
    interrupt(project, "4-1", text)

    refused = project.flor("resume")
    forced = project.flor("resume", "--force")

    assert refused.returncode == 5
    assert "its loop looks at files that it writes (last.txt)" in refused.stderr
    assert "--force" in refused.stderr
    assert forced.returncode == 0, forced.stderr
    assert "warning: its loop looks at files" in forced.stderr


@pytest.mark.parametrize("mode", ["w", "a"])
def test_what_reads_behind_its_loop_a_file_that_it_had_begun_is_refused(
    project: Project, mode: str
) -> None:
    begun = f'rows = open("rows.txt", "{mode}")\n'
    text = TRAIN.replace("for epoch", f"{begun}for epoch", 1).replace(
        '    print("epoch"', '    rows.write("row\\n")\n    print("epoch"'
    )
    interrupt(project, "4-1", text + '\nprint(len(open("rows.txt").readlines()))\n')

    refused = project.flor("resume")

    assert refused.returncode == 5
    assert "code behind its loop reads files that it had begun before" in refused.stderr
    assert "--force" in refused.stderr


def test_weights_that_the_loop_writes_anew_are_read_behind_it(project: Project) -> None:
    text = TRAIN.replace(
        '    print("epoch"', '    open("best.txt", "w").write(str(epoch))\n    print("epoch"'
    )
    interrupt(project, "4-1", text + '\nprint("best", open("best.txt").read())\n')

    ran = project.flor("resume")

    assert ran.returncode == 0, ran.stderr
