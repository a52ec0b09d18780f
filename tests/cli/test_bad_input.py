"""What a person can get wrong: one line that says so, a hint that works, and nothing lost."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.homes import Home
from tests.runner import FlorAt, FlorRunner

pytestmark = pytest.mark.process

HELLO = 'print("hello")\n'
# A main loop without torch, whose import is what takes the time of such tests.
COUNTING = """\
import time
from flor import MTK as Flor

total = 0
try:
    for epoch in Flor.loop(range(1000)):
        total += epoch
        print("epoch", epoch, flush=True)
        time.sleep(0.02)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise SystemExit(5)
"""
PROBED = COUNTING.replace("+= epoch\n", "+= epoch\n        print(total)\n")


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def plainly(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on its own."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )


def newest(flor: FlorRunner) -> dict[str, Any]:
    """The newest run, as `flor log list --json` tells of it."""
    return dict(json.loads(flor("log", "list", "--json").stdout)[0])


def hinted(flor: FlorRunner, stderr: str) -> subprocess.CompletedProcess[str]:
    """Type what the hint says."""
    hint = stderr.splitlines()[-1]
    assert hint.startswith("hint: flor ")
    return flor(*shlex.split(hint)[2:])


@pytest.fixture
def flor(flor_at: FlorAt, tmp_path: Path) -> FlorRunner:
    """The command line, typed in `tmp_path`."""
    return flor_at(tmp_path)


def test_a_script_that_is_not_there(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)

    done = flor("record", "trian.py", "--lr", "1")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: there is no script trian.py here\nhint: flor record train.py --lr 1\n"
    )
    assert hinted(flor, done.stderr).stdout == "hello\n"


def test_no_runs_yet(flor: FlorRunner):
    for words in (["replay"], ["log", "show", "@"], ["log", "get", "@", "loss"]):
        done = flor(*words)

        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == "error: no runs recorded yet\nhint: flor record train.py\n"


def test_an_id_that_may_be_several(flor: FlorRunner, flor_home: Path):
    home = Home(flor_home)
    runs = [home.run(token, ordinal=n).run for n, token in enumerate(("aa1111", "aa2222"), 1)]

    done = flor("replay", runs[0][:8])

    assert (done.returncode, done.stdout) == (3, "")
    assert all(run in done.stderr for run in runs)
    assert hinted(flor, done.stderr).returncode == 0


def test_a_script_that_python_cannot_read(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", "def f(:\n    pass\n")

    done = flor("record", "train.py")

    plain = plainly(tmp_path, "train.py")
    assert done.returncode == plain.returncode == 1
    assert done.stderr.startswith(plain.stderr)
    assert newest(flor)["status"] == "crashed"


def test_a_syntax_error_made_while_adding_a_probe(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)
    flor("record", "train.py")
    write(tmp_path, "train.py", HELLO + 'print("more"\n')

    done = flor("replay")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "SyntaxError: '(' was never closed"
    assert 'File "train.py", line 2' in done.stderr


def test_no_training_loop(flor: FlorRunner, tmp_path: Path):
    script = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\n"
    write(tmp_path, "train.py", script + "print(p.parse_args().lr)\n")

    done = flor("record", "train.py", "--lr", "0.5")

    assert (done.returncode, done.stdout) == (0, "0.5\n")
    assert "no training loop was found" in done.stderr
    shown = json.loads(flor("log", "show", "@", "--json").stdout)
    assert (shown["arguments"], shown["loops"]) == ({"lr": 0.5}, [])
    assert json.loads(flor("log", "get", "@", "print", "--json").stdout)[0]["value"] == "0.5"


def test_a_line_added_where_there_is_no_training_loop(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)
    flor("record", "train.py")
    write(tmp_path, "train.py", HELLO + 'print("more")\n')

    report = json.loads(flor("replay", "--json").stdout)

    assert (report["status"], report["new"]) == ("verified", {"print": 1})


def test_code_that_changed_by_more_than_probes(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)
    flor("record", "train.py")
    write(tmp_path, "train.py", 'print("good bye")\n')

    done = flor("replay")

    assert (done.returncode, done.stdout) == (6, "")
    assert '-print("hello")\n+print("good bye")\n' in done.stderr
    assert "train.py has changed by more than probes" in done.stderr
    assert done.stderr.endswith(" --force\n")
    forced = hinted(flor, done.stderr)
    assert (forced.returncode, "diverged" in forced.stderr) == (4, True)


def test_an_object_that_is_absent_now(flor: FlorRunner, tmp_path: Path):
    script = """\
