"""Notebooks read what was recorded: runs, values, answers to SQL; and record nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import flor
from florlib.ground.errors import FlorError
from florlib.ground.values import Array, encode_value
from tests.homes import HINDSIGHT, Home, log, training

pytestmark = pytest.mark.process


@pytest.fixture
def home(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """linear@1, replayed once, and linear@2 of this project; nothing was harvested yet."""
    monkeypatch.chdir(tmp_path)
    home, project = Home(flor_home), str(tmp_path)
    first = home.run("aa1111", minutes_ago=90, project=project, records=training(2))
    late = [log([["epoch", n]], ("norm", n / 2, HINDSIGHT), ("acc", n / 4)) for n in range(2)]
    home.replay(first, "b00001", late, {"status": "partial"})
    home.run("aa2222", minutes_ago=60, ordinal=2, project=project, records=training(3))
    return home


def test_runs_are_records_as_the_command_line_has_them(home: Home):
    found = flor.runs()

    assert [(one["name"], one["ordinal"], one["status"]) for one in found] == [
        ("linear", 2, "done"),
        ("linear", 1, "done"),
    ]
    assert [one["ordinal"] for one in flor.runs(["linear@1", "@"])] == [1, 2]
    with pytest.raises(FlorError, match="no run") as caught:
        flor.runs("cnn@7")
    assert caught.value.hint


def test_a_run_that_was_recorded_since_is_seen(home: Home):
    assert flor.query("SELECT count(*) AS n FROM runs") == [{"n": 2}]

    home.run("aa3333", minutes_ago=1, ordinal=3, records=training(1))

    assert flor.query("SELECT count(*) AS n FROM runs") == [{"n": 3}]
    with pytest.raises(FlorError, match="no such table: nowhere"):
        flor.query("SELECT * FROM nowhere")


def test_reading_records_nothing(home: Home, monkeypatch: pytest.MonkeyPatch):
    before = sorted(home.path.rglob("*.flor"))
    monkeypatch.setenv("FLOR_LAUNCH", "of a process that is recorded")

    flor.runs("@")

    assert sorted(home.path.rglob("*.flor")) == before
    assert os.environ["FLOR_LAUNCH"] == "of a process that is recorded"
    assert not hasattr(__builtins__, "__flor__")


def test_values_become_a_table(home: Home):
    pytest.importorskip("pandas")

    table = flor.dataframe("acc", "norm", run="linear@1")

    columns = ["run", "run_name", "epoch", "acc", "norm", "norm.mark"]
    assert sorted(table.columns) == sorted(columns)
    assert table["epoch"].tolist() == [0, 1]
    assert table["acc"].tolist() == [0.0, 0.25]
    assert table["norm.mark"].tolist() == ["unverified", "unverified"]
    assert len(flor.dataframe("loss")) == 4 + 6
    assert set(flor.dataframe(run="@")) == {"run", "run_name", "epoch", "step", "lr", "loss", "acc"}


def test_arrays_are_those_of_numpy_and_a_name_may_be_that_of_a_loop(home: Home):
    pytest.importorskip("pandas")
    half = Array("bfloat16", (2,), b"\x80\x3f\x00\x40", "torch")
    rows = log([["epoch", 3]], ("epoch", 4), ("w", encode_value(half)))
    home.run("aa4444", name="cnn", minutes_ago=1, records=[rows])

    (record,) = flor.dataframe("epoch", "w", run="cnn").to_dict("records")

    assert (record["epoch"], record["epoch.value"]) == (3, 4)
    assert np.array_equal(record["w"], np.array([1.0, 2.0], np.float32))


def test_without_pandas_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match=r"pip install 'florctl\[pandas\]'"):
        flor.dataframe("loss")
