"""`flor record`: words to a run.json, the script's own end, and training that goes on regardless."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runner import FlorRunner

pytestmark = pytest.mark.process

SAY = "import sys\nprint('args', sys.argv[1:])\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder without a repository, with a script that prints its arguments."""
    (tmp_path / "train.py").write_text(SAY)
    return tmp_path


def runs(home: Path) -> list[dict[str, Any]]:
    """All run.json, oldest first."""
    paths = sorted(home.glob("*/*/run.json"), key=lambda path: path.parent.name)
    return [json.loads(path.read_text()) for path in paths]


def test_what_a_run_says_of_itself(project: Path, flor: FlorRunner, flor_home: Path) -> None:
    words = ("--name", "mine", "--tag", "owner=me", "--tag", "k=a=b", "--budget", "2%")

    ran = flor("record", *words, "train.py", "--lr", "0.1", "--name", "x", PYTHONHASHSEED="7")

    assert (ran.returncode, ran.stdout) == (0, "args ['--lr', '0.1', '--name', 'x']\n")
    (run,) = runs(flor_home)
    assert run["command"] == [sys.executable, "train.py", "--lr", "0.1", "--name", "x"]
    assert (run["name"], run["ordinal"], run["budget"]) == ("mine", 1, 0.02)
    assert run["tags"] == {"owner": "me", "k": "a=b"}
    assert (run["script"], run["project"], run["cwd"]) == ("train.py", str(project), str(project))
    assert (run["exit_status"], run["signal"]) == (0, None)
    assert run["ended"] > run["started"]
    assert run["environment"]["variables"]["PYTHONHASHSEED"] == "7"
    assert run["version"]["store"] == "private"


def test_runs_of_a_name_are_numbered(project: Path, flor: FlorRunner, flor_home: Path) -> None:
    for _ in range(3):
        flor("record", "--no-version", "train.py")
    first = min(
        flor_home.glob("train/*/run.json"), key=lambda path: json.loads(path.read_text())["ordinal"]
    )
    first.unlink()

    flor("record", "--no-version", "train.py")

    assert sorted(run["ordinal"] for run in runs(flor_home)) == [2, 3, 4]


