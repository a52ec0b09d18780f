"""One question of today, asked of ten versions of an example: each answers as a run by hand would have.

The truth of a version is a plain run of it with the lines put in by hand, beside a stand-in for flor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deep import DEEP
from tests.exactness.harness import DENSE, FLOR, REPOSITORY, STANDIN, Project, canonical

pytestmark = [pytest.mark.process, pytest.mark.timeout(1200)]

EXAMPLE = (REPOSITORY / "examples" / "linear.py").read_text(encoding="utf-8")
DATA = REPOSITORY / "examples" / "data" / "mnist_5k.npz"
ARGUMENTS = ("--epochs", "3", "--batch-size", "500", "--hidden", "16")
# Where the lines belong, and what they say; versions may have other names for what is in them.
STEP = '        flor.log("slope", float(loss.item() * net.fc1.weight.grad.norm()))\n'
EPOCH = '    flor.log("rate", [optimizer.param_groups[0]["lr"], score])\n'
AT_STEP, AT_EPOCH = "        optimizer.step()\n", "    print(f"
IN_FUNCTION = """\
def train(net, optimizer, loader):
    total = 0.0
    for inputs, targets in Flor.loop(loader):
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total


for epoch in Flor.loop(range(args.epochs)):
    total = train(net, optimizer, loader)
"""
Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    """Put one text for another, which has to be there."""

    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return edit


def into_function(text: str) -> str:
    """The loop over batches becomes a function."""
    start, stop = text.index("for epoch in"), text.index("    scheduler.step()")
    return text[:start] + IN_FUNCTION + text[stop:]


# Each edit is of the version before; names that it changes in the lines that are asked for.
EDITS: list[tuple[Edit, dict[str, str]]] = [
    (lambda text: text, {}),
    (swap("momentum=0.9", "momentum=0.8, weight_decay=1e-4"), {}),
    (swap("CosineAnnealingLR(optimizer, T_max=args.epochs)", "StepLR(optimizer, 1, 0.5)"), {}),
    (swap("score", "right"), {"score": "right"}),
    (swap("    print(f", "    best = max(right, 0.1)  # nothing worse counts\n    print(f"), {"score": "right"}),
    (swap("right", "score"), {}),
    (swap("loss", "error"), {"loss": "error"}),
    (swap("error", "loss"), {}),
    (into_function, {}),
    (swap("optimizer.zero_grad()\n", "optimizer.zero_grad(set_to_none=True)\n\n"), {}),
]  # fmt: skip


def versions() -> list[tuple[str, str]]:
    """(recorded text, text with the lines put in by hand) of each version, the oldest first."""
    found, text = [], EXAMPLE.replace("from flor import MTK", "import flor\nfrom flor import MTK")
    for edit, names in EDITS:
        text = edit(text)
        step, epoch = STEP, EPOCH
        for old, new in names.items():
            step, epoch = step.replace(old, new), epoch.replace(old, new)
        asked = text.replace(AT_STEP, step + AT_STEP).replace(AT_EPOCH, epoch + AT_EPOCH)
        found.append((text, asked))
    return found if DEEP else [found[0], found[6], found[-1]]


def truth_of(asked: str, project: Project) -> dict[str, list[object]]:
    """What a plain run with the lines in it logs."""
    project.create({"linear.py": asked}, {"data/mnist_5k.npz": DATA})
    logged = project.root / "truth.jsonl"
    environment = project.environment(STANDIN, PROBE_TRUTH=str(logged))
    ran = project.run(sys.executable, "linear.py", *ARGUMENTS, environment=environment)
    assert ran.status == 0, ran.stderr
    values: dict[str, list[object]] = {}
    for name, value in map(json.loads, logged.read_text("utf-8").splitlines()):
        values.setdefault(name, []).append(canonical(value))
    return values


def test_a_line_of_today_fills_a_column_for_all_versions(tmp_path: Path) -> None:
    project = Project(tmp_path / "recorded")
    project.create({}, {"data/mnist_5k.npz": DATA})
    every = versions()
    for number, (recorded, _) in enumerate(every):
        project.write({"linear.py": recorded})
        if not number:
            project.commit()
        ran = project.flor("record", *DENSE, "linear.py", *ARGUMENTS)
        assert ran.status == 0, ran.stderr
    project.write({"linear.py": every[-1][1]})

    words = ("replay", "--all-versions", "--json", "--workers", "2")
    ran = project.run(*FLOR, *words, limit_s=60 * len(every))

    assert ran.status == 0, ran.stderr
    reports = json.loads(ran.stdout)[::-1]
    assert [report["status"] for report in reports] == ["verified"] * len(every)
    for number, (report, (_, asked)) in enumerate(zip(reports, every, strict=True)):
        truth = truth_of(asked, Project(tmp_path / f"plain{number}"))
        for name in ("slope", "rate"):
            answer = project.flor("log", "get", report["run"], name, "--json")
            rows = [row for row in json.loads(answer.stdout) if row["origin"] == report["replay"]]
            assert [canonical(row["value"]) for row in rows] == truth[name], (number, name)
