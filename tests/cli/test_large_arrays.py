"""Large logged arrays on the command line: shown by figures, read where their elements are wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from florctl.orchestrate.keeping.spooling import files_of
from florlib.ground.checkpoint_format import digest
from florlib.ground.layout import RunLayout
from florlib.ground.stored_array import StoredArray
from florlib.ground.values import encode_value
from florlib.stores.arrays import read_array
from florlib.stores.catalog.frames import value_records
from tests.cli.conftest import Typed
from tests.homes import END, HINDSIGHT, Home, log, process, write_journal

FIGURES = {"mean": 0.5, "std": 0.1, "min": 0.0, "max": 1.0, "norm": 2.0, "nan": 3, "inf": 0}


def kept(folder: Path, array: np.ndarray) -> Any:
    """The encoded value of an array whose elements lie in a folder."""
    data = array.tobytes()
    folder.mkdir(exist_ok=True)
    (folder / digest(data)).write_bytes(data)
    about = (array.dtype.name, array.shape, digest(data), len(data), FIGURES)
    return encode_value(StoredArray("numpy", *about))


@pytest.fixture
def large(flor_home: Path, tmp_path: Path) -> RunLayout:
    """linear@1 with an array in each of two epochs, and a replay with another."""
    home, project = Home(flor_home), str(tmp_path / "project")
    layout = home.run("aa1111", project=project)
    arrays = [kept(layout.arrays, np.full((4, 5), n, np.float32)) for n in range(2)]
    records = [log([["epoch", n]], ("w", [one, n])) for n, one in enumerate(arrays)]
    write_journal(layout.journal(0, 100), [process(run=layout.run), *records, END])
    replay = home.replay(layout, "b00001", [])
    late = kept(replay.arrays, np.full(7, 9, np.int16))
    home.replay(layout, "b00001", [log([["epoch", 0]], ("g", late, HINDSIGHT))], {"status": "x"})
    return layout


def test_figures_stand_for_it(typed: Typed, large: RunLayout) -> None:
    (value,) = json.loads(typed("log", "get", "@", "g", "--json").stdout)

    assert "int16[7] mean 0.5 std 0.1 min 0 max 1 nan 3" in typed("log", "get", "@", "g").stdout
    assert value["value"] == {
        "library": "numpy",
        "dtype": "int16",
        "shape": [7],
        "digest": next(large.replays.glob("*/arrays/*")).name,
        "bytes": 14,
        **FIGURES,
    }
    assert "int16[7]" in typed("log", "list", "--columns", "g").stdout


def test_elements_are_read_where_they_are_wanted(
    typed: Typed, large: RunLayout, tmp_path: Path
) -> None:
    result = typed("log", "get", "@", "g", "w", "--save", str(tmp_path / "saved"))

    assert result.exit_code == 0
    (path,) = (tmp_path / "saved").glob("g.*.npy")
    assert np.array_equal(np.load(path), np.full(7, 9, np.int16))
    found = value_records(
        large.folder.parents[1],
        ["g", "w"],
        [large.run],
        lambda row, stored: read_array(large.all_arrays(), stored),
    )
    assert [one["w"][0].sum() for one in found] == [0.0, 20.0]
    assert found[0]["g"].tolist() == [9] * 7


def test_tensorboard_gets_the_elements(typed: Typed, large: RunLayout, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    value = kept(large.arrays, np.arange(30, dtype=np.float32))
    home = Home(large.folder.parents[1])
    layout = home.run("bb1111", name="other", records=[log([], ("w", value)), END])
    kept(layout.arrays, np.arange(30, dtype=np.float32))

    result = typed("export", "other", "--to", "tensorboard", "--out", str(tmp_path / "tb"))

    assert result.exit_code == 0, result.stderr
    read = EventAccumulator(str(tmp_path / "tb" / "other@1"), {"tensors": 0}).Reload()
    assert read.SummaryMetadata("w").plugin_data.plugin_name == "histograms"


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_one_that_is_not_there_is_named(
    typed: Typed, large: RunLayout, tmp_path: Path, how: str
) -> None:
    path = next(large.replays.glob("*/arrays/*"))
    path.unlink() if how == "missing" else path.write_bytes(bytes(14))

    result = typed("log", "get", "@", "g", "--save", str(tmp_path / "saved"))
    checked = typed("store", "verify", "--json")

    assert result.exit_code == checked.exit_code == 5
    assert result.stderr.startswith(f"error: g at epoch 0: {path} ")
    assert result.stderr.splitlines()[1] == f"hint: flor store verify {large.run}"
    found = json.loads(checked.stdout)
    assert found["arrays"] == 3
    (fault,) = found["faults"]
    assert (large.folder / fault["file"], fault["code"]) == (path, f"array-{how}")
    assert "int16[7]" in typed("log", "get", "@", "g").stdout


def test_they_take_room_and_go_along(typed: Typed, large: RunLayout) -> None:
    (usage,) = json.loads(typed("store", "usage", "--json").stdout)["runs"]

    assert usage["array_bytes"] == 160
    assert usage["bytes"] >= 160 + usage["journal_bytes"]
    sent = {path for path, _ in files_of(large, [])}
    assert sum(path.startswith("arrays/") for path in sent) == 2
    assert sum("/arrays/" in path for path in sent) == 1


def test_what_a_killed_process_did_not_finish_is_swept(typed: Typed, large: RunLayout) -> None:
    left = [folder / ".0f.999999999.tmp" for folder in large.all_arrays()]
    for path in left:
        path.write_bytes(b"part")

    assert typed("store", "sweep", "--yes").exit_code == 0

    assert len(left) == 2
    assert not any(path.exists() for path in left)
    assert len(list(large.arrays.iterdir())) == 2


def test_the_catalog_holds_none_of_the_elements(typed: Typed, flor_home: Path) -> None:
    layout = Home(flor_home).run("cc1111")
    size = 1 << 20
    about = ("float32", (size // 4,), "0" * 32, size, FIGURES)
    value = encode_value(StoredArray("torch", *about))
    records = [log([["epoch", n]], ("w", value)) for n in range(1000)]
    write_journal(layout.journal(0, 100), [process(run=layout.run), *records, END])

    shown = typed("log", "list", "--columns", "w").stdout

    assert "float32[262144]" in shown
    assert (flor_home / "catalog.db").stat().st_size < 2_000_000
    assert len(typed("log", "get", "linear", "w").stdout.splitlines()) == 1001
