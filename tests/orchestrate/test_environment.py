"""What a run computed with, and what of it is another when the run is replayed."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from florctl.orchestrate.environment import (
    HASH_SEED,
    differences,
    installed_packages,
    present_environment,
    replay_variables,
)
from tests.orchestrate.test_replay import Project
from tests.runner import FlorRunner

THEN: dict[str, Any] = {
    "python": "3.11.7",
    "torch": "2.4.0",
    "processor": "One CPU",
    "packages": {"torch": "2.4.0", "timm": "1.0", "tqdm": "4.66"},
    "devices": ["H100", "H100"],
}


def test_the_present_environment_is_no_other() -> None:
    present = present_environment()

    assert differences(present, present) == []
    assert present["python"] == ".".join(map(str, sys.version_info[:3]))


def test_packages_are_those_that_are_installed() -> None:
    found = installed_packages()

    assert found["pytest"] == metadata.version("pytest")
    assert set(found) >= {one.name.lower().replace("_", "-") for one in _distributions()}


def _distributions() -> list[metadata.Distribution]:
    folders = [one for one in metadata.distributions() if str(one._path).endswith(".dist-info")]  # type: ignore[attr-defined]
    return [one for one in folders if "." not in one.name]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"python": "3.12.1"}, ["Python was 3.11.7 and is 3.12.1"]),
        ({"torch": "2.5.0"}, ["torch was 2.4.0 and is 2.5.0"]),
        ({"processor": "Another"}, ["the processor was One CPU and is Another"]),
        ({"devices": ["H100"]}, []),
        ({"devices": []}, ["the run had H100, which this machine has not"]),
        (
            {"packages": {"tqdm": "4.67", "new": "1"}},
            ["packages are others: timm 1.0 (now gone), tqdm 4.66 (now 4.67)"],
        ),
    ],
)
def test_differences_are_named(now: dict[str, Any], told: list[str]) -> None:
    assert differences(THEN, {**THEN, **now}) == told


def test_what_a_record_does_not_tell_is_no_difference() -> None:
    assert differences({"python": "3.11.7"}, {**THEN, "torch": None}) == []


def test_a_replay_has_the_variables_of_the_run() -> None:
    environ = {"HOME": "/home/ann", "OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "2"}
    recorded = {"variables": {"OMP_NUM_THREADS": "1", HASH_SEED: "7"}}

    assert replay_variables(environ, recorded) == {
        "HOME": "/home/ann",
        "OMP_NUM_THREADS": "1",
        HASH_SEED: "7",
    }


@pytest.mark.process
def test_another_environment_is_told_or_refused(tmp_path: Path, flor_home: Path) -> None:
    project = Project(tmp_path, flor_home, FlorRunner(cwd=tmp_path))
    script = "import flor\nfor epoch in flor.loop('epoch', range(2)):\n    print(epoch)\n"
    project.record(script)
    (run_file,) = flor_home.glob("train/*/run.json")
    content = json.loads(run_file.read_text())
    content["environment"]["python"] = "3.1.4"
    run_file.write_text(json.dumps(content))
    project.write(script + "    flor.log('twice', 2 * epoch)\n")

    report = project.replay()
    refused = project.flor("replay", "--strict")

    now = ".".join(map(str, sys.version_info[:3]))
    told = {"code": "environment-differs", "text": f"Python was 3.1.4 and is {now}"}
    assert report["status"] == "verified" and told in report["warnings"]
    assert refused.returncode == 6
    assert f"Python was 3.1.4 and is {now}" in refused.stderr
