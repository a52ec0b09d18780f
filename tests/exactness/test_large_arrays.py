"""Large arrays that are logged again, late, and by a run that was resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.exactness.harness import DENSE, ProjectAt, report_of

pytestmark = pytest.mark.process

SCRIPT = """\
import os
import flor
import numpy as np

rng = np.random.default_rng(0)
weights = np.zeros(20_000)
for epoch in flor.loop("epoch", range(5)):
    for step in flor.loop("step", range(2)):
        weights += rng.standard_normal(20_000)
    flor.log("weights", weights)
    # PROBE
    if epoch == 3 and os.path.exists("die"):
        os.remove("die")
        flor.commit()
        os._exit(1)
"""


def test_they_are_compared_by_content_and_found_again(
    project_at: ProjectAt, tmp_path: Path
) -> None:
    project = project_at(tmp_path)
    project.create({"train.py": SCRIPT, "die": ""})
    assert project.flor("record", *DENSE, "train.py").status == 1
    resumed = project.flor("resume")
    assert resumed.status == 0, resumed.stderr
    probe = 'flor.log("twice", {"both": [weights * 2]})'
    project.write({"train.py": SCRIPT.replace("# PROBE", probe)})

    report = report_of(project.flor("replay", "--json", "--epochs", "2:5"))

    assert report is not None and report["status"] == "verified"
    assert (report["compared"]["identical"], report["new"]) == (3, {"twice": 3})
    assert project.flor("log", "get", "@", "weights", "--save", "out").status == 0
    found = [np.load(path) for path in sorted(project.folder.glob("out/*.npy"))]
    rng, weights = np.random.default_rng(0), np.zeros(20_000)
    for array in found:
        weights = weights + rng.standard_normal(20_000) + rng.standard_normal(20_000)
        assert np.allclose(array, weights)
    assert len(found) == 5
    (replayed,) = (project.root / "home" / ".flor").glob("*/*/replays/*/arrays")
    assert len(list(replayed.iterdir())) == 3  # those that the record has are not written again
