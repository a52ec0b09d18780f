"""Probes that count on from iteration to iteration, and probes that write files: also in a part."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, STANDIN, Project, ProjectAt, report_of

pytestmark = pytest.mark.process

RECORDED = """\
import random
import flor

random.seed(3)
seen = []
for epoch in flor.loop("epoch", range(5)):
    for step in flor.loop("step", range(3)):
        seen.append(random.random())
    print("epoch", epoch, sum(seen))
print("done")
"""
COUNTED = (
    ("seen = []\n", "count = 0\n"),
    ("        seen.append(random.random())\n", "        count += seen[-1] > 0.5\n"),
    ('    print("epoch", epoch, sum(seen))\n', '    flor.log("high", count)\n'),
)
WRITTEN = (
    ("seen = []\n", 'table = open("table.csv", "w")\n'),
    ('    print("epoch", epoch, sum(seen))\n', "    print(epoch, seen[-1], file=table)\n"),
)


def with_probes(probes: tuple[tuple[str, str], ...]) -> str:
    """The script with a line behind each anchor."""
    text = RECORDED
    for anchor, line in probes:
        assert text.count(anchor) == 1
        text = text.replace(anchor, anchor + line)
    return text


@pytest.fixture
def recorded(project_at: ProjectAt, tmp_path: Path) -> Project:
    """The script, recorded with a checkpoint at every boundary."""
    project = project_at(tmp_path / "recorded")
    project.create({"train.py": RECORDED})
    assert project.flor("record", *DENSE, "train.py").status == 0
    return project


def plainly(probes: tuple[tuple[str, str], ...], root: Path) -> Project:
    """The probed script, run without flor; its values lie in truth.jsonl beside the project."""
    project = Project(root)
    project.create({"train.py": with_probes(probes)})
    environment = project.environment(STANDIN, PROBE_TRUTH=str(root / "truth.jsonl"))
    assert project.run(sys.executable, "train.py", environment=environment).status == 0
    return project


@pytest.mark.parametrize(("words", "first"), [((), 0), (("--epochs", "3:5"), 3)])
def test_a_counter_of_a_probe_is_that_of_a_full_run(
    recorded: Project, tmp_path: Path, words: tuple[str, ...], first: int
) -> None:
    root = plainly(COUNTED, tmp_path / "plain").root
    truth = [json.loads(line)[1] for line in (root / "truth.jsonl").read_text().splitlines()]
    recorded.write({"train.py": with_probes(COUNTED)})

    report = report_of(recorded.flor("replay", "--json", *words))

    assert report is not None
    rows = json.loads(recorded.flor("log", "get", "@", "high", "--json").stdout)
    assert [row["value"] for row in rows] == truth[first:]
    assert report["status"] == "verified"
    assert report["executed"] == {"epoch": 5, "step": 15}
    carried = [warning for warning in report["warnings"] if warning["code"] == "carried"]
    assert len(carried) == (1 if words else 0)
    assert all("`count`" in warning["text"] for warning in carried)


def test_what_a_probe_wrote_to_a_file_is_there_although_the_replay_ends_early(
    recorded: Project, tmp_path: Path
) -> None:
    plain = plainly(WRITTEN, tmp_path / "plain")
    recorded.write({"train.py": with_probes(WRITTEN)})

    report = report_of(recorded.flor("replay", "--json"))

    assert report is not None
    assert (report["status"], report["outputs"]) == ("verified", ["table.csv"])
    assert report["plan"]["epilogue"] is False
    (table,) = recorded.root.rglob("files/table.csv")
    assert table.read_text() == (plain.folder / "table.csv").read_text()
    assert not (recorded.folder / "table.csv").exists()
