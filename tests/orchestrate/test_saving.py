"""Logged values as files: what is saved is what was logged, and an image can be looked at."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from florctl.cli.views.values import value_text
from florctl.orchestrate.answers.saving import png, save_values
from florlib.ground.errors import UsageError
from florlib.ground.values import Lost, encode_value
from florlib.runtime.histograms import Sample
from florlib.runtime.logbook import freeze, plain
from florlib.stores.catalog.rows import ValueRow

AT = (("epoch", 3), ("step", 12))


def row(value: object, **changes: object) -> ValueRow:
    encoded = encode_value(plain(freeze(value)))
    known = ValueRow(AT, "a/b", 0, encoded, "record", None, False, 0, None, None, 0)
    return known._replace(**changes)


def saved(folder: Path, value: object) -> dict[str, Path]:
    return {path.suffix: path for path in save_values([row(value)], folder)}


def pixels_of(data: bytes) -> tuple[int, bytes]:
    """The colour type and the rows of a PNG of one IDAT chunk."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    return data[25], zlib.decompress(data[at + 4 : at + 4 + length])


def test_files_are_named_by_position(tmp_path: Path):
    found = save_values(
        [row({"x": (1, None)}), row(2, occurrence=1, origin="r1")], tmp_path / "new"
    )

    assert [path.name for path in found] == [
        "a_b.epoch-000003.step-000012.json",
        "a_b.epoch-000003.step-000012.k-1.r1.json",
    ]
    assert json.loads(found[0].read_text()) == {"x": [1, None]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.complex64])
def test_a_tensor_becomes_an_array_of_the_same_numbers(tmp_path: Path, dtype: torch.dtype):
    tensor = torch.arange(-3, 5).reshape(2, 4).to(dtype)

    found = saved(tmp_path, tensor.t())

    assert set(found) == {".npy"}
    wide = tensor.float() if dtype == torch.bfloat16 else tensor
    assert np.array_equal(np.load(found[".npy"]), wide.t().numpy())


@pytest.mark.parametrize(
    ("value", "colour", "rows"),
    [
        (np.array([[0, 255]], np.uint8), 0, b"\0\x00\xff"),
        (np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), 2, b"\0\1\2\3\4\5\6"),
        (torch.tensor([[[0.0, 1.0]], [[0.2, 0.0]], [[0.0, 0.0]]]), 2, b"\0\0\x33\0\xff\0\0"),
        (np.zeros((1, 1, 4)), 6, b"\0\0\0\0\0"),
    ],
    ids=["grey", "colours", "channels first", "transparent"],
)
def test_an_image_can_be_looked_at_as_well(tmp_path: Path, value, colour, rows):
    found = saved(tmp_path, value)

    assert pixels_of(found[".png"].read_bytes()) == (colour, rows)
    assert np.array_equal(np.load(found[".npy"]), np.asarray(value))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_an_image_of_pillow_is_its_pixels(tmp_path: Path, mode: str):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.new("RGB", (3, 2), (255, 0, 255)).convert(mode)

    found = saved(tmp_path, image)

    with pillow.open(found[".png"]) as again:
        assert again.size == (3, 2)
        assert again.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def test_a_png_has_the_checksums_that_readers_look_at():
    data = png(np.zeros((2, 2, 3), np.uint8))

    assert data[29:33] == zlib.crc32(data[12:29]).to_bytes(4, "big")


def test_a_tensor_is_shown_by_figures():
    assert value_text(row(torch.tensor([1.0, 3.0, float("nan")])).value) == (
        "float32[3] mean 2 std 1.414 min 1 max 3 nan 1"
    )
    assert value_text(row(torch.tensor([[3 + 4j]])).value) == "complex64[1, 1] norm 5"
    assert value_text(row(torch.empty(0, 2)).value) == "float32[0, 2]"


def test_a_histogram_is_shown_by_bars():
    counted = Sample([1.0, 1.0, 2.0, float("nan"), 9.0, -1.0], (0.0, 1.5, 3.0))

    assert value_text(row(counted).value) == "█▅ 0 to 3, 5 values nan 1 below 1 above 1"
    assert value_text(row([Sample(None, 3)]).value) == "[None]"
    assert value_text(encode_value(Lost("why"))) == "lost: why"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="file"):
        save_values([row(1)], tmp_path / "file")
