"""Files of a run that change on the disk: named, left out, and never the reason of a wrong value."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.changes import KINDS, Recorded
from tests.faults.training import Training

TRIES = {"checkpoint": 6, "journal": 4, "catalog": 2}

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded.begun(tmp_path_factory.mktemp("recorded"))


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
    training = Training(recorded.training.folder, tmp_path / "home")
    shutil.copytree(recorded.training.home, training.home)
    catalog = training.home / "catalog.db"
    os.truncate(catalog, catalog.stat().st_size // 2)

    answer = training.ask()
    rebuilt = training.flor("store", "rebuild")

    assert answer.status == "refused"
    assert answer.stderr.endswith("the runs themselves are not\nhint: flor store rebuild\n")
    assert (rebuilt.status, rebuilt.stderr) == (0, "flor: the catalog holds 1 run\n")
    assert training.ask().values == recorded.truth
