"""`flor replay --steps`: which turns of the innermost loops run, and what is said of the others.

As in test_replay.py nothing is trained, so that no child imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.orchestrate.test_replay import Project
from tests.runner import FlorAt

pytestmark = pytest.mark.process

# Four turns in each of three epochs; the n-th draw is the n-th number of the seed.
PLAIN = """\
import random
import flor

random.seed(3)
seen = []
for epoch in flor.loop("epoch", range(3)):
    for step in flor.loop("step", range(4)):
        seen.append(random.random())
        print("drawn", seen[-1])
    print("epoch", epoch, step, sum(seen))
"""
DRAWN = "        seen.append(random.random())\n"
PROBE = '        flor.log("size", len(seen))\n'


@pytest.fixture
def project(tmp_path: Path, flor_home: Path, flor_at: FlorAt) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, flor_home, flor_at(folder))


def asked(
    project: Project, recorded: str, added: dict[str, str], *words: str
) -> tuple[dict[str, Any], list[Any]]:
    """Record a script, add lines behind others, replay; the report, and the sizes that came."""
    project.record(recorded)
    text = recorded
    for line, more in added.items():
        assert text.count(line) == 1, line
        text = text.replace(line, line + more)
    project.write(text)
    report = project.replay(*words)
    assert (report["status"], report["first_divergence"]) == ("verified", None)
    return report, project.values("size", report["replay"])


def test_only_what_was_asked_for_is_executed_and_answered(project: Project) -> None:
    report, sizes = asked(project, PLAIN, {DRAWN: PROBE}, "--epochs=1", "--steps=1:3")

    assert sizes == [6, 7]
    assert report["executed"] == {"step": 2, "epoch": 1}
    assert report["skipped_iterations"] == 3 + 12 - 3
    # The lines of two turns and of the epoch; the states behind the two turns and the epoch.
    assert (report["compared"]["identical"], report["compared"]["missing"]) == (3, 0)
    assert (report["end_states"]["checked"], report["end_states"]["identical"]) == (2, 2)


def test_steps_of_all_epochs(project: Project) -> None:
    report, sizes = asked(project, PLAIN, {DRAWN: PROBE}, "--steps=0,3")

    assert sizes == [1, 4, 5, 8, 9, 12]
    assert report["executed"] == {"step": 6, "epoch": 3}


def test_what_probes_carry_from_turn_to_turn_is_not_cut_short(project: Project) -> None:
    before = 'for epoch in flor.loop("epoch", range(3)):\n'
    after = '        print("drawn", seen[-1])\n'
    added = {
        before: "    turns = 0\n",
        DRAWN: "        turns += 1\n" + PROBE,
        after: '    flor.log("turns", turns)\n',
    }

    report, sizes = asked(project, PLAIN, added, "--epochs=1", "--steps=2")

    assert sizes == [7]
    assert project.values("turns", report["replay"]) == [4]
    assert report["executed"] == {"step": 4, "epoch": 1}


def test_a_value_that_a_probe_stores_for_itself_is_no_hindrance(project: Project) -> None:
    added = {DRAWN: "        many = len(seen)\n" + '        flor.log("size", many)\n'}

    report, sizes = asked(project, PLAIN, added, "--epochs=1", "--steps=2")

    assert sizes == [7]
    assert report["executed"] == {"step": 1, "epoch": 1}


def test_a_loop_around_the_innermost_is_executed_whole(project: Project) -> None:
    text = PLAIN.replace(
        '    for step in flor.loop("step", range(4)):\n',
        '    for part in flor.loop("part", range(2)):\n'
        '      for step in flor.loop("step", range(4)):\n',
    )

    report, sizes = asked(project, text, {DRAWN: PROBE}, "--epochs=1", "--steps=2")

    assert sizes == [11, 15]
    assert report["executed"] == {"step": 2, "part": 2, "epoch": 1}


def test_loops_that_never_come_to_the_asked_step_are_skipped(project: Project) -> None:
    text = PLAIN.replace("range(4)", "range(2 + 2 * epoch)")

    report, sizes = asked(project, text, {DRAWN: PROBE}, "--steps=3")

    assert sizes == [2 + 4, 6 + 4]
    assert report["executed"] == {"step": 2, "epoch": 3}


@pytest.mark.parametrize(
    ("way", "executed"),
    [
        ("        if step == 2: break\n", 1),
        ("        if step < 2: continue\n", 1),
        # What stands behind the loop depends on how it was left: it runs on from the last asked step.
        ("        if step == 2: break\n    else: print('never')\n", 2),
    ],
)
def test_loops_that_are_left_early(way: str, executed: int, project: Project) -> None:
    text = PLAIN.replace('        print("drawn", seen[-1])\n', way)

    report, sizes = asked(project, text, {DRAWN: PROBE}, "--epochs=1", "--steps=1")

    assert len(sizes) == 1
    assert report["executed"] == {"step": executed, "epoch": 1}


def test_a_loop_that_a_function_returns_from(project: Project) -> None:
    text = """\
