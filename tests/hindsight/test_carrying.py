"""Which probes remember from one iteration to a later one."""

from __future__ import annotations

import pytest

from florlib.hindsight.carrying import carried_names
from florlib.hindsight.probes import compare

RECORDED = """\
import torch

def step(batch):
    loss.backward()

def main():
    net = Net()
    for epoch in range(4):
        total = 0.0
        for batch in loader:
            step(batch)
        report(total)
    print("done")

main()
"""
BEFORE, TURN, INNER = "    net = Net()\n", "        total = 0.0\n", "            step(batch)\n"
CALLED, BEHIND, TOP = "    loss.backward()\n", "        report(total)\n", "import torch\n"
AFTER = '    print("done")\n'
COUNT = ((BEFORE, "count = 0"), (INNER, "count += 1"), (BEHIND, "print(count)"))


def carried(*probes: tuple[str, str], recorded: str = RECORDED) -> list[str]:
    """The carried names, where each probe stands behind its line."""
    present = recorded
    for line, probe in probes:
        indent = line[: len(line) - len(line.lstrip())]
        present = present.replace(line, f"{line}{indent}{probe}\n")
    comparison = compare("train.py", recorded, present)
    assert comparison.verdict == "probe", comparison.changes
    return sorted(carried_names(comparison, [0]))


@pytest.mark.parametrize(
    ("probes", "names"),
    [
        (COUNT, ["count"]),
        (((BEFORE, "norms = []"), (INNER, "norms.append(net.norm())")), ["norms"]),
        (((BEFORE, "old = None"), (BEHIND, "old = total"), (BEHIND, "print(old)")), ["old"]),
        (((INNER, "last = batch.sum()"), (AFTER, "print(last)")), ["last"]),
        (((TOP, "seen = []"), (CALLED, "seen.append(loss.item())")), ["seen"]),
        (((TOP, "def note(x): seen.append(x)"), (TOP, "seen = []"), (INNER, "note(1)")), ["seen"]),
    ],
    ids=["counter", "list", "previous", "behind the loop", "in a function", "in a helper"],
)
def test_a_value_that_goes_on_is_carried(probes: tuple[tuple[str, str], ...], names: list[str]):
    assert carried(*probes) == names


@pytest.mark.parametrize(
    "probes",
    [
        ((TURN, "count = epoch * 10"), (INNER, "print(count)"), (INNER, "count += 1")),
        ((TURN, "norms = []"), (INNER, "norms.append(net.norm())"), (BEHIND, "print(norms)")),
        ((INNER, "print(norm)"), (INNER, "norm = net.norm()")),
        ((BEFORE, "limit = 5"), (INNER, "show(limit, batch)")),
        ((TOP, "def show(x): return x.sum()"), (BEHIND, "print(show(total))")),
        ((BEFORE, "writer = SummaryWriter()"), (INNER, "writer.add_scalar('x', f(batch), 1)")),
        ((CALLED, "parts.append(1)"), (CALLED, "parts = []")),
    ],
    ids=[
        "set each time",
        "list of a turn",
        "used at once",
        "constant",
        "helper",
        "writer",
        "local",
    ],
)
def test_what_is_set_anew_or_never_changes_is_not(probes: tuple[tuple[str, str], ...]):
    assert carried(*probes) == []


def test_a_loop_of_the_module_is_looked_at_alike():
    recorded = "import torch\nfor i in x:\n    train(i)\nprint(i)\n"

    assert carried(
        ("import torch\n", "n = 0"), ("    train(i)\n", "n += 1"), recorded=recorded
    ) == ["n"]


def test_code_that_looks_names_up_by_text_may_read_any():
    recorded = RECORDED.replace("report(total)", "report(locals())")
    line = "        report(locals())\n"

    assert carried((line, "norm = net.norm()"), recorded=recorded) == ["norm"]
