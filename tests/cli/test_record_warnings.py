"""What `flor record` says at its end of loops and objects that it could not see through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runner import FlorAt, FlorRunner

pytestmark = pytest.mark.process

HIDDEN = """\
import torch

w = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)


def train():
    optimizer.zero_grad()
    getattr((w - 1).pow(2).sum(), "back" + "ward")()
    getattr(optimizer, "st" + "ep")()


calls = {"train": train}
for epoch in range(3):
    calls["train"]()
    print(epoch)
"""
STEP_LINE, LOOP_LINE = 10, 14

GENERATOR = """\
import torch

w = torch.zeros(2, requires_grad=True)
batches = (torch.ones(2) for _ in range(9))
for epoch in range(3):
    (w - next(batches)).pow(2).sum().backward()
"""


@pytest.fixture
def flor(forked_flor_at: FlorAt, tmp_path: Path) -> FlorRunner:
    """The command line, typed in `tmp_path`."""
    return forked_flor_at(tmp_path)


def test_a_loop_that_steps_unseen_is_named_and_can_be_chosen(
    tmp_path: Path, flor: FlorRunner
) -> None:
    (tmp_path / "train.py").write_text(HIDDEN)

    unseen = flor("record", "train.py")
    chosen = flor("record", "--loop", f"train.py:{LOOP_LINE}", "train.py")

    words = f"flor record --loop train.py:{LOOP_LINE} makes that one the main loop"
    assert f"warning: train.py:{STEP_LINE}: an optimizer steps outside" in unseen.stderr
    assert words in unseen.stderr
    assert "outside" not in chosen.stderr
    assert "main loop epoch (train.py:14): 3 iterations" in chosen.stderr


def test_what_is_not_captured_is_told_with_its_line(tmp_path: Path, flor: FlorRunner) -> None:
    (tmp_path / "train.py").write_text(GENERATOR)

    ran = flor("record", "train.py")

    assert ran.stderr.splitlines()[-1].startswith("warning: batches (train.py:4) is a generator")
    (missing,) = json.loads(flor("log", "show", "@", "--json").stdout)["not_captured"]
    assert (missing["name"], missing["file"], missing["line"]) == ("batches", "train.py", 4)


def test_the_files_of_a_home_within_the_project_are_not_the_run_s(
    tmp_path: Path, flor: FlorRunner
) -> None:
    (tmp_path / "train.py").write_text(GENERATOR + "open('out.txt', 'w').close()\n")

    flor("record", "train.py", FLOR_HOME=str(tmp_path / "runs"))

    shown = json.loads(flor("log", "show", "@", "--json", FLOR_HOME=str(tmp_path / "runs")).stdout)
    assert shown["files"] == {"read": [], "written": ["out.txt"]}
