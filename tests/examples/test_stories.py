"""The two stories: a confusion matrix without the inner loop, and histograms from within it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.exactness.harness import DENSE, REPOSITORY, ProjectAt, report_of

pytestmark = pytest.mark.process

STORIES = REPOSITORY / "examples" / "stories.py"
USERS = ["data/mnist_5k.npz", "linear.py"]
EVENTS = "events.out.tfevents.*"
# Writes events itself, into a folder of the project and into one elsewhere.
WRITING = """\
import sys
import torch
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

torch.manual_seed(0)
weight = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.25)
loader = DataLoader(torch.arange(8.0), batch_size=4, shuffle=True)
inside, outside = SummaryWriter("runs/inside"), SummaryWriter(sys.argv[1])

for epoch in range(3):
    for batch in loader:
        loss = (batch - weight).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        inside.add_scalar("step", loss.item(), epoch)
    outside.add_scalar("loss", loss.item(), epoch)
    print("epoch", epoch, "loss", loss.item())
outside.close()
inside.close()
"""
PROBE = '    outside.add_scalar("weight", weight.item(), epoch)\n'


def read(folder: Path | str, kind: str) -> dict[tuple[str, int], str]:
    """The content of a folder of event files, without wall times: {(tag, step): content}."""
    events = EventAccumulator(str(folder), size_guidance={kind: 0})
    events.Reload()
    values: dict[tuple[str, int], str] = {}
    for tag in events.Tags()[kind]:
        for one in events.Histograms(tag) if kind == "histograms" else events.Scalars(tag):
            content = one.histogram_value if kind == "histograms" else one.value
            values[tag, one.step] = repr(content)
    return values


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, but those of git and of Python's cache."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & set(path.parts)
    }


def tell(story: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Have examples/stories.py tell one story, in a folder that is kept."""
    done = subprocess.run(
        [sys.executable, str(STORIES), story, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_a_confusion_matrix_is_had_without_entering_the_inner_loop(
    tmp_path: Path, flor_home: Path
) -> None:
    done = tell("confusion", tmp_path)

    assert "\n10 of 10 values equal, bit for bit." in done.stdout
    (report,) = reports(tmp_path / "confusion")
    assert (report["status"], report["executed"]) == ("verified", {"epoch": 10})
    assert report["skipped_iterations"] == 40
    assert sorted(contents(tmp_path / "confusion" / "project")) == USERS
    assert not flor_home.exists()


@pytest.mark.slow
def test_histograms_are_written_by_stepping_in_for_all_epochs_and_for_the_tenth(
    tmp_path: Path, flor_home: Path
) -> None:
    done = tell("histograms", tmp_path)

    # 4 histograms in each of the tenth epoch's 4 steps, and in all 40.
    assert "\n176 of 176 values equal, bit for bit." in done.stdout
    tenth, every = reports(tmp_path / "histograms")
    assert tenth["executed"] == {"epoch": 1, "data": 4}
    assert every["executed"] == {"epoch": 10, "data": 40}
    plain = read(tmp_path / "histograms" / "plain" / "histograms", "histograms")
    assert read(every["log_dir"], "histograms") == plain
    assert read(tenth["log_dir"], "histograms") == {
        (tag, step): content for (tag, step), content in plain.items() if step >= 36
    }
    for report in (tenth, every):
        assert (report["status"], report["warnings"]) == ("verified", [])
        assert f"hint: tensorboard --logdir {report['log_dir']}\n" in done.stderr
    assert sorted(contents(tmp_path / "histograms" / "project")) == USERS
    assert not flor_home.exists()


def reports(folder: Path) -> list[dict[str, Any]]:
    """The reports of the replays below a folder, in the order of asking."""
    found = sorted((folder / "home").glob("linear/*/replays/*/report.json"))
    return [json.loads(path.read_text("utf-8")) for path in found]


def test_a_replay_adds_no_events_to_those_of_the_run(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    project, outside = forked_project_at(tmp_path / "recorded"), tmp_path / "boards"
    project.create({"train.py": WRITING})
    assert project.flor("record", *DENSE, "train.py", str(outside)).status == 0
    line = '    outside.add_scalar("loss", loss.item(), epoch)\n'
    project.write({"train.py": WRITING.replace(line, line + PROBE)})
    before = contents(project.folder), contents(outside)

    ran = project.flor("replay", "--json")

    report = report_of(ran)
    assert report is not None, ran.stderr
    assert (contents(project.folder), contents(outside)) == before
    assert len(before[1]) == 1
    assert (report["status"], report["executed"]) == ("verified", {"epoch": 3})
    assert report["warnings"] == []

    plain = forked_project_at(tmp_path / "plain")
    plain.create({"train.py": WRITING.replace(line, line + PROBE)})
    assert plain.python("train.py", str(tmp_path / "plain boards")).status == 0
    (written,) = (project.root / "home").rglob(f"elsewhere/{str(outside).lstrip('/')}/{EVENTS}")
    assert Path(report["log_dir"]) in written.parents
    assert read(written.parent, "scalars") == read(tmp_path / "plain boards", "scalars")
