"""The end of a nested loop and the boundary that follows share what no code changed between them."""

from __future__ import annotations

import pytest

from florlib.stores.checkpoints import Checkpoint
from tests.runtime.programs import REPOSITORY, Program

pytestmark = pytest.mark.process

SCRIPT = """\
import flor
import numpy as np

steady = np.arange(300_000.0)
weights, scores = np.zeros(300_000), []
for epoch in flor.loop(range(4), name="epoch"):
    for step in flor.loop(range(3), name="step"):
        weights += steady * (epoch + 1)
    scores.append(weights.sum())
    print(epoch, scores[-1])
"""
ARRAY = 300_000 * 8


def test_a_boundary_refers_to_the_end_of_the_loop_before_it(program: Program) -> None:
    program.write({"train.py": SCRIPT})
    plain, recorded = program.both("train.py", python_path=str(REPOSITORY))
    assert recorded == plain

    files = {
        (record["role"], record["index"]): program.run_dir / record["file"]
        for record in program.kinds("checkpoint")
    }

    for index in range(4):
        block, behind = files["block", index], files["boundary", index + 1]
        assert Checkpoint.open(block).references == {files["boundary", 0].name}
        assert Checkpoint.open(behind).references == {files["boundary", 0].name, block.name}
        assert block.stat().st_size > ARRAY > 10 * behind.stat().st_size
        assert Checkpoint.open(behind).verify() == len(Checkpoint.open(behind).names)


def test_what_others_refer_to_is_kept_where_checkpoints_are_dropped(program: Program) -> None:
    program.checkpoint_bytes = 5 * ARRAY
    program.write({"train.py": SCRIPT.replace("range(4)", "range(12)")})
    program.run("train.py", hooked=True, python_path=str(REPOSITORY))

    left = sorted((program.run_dir / "checkpoints").glob("*.safetensors"))
    assert len(program.kinds("dropped")) >= 4
    assert sum(path.stat().st_size for path in left) <= 5 * ARRAY
    for path in left:
        assert Checkpoint.open(path).verify() == len(Checkpoint.open(path).names)


GROWING = """\
import flor
import numpy as np

weights, moments = np.zeros(100_000), []
for epoch in flor.loop(range(3), name="epoch"):
    for step in flor.loop(range(3), name="step"):
        weights += 1.0
        if not moments:
            moments.append(np.ones(600_000))
    print(epoch, weights.sum(), moments[0].sum())
"""


def test_what_appears_in_the_first_nested_loop_does_not_keep_its_end_away(program: Program) -> None:
    program.budget_share = 0.99
    program.write({"train.py": GROWING})
    program.run("train.py", hooked=True, python_path=str(REPOSITORY))

    ends = [one["checkpoint"] for one in program.kinds("exit") if one["loop"] == "step"]

    assert ends[0] is not None
