"""Scripts that log to standard output, with the time and the line in front."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, ProjectAt, report_of

pytestmark = pytest.mark.process

SCRIPT = """\
import logging, random, sys
import flor

logging.basicConfig(
    stream=sys.stdout, level=20, format="%(asctime)s %(levelname)s %(filename)s:%(lineno)d %(message)s"
)
log = logging.getLogger("training")
random.seed(4)
for epoch in flor.loop("epoch", range(4)):
    for step in flor.loop("step", range(3)):
        value = random.random()
        # PROBE
    log.info("epoch %d %r", epoch, SAID)
"""


@pytest.mark.parametrize("words", [(), ("--epochs", "2:4")])
def test_times_and_moved_lines_do_not_count(
    project_at: ProjectAt, words: tuple[str, ...], tmp_path: Path
) -> None:
    project = project_at(tmp_path)
    script = SCRIPT.replace("SAID", "value")
    project.create({"train.py": script})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": script.replace("# PROBE", 'log.info("step %r", value)')})

    report = report_of(project.flor("replay", "--json", *words))

    assert report is not None and report["status"] == "verified"
    wanted = 2 if words else 4
    assert (report["new"], report["compared"]["identical"]) == ({"print": 3 * wanted}, wanted)
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout)
    steps = [row["value"].rpartition(" ")[2] for row in rows if " step " in row["value"]]
    said = {row["value"].rpartition(" ")[2] for row in rows if " epoch " in row["value"]}
    assert set(steps[2::3]) <= said


def test_what_else_a_line_says_does(project_at: ProjectAt, tmp_path: Path) -> None:
    project = project_at(tmp_path)
    script = SCRIPT.replace("SAID", "(value, open('count.txt').read())")
    project.create({"train.py": script, "count.txt": "1"})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": script.replace("# PROBE", "print(step)"), "count.txt": "2"})

    report = report_of(project.flor("replay", "--json"))

    assert report is not None and report["status"] == "diverged"
    assert "'2'" in report["first_divergence"]["replayed"]
