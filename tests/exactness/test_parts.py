"""Parts of a main loop that is entered in its middle, and checkpoints that are of no use there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, STANDIN, Project, report_of

pytestmark = pytest.mark.process

# The functions of an iteration live in globals that any text may read, so that a checkpoint behind
# the first iteration cannot be restored where none was defined yet. An iterator gives items once.
SCRIPT = """\
import random
import flor

random.seed(7)
exec("power = 1.5", globals())
total = 0.0
for epoch in flor.loop("epoch", map(int, "0123")):
    for step in flor.loop("step", range(3)):
        def closure():
            return random.random() * power
        total += closure()
    globals()["power"] = power * 0.9
    # PROBE
    print("epoch", epoch, total)
print("done", power)
"""


def test_a_part_is_reached_from_the_start_where_the_checkpoint_before_it_is_refused(
    tmp_path: Path,
) -> None:
    probed = SCRIPT.replace("# PROBE", 'flor.log("total", [total, power])')
    plain, project = Project(tmp_path / "plain"), Project(tmp_path / "recorded")
    plain.create({"train.py": probed})
    truth = tmp_path / "truth.jsonl"
    environment = plain.environment(STANDIN, PROBE_TRUTH=str(truth))
    assert plain.run(sys.executable, "train.py", environment=environment).status == 0
    values = [json.loads(line)[1] for line in truth.read_text("utf-8").splitlines()]
    project.create({"train.py": SCRIPT})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": probed})

    report = report_of(project.flor("replay", "--json", "--epochs", "2"))

    assert report is not None
    rows = json.loads(project.flor("log", "get", "@", "total", "--json").stdout)
    assert ([row["value"] for row in rows], report["status"]) == (values[2:3], "verified")
    assert "restore-refused" in {warning["code"] for warning in report["warnings"]}
