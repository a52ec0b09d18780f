"""Large arrays that are logged lie beside the journal, which tells what they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from florlib.ground.closeness import same_value
from florlib.ground.stored_array import LEAST_BYTES, StoredArray
from florlib.ground.values import Array, Lost, decode_value, encode_value, plain_json
from florlib.runtime.figures import figures_of
from florlib.runtime.logbook import BatchEncoder, freeze, plain
from florlib.stores.arrays import ArrayWriter, read_array
from florlib.stores.elements import stats_of
from tests.runtime.programs import REPOSITORY, Program

LARGE = torch.arange(LEAST_BYTES // 4 + 1, dtype=torch.float32)


def written(*values: Any, folder: Path) -> list[list[Any]]:
    encoder = BatchEncoder(
        lambda file: file, lambda path, line: False, lambda path, line, name: False
    )
    encoder.arrays = ArrayWriter(folder)
    rows: list[list[Any]] = encoder.encode(
        [((), "x", freeze(value), "a.py", 1, 0) for value in values]
    )["rows"]
    return rows


@pytest.mark.parametrize("value", [LARGE, LARGE.numpy()], ids=["torch", "numpy"])
def test_a_large_one_is_a_file_and_a_reference(value: Any, tmp_path: Path) -> None:
    found = [row[2] for row in written(value, {"a": [(value, 1)]}, LARGE[:-1], folder=tmp_path)]

    stored = decode_value(found[0])
    assert isinstance(stored, StoredArray)
    assert (stored.dtype, stored.shape, stored.bytes) == ("float32", (16385,), LEAST_BYTES + 4)
    assert read_array([tmp_path], stored) == LARGE.numpy().tobytes()
    assert decode_value(found[1]) == {"a": [(stored, 1)]}
    assert isinstance(decode_value(found[2]), Array)
    assert [path.name for path in tmp_path.iterdir()] == [stored.digest]
    assert len(str(found[0])) < 300
    assert plain_json(found[0])["digest"] == stored.digest


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float64, torch.bfloat16, torch.float8_e5m2, torch.int64, torch.bool],
)
def test_figures_are_those_that_are_shown_of_small_ones(dtype: torch.dtype) -> None:
    tensor = torch.randn(100_000, generator=torch.Generator().manual_seed(1)).mul(3).to(dtype)
    wide = tensor.to(torch.float64).numpy()

    found = figures_of(plain(freeze(tensor)))

    expected = stats_of(wide)
    assert found == pytest.approx(
        {name: getattr(expected, name) for name in found}, rel=1e-9, abs=1e-12
    )
    assert len(found) == 7


def test_figures_of_what_is_not_finite_and_of_no_numbers() -> None:
    found = figures_of(plain(np.array([1.0, math.nan, math.inf, 3.0])))
    beyond = figures_of(plain(np.array([math.inf, math.nan])))

    assert (found["mean"], found["min"], found["max"], found["nan"], found["inf"]) == (
        2,
        1,
        3,
        1,
        1,
    )
    assert math.isnan(found["norm"])
    assert beyond == {"nan": 1, "inf": 1}
    assert figures_of(plain(np.array(["text"]))) == {}
    assert figures_of(plain(torch.zeros(3, dtype=torch.complex64))) == {}


def test_it_equals_itself_wherever_its_elements_lie(tmp_path: Path) -> None:
    (row,) = written([LARGE, 1], folder=tmp_path)
    within = encode_value(plain(freeze([LARGE, 1])))
    other = encode_value(plain(freeze([LARGE + 1, 1])))

    assert same_value(row[2], within)
    assert same_value(row[2], [{"$stored": [*row[2][0]["$stored"][:5], {"mean": 0.0}]}, 1])
    assert not same_value(row[2], other)
    assert not same_value(row[2], written([LARGE.view(torch.int32), 1], folder=tmp_path)[0][2])


def test_a_disk_that_takes_none_loses_it_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    first, second, third = written(1.5, LARGE, "text", folder=tmp_path / "file")

    assert (first[2], third[2]) == (1.5, "text")
    assert isinstance(decode_value(second[2]), Lost)
    assert second[4] == 2  # never compared


@pytest.mark.process
def test_a_script_goes_on_where_arrays_cannot_be_written(program: Program) -> None:
    program.write(
        {
            "train.py": """
import numpy as np
import flor
for epoch in flor.loop(range(3)):
    flor.log("large", np.full(100_000, epoch))
    flor.log("loss", epoch)
"""
        }
    )
    program.run_dir.mkdir()
    blocked = program.run_dir / "arrays"
    blocked.write_text("in the way")

    recorded = program.run("train.py", hooked=True, python_path=str(REPOSITORY))

    assert recorded.status == 0
    assert recorded.stderr.startswith("warning: flor could not keep a logged value (FileExists")
    assert program.values("loss") == [0, 1, 2]
    assert all(isinstance(value, Lost) for value in program.values("large"))
    assert blocked.read_text() == "in the way"