def test_runs_that_begin_together_have_numbers_of_their_own(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    words = [sys.executable, "-m", "florctl", "record", "--no-version", "train.py"]
    children = [
        subprocess.Popen(words, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(4)
    ]

    assert [child.wait() for child in children] == [0] * 4

    assert sorted(run["ordinal"] for run in runs(flor_home)) == [1, 2, 3, 4]


@pytest.mark.parametrize("seed", ["", "random"])
def test_the_order_of_sets_is_fixed_and_recorded(
    seed: str, project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    (project / "train.py").write_text("import os\nprint(os.environ['PYTHONHASHSEED'])\n")

    ran = flor("record", "train.py", PYTHONHASHSEED=seed)

    (run,) = runs(flor_home)
    assert ran.stdout.strip() == run["environment"]["variables"]["PYTHONHASHSEED"]
    assert ran.stdout.strip().isdigit()


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("raise SystemExit(3)", 3, (3, None)),
        ("1 / 0", 1, (1, None)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, (None, 15)),
        ("def (", 1, (1, None)),
    ],
)
def test_the_end_of_the_script_is_that_of_the_command(
    code: str, status: int, told: tuple[Any, Any], project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    (project / "train.py").write_text(code)

    ran = flor("record", "train.py")

    (run,) = runs(flor_home)
    assert (ran.returncode, (run["exit_status"], run["signal"])) == (status, told)


def test_a_module_a_sub_folder_an_absolute_path_and_a_shell_script(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    (project / "pkg").mkdir()
    (project / "pkg" / "__init__.py").touch()
    (project / "pkg" / "fit.py").write_text(SAY)
    (project / "run.sh").write_text("python pkg/fit.py $1\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    said = [
        flor("record", "-m", "pkg.fit", "-m", "3").stdout,
        flor("record", "pkg/fit.py").stdout,
        flor("record", str(project / "train.py"), cwd=project / "pkg").stdout,
        flor("record", "--", "bash", "run.sh", "4", PATH=path).stdout,
    ]

    assert said == ["args ['-m', '3']\n", "args []\n", "args []\n", "args ['4']\n"]
    found = runs(flor_home)
    assert [run["name"] for run in sorted(found, key=lambda run: run["started"])] == [
        "fit",
        "fit",
        "train",
        "run",
    ]
    assert all(list((flor_home / run["name"] / run["run"]).glob("journal.*")) for run in found)


def test_a_script_in_another_repository(tmp_path: Path, flor: FlorRunner, flor_home: Path) -> None:
    other, here = tmp_path / "other", tmp_path / "here"
    for folder in (other, here):
        folder.mkdir()
        subprocess.run(["git", "init", "-q", folder], check=True)
    (other / "train.py").write_text(SAY)

    ran = flor("record", "../other/train.py", cwd=here)

    (run,) = runs(flor_home)
    assert (ran.returncode, run["project"], run["cwd"]) == (0, str(other), str(here))
    assert run["version"]["store"] == "repository"


def test_an_empty_repository_and_one_that_is_broken(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    (project / ".git").mkdir()

    ran = flor("record", "train.py")

    assert (ran.returncode, ran.stdout) == (0, "args []\n")
    assert len(runs(flor_home)) == 1


def test_a_home_within_the_project_stays_out_of_it(project: Path, flor: FlorRunner) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    home = str(project / "runs")

    for _ in range(2):
        ran = flor("record", "train.py", FLOR_HOME=home)

    assert ran.returncode == 0
    status = ["git", "-C", str(project), "status", "--porcelain", "--untracked-files=all"]
    assert (
        subprocess.run(status, capture_output=True, text=True, check=True).stdout == "?? train.py\n"
    )


@pytest.mark.parametrize("home", ["/proc/nowhere", "train.py"])
def test_training_goes_on_where_nothing_can_be_recorded(
    home: str, project: Path, flor: FlorRunner
) -> None:
    (project / "train.py").write_text("print('trained')\nraise SystemExit(3)\n")

    ran = flor("record", "train.py", FLOR_HOME=str(project / home))

    assert (ran.returncode, ran.stdout) == (3, "trained\n")
    assert ran.stderr.startswith("warning: ")
    assert "the script runs unrecorded" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_child_that_cannot_be_started(project: Path, flor: FlorRunner, flor_home: Path) -> None:
    program = project / "run.sh"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)

    ran = flor("record", "--", "./run.sh")
    unrecorded = flor("record", "--", "./run.sh", FLOR_HOME="/proc/nowhere")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(
        "error: ./run.sh cannot be started (No such file or directory)\nhint: "
    )
    assert runs(flor_home)[0]["exit_status"] == 127
    assert "error: ./run.sh cannot be started" in unrecorded.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "error: there is nothing to record\nhint: flor record train.py\n"),
        (("trian.py",), "error: there is no script trian.py here\nhint: flor record train.py\n"),
        (("--name", "a/b", "train.py"), "error: 'a/b' cannot name a run"),
        (("--tag", "x", "train.py"), "error: 'x' is no tag\nhint: "),
        (("--budget", "much", "train.py"), "error: 'much': a budget is a share"),
        (("--nmae", "x", "train.py"), "error: "),
    ],
)
def test_words_that_do_not_fit(
    words: tuple[str, ...], message: str, project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    ran = flor("record", *words)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(message)
    assert runs(flor_home) == []


def test_a_signal_reaches_the_script_and_what_was_recorded_stays(
    project: Path, flor_home: Path
) -> None:
    (project / "train.py").write_text(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\nsignal.pause()\n"
    )
    words = [sys.executable, "-m", "florctl", "record", "train.py"]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == 5
    assert runs(flor_home)[0]["exit_status"] == 5
