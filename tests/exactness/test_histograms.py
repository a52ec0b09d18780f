"""Histograms that are asked for afterwards, or carried from one iteration to the next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.exactness.harness import DENSE, ProjectAt, report_of

pytestmark = pytest.mark.process

SCRIPT = """\
import flor
import numpy as np

rng = np.random.default_rng(0)
weights, kept = np.zeros(50), None
for epoch in flor.loop("epoch", range(4)):
    if kept is not None:
        flor.log("before", kept)
    for step in flor.loop("step", range(3)):
        weights += rng.standard_normal(50)
    kept = flor.histogram(weights, bins=4)
    # PROBE
    print(epoch, weights.sum())
"""
PROBE = """flor.log("weights", weights.tolist())
    flor.log("spread", flor.histogram(weights, bins=4))"""


def test_a_restored_one_is_the_one_that_was_kept(project_at: ProjectAt, tmp_path: Path) -> None:
    project = project_at(tmp_path)
    project.create({"train.py": SCRIPT})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": SCRIPT.replace("# PROBE", PROBE)})

    report = report_of(project.flor("replay", "--json", "--epochs", "2:4"))

    assert report is not None and report["status"] == "verified"
    assert report["compared"]["identical"] == 4  # two lines, and two of those that were kept
    logged = {
        name: [
            row["value"]
            for row in json.loads(project.flor("log", "get", "@", name, "--json").stdout)
        ]
        for name in ("weights", "spread", "before")
    }
    for weights, spread in zip(logged["weights"], logged["spread"], strict=True):
        counts, edges = np.histogram(weights, 4)
        assert (spread["counts"], spread["edges"]) == (counts.tolist(), edges.tolist())
    assert logged["spread"][0] == logged["before"][2]
