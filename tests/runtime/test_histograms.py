"""Histograms that a script asks for count what was there, as numpy does, and change nothing."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import flor
from florlib.ground.histogram import Histogram
from florlib.ground.values import Lost, decode_value, encode_value
from florlib.runtime.histograms import Sample, checked_bins, copied, histogram_of
from florlib.runtime.logbook import BatchEncoder, freeze
from tests.runtime.programs import REPOSITORY, Program

NAN = float("nan")
REAL = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
    torch.float8_e5m2, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    torch.uint16, torch.uint32, torch.uint64,
]  # fmt: skip


def made(values: object, bins: object = 30) -> Histogram:
    found = histogram_of(Sample(copied(values), checked_bins(bins)))
    assert isinstance(found, Histogram)
    return found


def as_numpy(values: np.ndarray, bins: object) -> tuple[list[float], list[int]]:
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64).reshape(-1)
        counts, edges = np.histogram(wide[np.isfinite(wide)], bins)
    return edges.tolist(), counts.tolist()


def encoded(value: object) -> list[object]:
    encoder = BatchEncoder(
        lambda file: file, lambda path, line: False, lambda path, line, name: False
    )
    return encoder.encode([((), "x", freeze(value), "a.py", 1, 0)])["rows"][0]


@given(
    arrays.arrays(
        arrays.floating_dtypes() | arrays.integer_dtypes() | arrays.boolean_dtypes(),
        arrays.array_shapes(min_dims=0, min_side=0),
    )
    | arrays.arrays(np.float64, 50, elements=st.floats(-1e150, 1e150)),
    st.integers(1, 50) | st.just([-1.0, 0.0, 0.5, 3.0]),
)
def test_counts_are_those_of_numpy(values, bins):
    try:
        edges, counts = as_numpy(values, bins)
    except ValueError:  # too small a span for so many bins: numpy refuses what is counted here
        edges = counts = None

    found = made(values, bins)

    wide = values.astype(np.float64)
    assert found.nan == np.isnan(wide).sum()
    assert (found.negative_infinity, found.positive_infinity) == (
        np.isneginf(wide).sum(),
        np.isposinf(wide).sum(),
    )
    assert found.finite == np.isfinite(wide).sum()
    if edges is not None and np.isfinite(edges).all():
        assert ([*found.edges], [*found.counts]) == (edges, counts)


@pytest.mark.parametrize("dtype", REAL)
def test_tensors_of_every_type_count_as_their_numbers(dtype):
    tensor = torch.tensor([[0.0, 1.0, 1.0], [0.0, 2.0, 7.0]]).to(dtype)

    found = made(tensor.t(), 7)

    wide = tensor.to(torch.float64).numpy()
    assert ([*found.edges], [*found.counts]) == as_numpy(wide, 7)


def test_torch_numpy_and_python_count_the_same():
    numbers = [random.Random(3).gauss(0, 1) for _ in range(5000)] + [NAN, math.inf, -math.inf, -0.0]
    ways = [torch.tensor(numbers, dtype=torch.float64), np.array(numbers), numbers]
    ways += [tuple(numbers), [np.array(numbers[:7]), *map(np.float64, numbers[7:])]]
    ways += [[numbers[:9], torch.tensor(numbers[9:], dtype=torch.float64)]]

    for bins in (30, 1, [-1.5, 0.0, 0.25]):
        assert len({repr(made(one, bins)) for one in ways}) == 1


def test_long_ones_are_counted_in_pieces(monkeypatch):
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    whole = made(values)
    monkeypatch.setattr("florlib.runtime.widened.AT_ONCE", 7)

    assert made(values) == whole == made(values.numpy())


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_layouts_other_than_dense():
    sparse = torch.tensor([0.0, 0.0, 3.0]).to_sparse()
    quantized = torch.quantize_per_tensor(torch.tensor([0.0, 1.0]), 0.5, 0, torch.quint8)

    assert made(sparse, [0.0, 1.0, 4.0]).counts == (2, 1)
    assert made(quantized, [0.0, 1.0, 4.0]).counts == (1, 1)


def test_what_has_no_finite_number():
    found = made([NAN, math.inf], 2)

    assert found == Histogram((0.0, 0.5, 1.0), (0, 0), nan=1, positive_infinity=1)
    assert made([], 1) == made(torch.empty(0), 1) == Histogram((0.0, 1.0), (0,))
    assert made([5], 2).edges == (4.5, 5.0, 5.5)
    assert made([10**400, 1], 1).positive_infinity == 1


def test_it_goes_through_the_journal():
    value = made([1.0, NAN, 3.0], 2)

    row = encoded(Sample([1.0, NAN, 3.0], 2))

    assert decode_value(row[2]) == value
    assert encode_value(value) == row[2]
    assert decode_value(encoded({"a": [Sample([1.0, NAN, 3.0], 2)]})[2]) == {"a": [value]}
    assert row[4] == 0


@pytest.mark.parametrize(
    "values", [torch.tensor([1j]), np.array(["a"]), ["a"], "text", {1: 2}, iter([1.0]), object()]
)
def test_what_is_no_numbers_is_told_as_lost(values):
    row = encoded(Sample(copied(values), 3))

    assert isinstance(decode_value(row[2]), Lost)
    assert row[4] == 2  # never compared


def test_a_lost_value_takes_no_other_along():
    encoder = BatchEncoder(
        lambda file: file, lambda path, line: False, lambda path, line, name: False
    )

    rows = [((), "x", value, "a.py", 1, 0) for value in (1, Sample("text", 3), 2)]
    record = encoder.encode(rows)

    assert [row[2] for row in record["rows"]][::2] == [1, 2]
    assert "TypeError" in record["rows"][1][2]["$lost"]


@pytest.mark.parametrize(
    "bins", [0, -3, 10**6, [1.0], [2.0, 1.0], [0.0, 0.0], [0.0, math.inf], [NAN, 1.0]]
)
def test_bins_that_make_no_sense_are_refused_recorded_or_not(bins):
    with pytest.raises(ValueError, match=r"flor\.histogram"):
        flor.histogram([1.0], bins)


def test_nothing_is_looked_at_where_nothing_is_recorded():
    class Untouchable:
        def __getattribute__(self, name):
            raise AssertionError(name)

    value = flor.histogram(Untouchable())

    assert flor.log("x", value) is value
    assert repr(value) == "<flor.histogram of 30 bins>"


def test_it_shows_what_was_there_and_moves_nothing():
    weight = torch.randn(3, requires_grad=True)
    before, state, own = copy.deepcopy(weight), torch.get_rng_state(), random.getstate()

    sample = Sample(copied(weight), 3)
    expected = histogram_of(sample)
    with torch.no_grad():
        weight.add_(1)

    assert histogram_of(sample) == expected == made(before, 3)
    assert torch.equal(state, torch.get_rng_state())
    assert own == random.getstate()


@pytest.mark.process
def test_a_recorded_script_prints_what_it_would(program: Program) -> None:
    program.write(
        {
            "train.py": """
import flor
for epoch in flor.loop(range(2)):
    kept = flor.histogram([epoch, 2, 3], bins=2)
    print(flor.log("spread", kept) is kept, kept)
    flor.log("none", flor.histogram(None))
"""
        }
    )

    plain, recorded = program.both("train.py", python_path=str(REPOSITORY))

    assert (recorded.status, recorded.stdout, recorded.stderr) == (0, plain.stdout, "")
    assert program.values("spread") == [made([0, 2, 3], 2), made([1, 2, 3], 2)]
    assert program.values("none") == [None, None]