import random
import flor

random.seed(3)
seen = []
def draw(most):
    for step in flor.loop("step", range(9)):
        seen.append(random.random())
        if step == most:
            return step
for epoch in flor.loop("epoch", range(3)):
    print("epoch", draw(2 + epoch), sum(seen))
"""
    report, sizes = asked(project, text, {DRAWN: PROBE}, "--epochs=2", "--steps=1")

    assert sizes == [3 + 4 + 2]
    # From the asked step to the last recorded one is jumped over, and the loop is left by itself.
    assert report["executed"] == {"step": 2, "epoch": 1}


@pytest.mark.parametrize(
    ("over", "executed"),
    [
        ("[5, 6, 7, 8]", 1),
        ("enumerate(range(4))", 1),
        ("zip('abcd', range(9))", 1),
        ("waiting", 1),
        ("(n for n in range(4))", 3),
        ("{1: 2, 3: 4, 5: 6, 7: 8}", 3),
    ],
)
def test_what_can_be_entered_in_its_middle(over: str, executed: int, project: Project) -> None:
    text = PLAIN.replace("range(4)", over).replace(
        "    for step", "    waiting = [0]\n    for step"
    )
    text = text.replace(DRAWN, DRAWN + "        if len(waiting) < 4: waiting.append(len(seen))\n")

    report, sizes = asked(project, text, {DRAWN: PROBE}, "--epochs=1", "--steps=2")

    assert sizes == [7]
    assert report["executed"] == {"step": executed, "epoch": 1}


def test_items_that_turns_change_are_restored_with_the_rest(project: Project) -> None:
    text = """\
import flor

class Counter:
    def __init__(self):
        self.n = 0

seen = []
for epoch in flor.loop("epoch", range(2)):
    for counter in flor.loop([Counter()] * 4, name="counter"):
        counter.n += 1
        seen.append(counter.n)
        print("counted", counter.n)
"""
    added = {"        seen.append(counter.n)\n": '        flor.log("size", counter.n)\n'}

    report, sizes = asked(project, text, added, "--epochs=1", "--steps=2")

    assert sizes == [3]
    assert report["executed"] == {"counter": 1, "epoch": 1}


def test_a_damaged_checkpoint_is_told_and_the_loop_executed_from_its_start(
    project: Project,
) -> None:
    project.record(PLAIN)
    (path,) = project.home.glob("train/*/checkpoints/000001.000002.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    project.write(PLAIN.replace(DRAWN, DRAWN + PROBE))

    report = project.replay("--epochs=1", "--steps=2")

    assert project.values("size", report["replay"]) == [7]
    assert report["status"] == "verified"
    assert report["executed"] == {"step": 3, "epoch": 1}
    assert {one["code"] for one in report["warnings"]} >= {"checkpoint-damaged"}


def test_few_checkpoints_mean_more_turns_and_the_same_answer(project: Project) -> None:
    project.record(PLAIN)
    for path in project.home.glob("train/*/checkpoints/000001.00000[23].safetensors"):
        path.unlink()
    project.write(PLAIN.replace(DRAWN, DRAWN + PROBE))

    report = project.replay("--epochs=1", "--steps=3")

    assert project.values("size", report["replay"]) == [8]
    assert report["status"] == "verified"


# What stands around flor's loops counts their items, and goes on from 0 wherever they begin.
COUNTED = PLAIN.replace('for epoch in flor.loop("epoch", range(3))', "EPOCHS").replace(
    'for step in flor.loop("step", range(4))', "STEPS"
)


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [
        ('for n, epoch in enumerate(flor.loop("epoch", range(3)))', 'for step in flor.loop("step", range(4))'),
        ('for epoch in flor.loop("epoch", range(3))', 'for n, step in zip(range(9), flor.loop("step", range(4)))'),
    ],
)  # fmt: skip
def test_what_counts_the_items_of_a_loop_has_counted_them(
    epochs: str, steps: str, project: Project
) -> None:
    text = COUNTED.replace("EPOCHS", epochs).replace("STEPS", steps)

    _, counts = asked(
        project, text, {DRAWN: '        flor.log("size", n)\n'}, "--epochs=2", "--steps=2"
    )

    assert counts == [2]
