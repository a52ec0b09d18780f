"""A replay of some iterations of a short script, held against a plain run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.exactness.harness import DENSE, STANDIN, ProjectAt, report_of


def compare_part(
    project_at: ProjectAt,
    tmp_path: Path,
    script: str,
    probe: str,
    epochs: str,
    rows: slice,
) -> dict[str, Any]:
    """Hold a replay of some iterations of a script against a plain run; the replay's report.

    Args:
        project_at: makes the projects.
        tmp_path: the test's own folder.
        script: with a line `# PROBE`.
        probe: what comes there; it logs `total`.
        epochs: of the replay.
        rows: of the plain run's values, that the replay gives.
    """
    probed = script.replace("# PROBE", probe)
    plain, project = project_at(tmp_path / "plain"), project_at(tmp_path / "recorded")
    plain.create({"train.py": probed})
    truth = tmp_path / "truth.jsonl"
    environment = plain.environment(STANDIN, PROBE_TRUTH=str(truth))
    assert plain.run(sys.executable, "train.py", environment=environment).status == 0
    values = [json.loads(line)[1] for line in truth.read_text("utf-8").splitlines()]
    project.create({"train.py": script})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": probed})

    report = report_of(project.flor("replay", "--json", "--epochs", epochs))

    assert report is not None
    got = json.loads(project.flor("log", "get", "@", "total", "--json").stdout)
    assert ([row["value"] for row in got], report["status"]) == (values[rows], "verified")
    return report
