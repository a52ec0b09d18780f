"""Scripts that ask for flor themselves: `python train.py --flor NAME` and `--replay_flor`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner import FlorAt, FlorRunner

pytestmark = pytest.mark.process

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = """\
import argparse
import sys

import flor
from flor import MTK as Flor

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
options = parser.parse_args()
scale = flor.arg("scale", 2)
total = 0.0
Flor.checkpoints(options)
for epoch in Flor.loop(range(4)):
    for step in Flor.loop(range(3)):
        total += options.lr * scale
    Flor.log("total", total)
    print("epoch", epoch, total)
print(sys.argv[1:], total)
"""


class Script:
    """A script in a folder of its own, run as people run it."""

    def __init__(self, folder: Path, flor: FlorRunner) -> None:
        self.folder, self.flor = folder, flor
        self.path = folder / "train.py"
        self.path.write_text(SCRIPT, encoding="utf-8")

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(
            [sys.executable, "train.py", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def runs(self):
        return json.loads(self.flor("log", "list", "--json").stdout)

    def values(self, name: str):
        got = self.flor("log", "get", "@", name, "--json")
        return [(row["position"], row["value"]) for row in json.loads(got.stdout)]


@pytest.fixture
def script(tmp_path: Path, flor_home: Path, flor_at: FlorAt) -> Script:
    """The script, in a project of its own."""
    return Script(tmp_path, flor_at(tmp_path))


def test_a_plain_run_needs_no_flor(script: Script) -> None:
    ran = script("--lr", "1")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("['--lr', '1'] 24.0\n")
    assert script.runs() == []


def test_a_script_records_itself(script: Script) -> None:
    plain = script("--lr", "1")

    ran = script("--flor", "linear", "--lr", "1")
    again = script("--lr", "1", "--flor")

    assert (ran.returncode, ran.stdout) == (0, plain.stdout)
    assert ran.stderr.startswith("flor: recording linear@1")
    assert again.stderr.startswith("flor: recording linear@2")
    runs = script.runs()
    assert [(run["name"], run["ordinal"], run["status"]) for run in runs] == [
        ("linear", 2, "done"), ("linear", 1, "done"),
    ]  # fmt: skip
    assert runs[0]["iterations"] == 4
    assert [value for _, value in script.values("total")] == [6.0, 12.0, 18.0, 24.0]
    shown = json.loads(script.flor("log", "show", "@", "--json").stdout)
    assert shown["arguments"] == {"lr": 1.0, "scale": 2}
    assert [(loop["name"], loop["kind"]) for loop in shown["loops"]] == [
        ("epoch", "main"), ("step", "nested"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "status"),
    [("sys.exit(3)", 3), ("sys.exit('x')", 1), ("1 / 0", 1), ("exit(4)", 4)],
)
def test_how_a_script_that_records_itself_ends(script: Script, end: str, status: int) -> None:
    script.path.write_text(SCRIPT + end + "\n", encoding="utf-8")

    ran = script("--flor", "linear")

    assert ran.returncode == status
    (run,) = script.runs()
    assert (run["status"], run["exit_status"]) == ("crashed", status)


def test_the_newest_run_of_a_script_is_replayed(script: Script) -> None:
    script("--flor", "linear", "--lr", "1")
    probed = SCRIPT.replace("    print(", '    flor.log("half", total / 2)\n    print(')
    script.path.write_text(probed, encoding="utf-8")

    ran = script("--replay_flor")

    assert ran.returncode == 0, ran.stderr
    assert [value for _, value in script.values("half")] == [3.0, 6.0, 9.0, 12.0]


def test_a_part_of_a_run_is_replayed(script: Script) -> None:
    script("--flor", "linear", "--lr", "1")
    probed = SCRIPT.replace("    print(", '    flor.log("half", total / 2)\n    print(')
    script.path.write_text(probed, encoding="utf-8")

    ran = script("--replay_flor", "2/4")
    others = script("--replay_flor", "pid:8", "ngpus:200")

    assert ran.returncode == 0, ran.stderr
    assert script.values("half") == [([{"loop": "epoch", "index": 1}], 6.0)]
    assert others.returncode == 0


def test_under_flor_record_the_words_do_nothing_more(script: Script) -> None:
    ran = script.flor("record", "train.py", "--flor", "linear", "--lr", "1")

    assert ran.returncode == 0
    assert "['--lr', '1'] 24.0" in ran.stdout
    assert len(script.runs()) == 1
