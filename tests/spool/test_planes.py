"""Contents coded and decoded: always the same bytes again, and damage is noticed."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.stores.spool import planes

WEIGHTS = numpy.random.default_rng(0).normal(size=100_003)


@given(st.binary(max_size=300), st.integers(1, 400), st.binary(max_size=7))
def test_what_was_coded_comes_back(part: bytes, times: int, rest: bytes) -> None:
    content = part * times + rest
    coded = planes.encode(content)

    assert coded is None or planes.decode(coded, len(content)) == content


@pytest.mark.parametrize(("dtype", "share"), [("float32", 0.9), ("float64", 0.95), ("int64", 0.25)])
def test_tensors_become_shorter(dtype: str, share: float) -> None:
    content = (WEIGHTS * (100 if dtype == "int64" else 0.02)).astype(dtype).tobytes() + b"odd"

    coded = planes.encode(content)

    assert coded is not None
    assert len(coded) < share * len(content)
    assert planes.decode(coded, len(content)) == content


def test_half_precision_becomes_shorter_by_its_exponents() -> None:
    content = (WEIGHTS * 0.02).astype("float32").view("uint32") >> 16  # bfloat16

    coded = planes.encode(content.astype("uint16").tobytes())

    assert coded is not None
    assert len(coded) < 0.85 * 2 * len(content)


def test_noise_is_left_as_it_is() -> None:
    assert planes.encode(numpy.random.default_rng(1).bytes(100_000)) is None
    assert planes.encode(b"") is None


@pytest.mark.parametrize("width", planes.WIDTHS)
def test_every_cut_is_noticed(width: int) -> None:
    content = bytes(range(width)) * 500 + b"x" * (width - 1)
    coded = planes.encode(content)
    assert coded is not None

    for length in range(0, len(coded), 3):
        with pytest.raises(planes.Damaged):
            planes.decode(coded[:length], len(content))
    with pytest.raises(planes.Damaged):
        planes.decode(coded + b"x", len(content))


def test_a_content_of_another_length_is_refused_before_it_is_made() -> None:
    coded = planes.encode(bytes(1 << 20))
    assert coded is not None

    with pytest.raises(planes.Damaged):
        planes.decode(coded, 1000)
    with pytest.raises(planes.Damaged):
        planes.decode(b"PLANES" + coded, 1 << 20)


def test_a_plane_that_is_no_zstd_is_refused() -> None:
    coded = planes.encode(bytes(1000))
    assert coded is not None

    with pytest.raises(planes.Damaged):
        planes.decode(coded[:40] + b"\xff" * (len(coded) - 40), 1000)
