"""Files of a run that change on the disk: named, left out, and never the reason of a wrong value."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.changes import KINDS, Recorded
from tests.faults.training import Training, is_subsequence
from tests.runner import FlorAt

TRIES = {"checkpoint": 6, "journal": 4, "catalog": 2}

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, flor_at: FlorAt) -> Recorded:
    return Recorded.begun(tmp_path_factory.mktemp("recorded"), flor_at)


@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind in KINDS for seed in range(TRIES[kind])]
)
def test_a_changed_file_is_never_a_wrong_answer(
    kind: str, seed: int, recorded: Recorded, tmp_path: Path
) -> None:
    change, answer = recorded.asked_in(tmp_path / "home", kind, seed)

    if answer.status == "refused":
        assert answer.stderr.splitlines()[-1].startswith("hint: ")
        assert change.path.name in answer.stderr


def test_a_catalog_that_is_damaged_is_made_anew(recorded: Recorded, tmp_path: Path) -> None:
    training = replace(recorded.training, home=tmp_path / "home")
    shutil.copytree(recorded.training.home, training.home)
    catalog = training.home / "catalog.db"
    os.truncate(catalog, catalog.stat().st_size // 2)

    answer = training.ask()
    rebuilt = training.flor("store", "rebuild")

    assert answer.status == "refused"
    assert answer.stderr.endswith("the runs themselves are not\nhint: flor store rebuild\n")
    assert (rebuilt.status, rebuilt.stderr) == (0, "flor: the catalog holds 1 run\n")
    assert training.ask().values == recorded.truth


def _copied(recorded: Recorded, tmp_path: Path) -> Training:
    training = replace(recorded.training, home=tmp_path / "home")
    shutil.copytree(recorded.training.home, training.home)
    return training


def test_a_journal_that_is_damaged_in_its_middle_is_named(
    recorded: Recorded, tmp_path: Path
) -> None:
    training = _copied(recorded, tmp_path)
    (path,) = training.home.glob("train/*/journal.*.flor")
    data = bytearray(path.read_bytes())
    at = data.rindex(b'"kind":"iteration"')
    data[at + 8] ^= 1
    path.write_bytes(data)

    answer = training.ask()
    checked = training.flor("store", "verify")

    assert is_subsequence(answer.values, recorded.truth)
    assert f"warning: {path} is damaged behind its first " in answer.stderr
    assert checked.status == 5
    assert f"{path.name} is damaged behind its first " in checked.stdout


def test_a_journal_without_the_code_is_refused(recorded: Recorded, tmp_path: Path) -> None:
    training = _copied(recorded, tmp_path)
    (path,) = training.home.glob("train/*/journal.*.flor")
    data = bytearray(path.read_bytes())
    data[data.index(b'"kind":"source"')] ^= 1
    path.write_bytes(data)

    answer = training.ask()

    assert answer.status == "refused"
    assert f"error: {path} is damaged behind its first " in answer.stderr


@pytest.mark.parametrize("name", ["project", "command", "started"])
def test_a_run_json_that_lacks_a_field_is_refused(
    name: str, recorded: Recorded, tmp_path: Path
) -> None:
    training = _copied(recorded, tmp_path)
    (path,) = training.home.glob("train/*/run.json")
    content = json.loads(path.read_text("utf-8"))
    del content[name]
    path.write_text(json.dumps(content), "utf-8")

    answer = training.ask()

    assert answer.status == "refused"
    assert f"{path} does not tell `{name}` of the run" in answer.stderr