from pathlib import Path
from flor import MTK as Flor

seen = [0]
if Path("flag").exists():
    extra = [0]
for epoch in Flor.loop(range(3)):
    seen.append(epoch)
    if Path("flag").exists():
        extra.append(epoch)
"""
    write(tmp_path, "flag", "")
    write(tmp_path, "train.py", script)
    flor("record", "train.py")
    (tmp_path / "flag").unlink()
    write(tmp_path, "train.py", script + "    print(seen)\n")

    done = flor("replay", "--json")

    assert done.returncode == 4
    report = json.loads(done.stdout)
    assert (report["status"], report["first_divergence"]["item"]) == ("diverged", "extra")


def test_added_lines_that_are_never_reached(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)
    flor("record", "train.py")
    write(tmp_path, "train.py", HELLO + 'if False:\n    print("more")\n')

    done = flor("replay")

    assert (done.returncode, done.stdout) == (0, "")
    assert "warning: train.py:2: this line has logged nothing" in done.stderr


def test_a_folder_without_a_git_repository(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO)

    done = flor("record", "train.py")

    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "warning:" not in done.stderr
    assert newest(flor)["version"]


def test_a_home_that_cannot_be_written(flor: FlorRunner, tmp_path: Path):
    write(tmp_path, "train.py", HELLO + "raise SystemExit(3)\n")
    write(tmp_path, "file", "")
    home = str(tmp_path / "file" / "home")

    done = flor("record", "train.py", FLOR_HOME=home)

    assert (done.returncode, done.stdout) == (3, "hello\n")
    assert done.stderr == (
        f"warning: {home} cannot be written (Not a directory); the script runs unrecorded\n"
    )
    listed = flor("log", "list", FLOR_HOME=home)
    assert listed.returncode == 1
    assert listed.stderr.splitlines()[0].startswith("error: ")


@pytest.fixture
def running(flor: FlorRunner, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`flor record` of a script that has finished its first iterations and goes on."""
    write(tmp_path, "train.py", COUNTING)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "florctl", "record", "train.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "epoch 3\n":
            assert process.poll() is None
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def journalled(flor: FlorRunner, *, iterations: int) -> None:
    """Wait until so many iterations of the newest run are on the disk."""
    while newest(flor)["iterations"] < iterations:
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("sent", "status", "told"), [(signal.SIGINT, 5, "crashed"), (signal.SIGTERM, 143, "killed")]
)
def test_the_script_sees_signals_as_without_flor(
    flor: FlorRunner, running: subprocess.Popen[str], sent: signal.Signals, status: int, told: str
):
    journalled(flor, iterations=3)

    running.send_signal(sent)

    stdout, _ = running.communicate()

    assert running.returncode == status
    assert stdout.endswith("interrupted\n") == (sent == signal.SIGINT)
    run = newest(flor)
    assert run["status"] == told
    assert run["iterations"] >= 3
    values = json.loads(flor("log", "get", "@", "print", "--json").stdout)
    assert [row["value"] for row in values[:3]] == ["epoch 0", "epoch 1", "epoch 2"]


def test_a_run_that_is_still_going_on(
    flor: FlorRunner, running: subprocess.Popen[str], tmp_path: Path
):
    journalled(flor, iterations=3)
    write(tmp_path, "train.py", PROBED)

    done = flor("replay", "--epochs", "1:3", "--json")

    assert running.poll() is None
    assert newest(flor)["status"] == "running"
    assert "is still going on" in done.stderr
    report = json.loads(done.stdout)
    assert (report["status"], report["new"]) == ("verified", {"print": 2})


def test_a_run_that_was_killed_is_answered_as_far_as_it_came(
    flor: FlorRunner, running: subprocess.Popen[str], tmp_path: Path
):
    journalled(flor, iterations=3)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    write(tmp_path, "train.py", PROBED)

    report = json.loads(flor("replay", "--json").stdout)

    run = newest(flor)
    assert run["status"] == "killed"
    assert report["status"] == "verified"
    assert report["new"]["print"] == report["executed_iterations"] == run["iterations"]
