"""Where a script fails on what was restored, it is executed from its start instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exactness.comparing import compare_part
from tests.exactness.harness import DENSE, ProjectAt, report_of

pytestmark = pytest.mark.process

# Going back through the graph of the epoch before.
GRAPHS = """\
import flor
import torch
torch.manual_seed(0)
weight = torch.nn.Parameter(torch.randn(4))
optimizer = torch.optim.SGD([weight], lr=0.05)
kept = []
for epoch in range(6):
    for rows in torch.randn(3, 4):
        kept.append((weight * rows).sum() ** 2)
    if epoch % 2 == 1:
        optimizer.zero_grad()
        torch.stack(kept).mean().backward()
        optimizer.step()
        kept = []
    total = weight.norm().item()
    # PROBE
    print(epoch)
"""


def test_a_graph_that_was_not_restored_is_made_again(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    report = compare_part(
        forked_project_at, tmp_path, GRAPHS, 'flor.log("total", total)', "3", slice(3, 4)
    )

    assert [warning["code"] for warning in report["warnings"]] == ["executed-anew"]
    assert "GraphNotRestored" in report["warnings"][0]["text"]
    assert report["restored_bytes"] == 0
    (replays,) = tmp_path.glob("recorded/**/replays")
    assert [folder.name for folder in replays.iterdir() if folder.is_dir()] == [report["replay"]]


# The nested loop is skipped, and with it what made the graph of the last loss.
LAST_LOSS = """\
import flor
import torch
torch.manual_seed(0)
weight = torch.nn.Parameter(torch.randn(4))
optimizer = torch.optim.SGD([weight], lr=0.05)
for epoch in range(4):
    for rows in torch.randn(3, 4):
        loss = (weight.clone() * rows).sum() ** 2
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
    # PROBE
    print(epoch, loss.item())
"""


def test_an_added_line_that_goes_through_a_lost_graph_gets_it(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    gradient = "torch.autograd.grad(loss, weight, retain_graph=True)[0]"
    probe = f"flor.log('total', {gradient}.norm().item())"

    report = compare_part(forked_project_at, tmp_path, LAST_LOSS, probe, "2", slice(2, 3))

    assert [warning["code"] for warning in report["warnings"]] == ["executed-anew"]


def test_an_added_line_that_fails_by_itself_is_not_tried_again(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    project = forked_project_at(tmp_path)
    project.create({"train.py": LAST_LOSS})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": LAST_LOSS.replace("# PROBE", "flor.log('total', missing)")})

    report = report_of(project.flor("replay", "--json", "--epochs", "2"))

    assert report is not None and report["status"] == "partial"
    codes = {warning["code"] for warning in report["warnings"]}
    assert "probe-raised" in codes and "executed-anew" not in codes


def test_nothing_is_executed_twice_in_place(forked_project_at: ProjectAt, tmp_path: Path) -> None:
    project = forked_project_at(tmp_path)
    project.create({"train.py": GRAPHS})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": GRAPHS.replace("# PROBE", "flor.log('total', total)")})

    report = report_of(project.flor("replay", "--json", "--epochs", "3", "--in-place"))

    assert report is not None and report["status"] == "partial"
    assert "executed-anew" not in {warning["code"] for warning in report["warnings"]}
