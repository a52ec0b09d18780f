"""Histograms: edges as numpy has them, and what their figures say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from florlib.ground.histogram import Histogram, even_edges, merged

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150), st.integers(1, 40))
@example(0.0, -0.0, 3)
@example(0.1, 0.1, 7)
def test_edges_are_those_of_numpy(one, other, bins):
    low, high = sorted((one, other))
    try:
        expected = np.histogram_bin_edges(np.array([low, high]), bins)
    except ValueError:  # numpy refuses spans that have no room for so many edges
        expected = None

    found = even_edges(low, high, bins)

    assert len(found) == bins + 1
    assert sorted(found) == [*found]
    if expected is not None:
        assert [*found] == expected.tolist()


@given(finite, finite, st.integers(1, 40))
@example(-1.7e308, 1.7e308, 30)
@example(0.0, 5e-324, 30)
@example(0.0, 45 * 5e-324, 30)
def test_edges_of_any_span_rise_from_end_to_end(one, other, bins):
    low, high = sorted((one, other))

    found = even_edges(low, high, bins)

    assert sorted(found) == [*found]
    assert all(map(math.isfinite, found))
    assert low == high or (found[0], found[-1]) == (low, high)


def test_quantiles():
    value = Histogram((0.0, 1.0, 2.0, 4.0), (0, 2, 2), below=1, above=1)

    assert [value.quantile(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [
        0.0,
        1.25,
        2.0,
        3.5,
        4.0,
    ]
    assert (value.finite, value.infinities) == (6, 0)
    assert Histogram((0.0, 1.0, 2.0), (0, 2)).quantile(0.0) == 1.0
    assert math.isnan(Histogram((0.0, 1.0), (0,), nan=3).quantile(0.5))


@pytest.mark.parametrize(("most", "expected"), [(5, [1, 2, 3, 4, 5]), (2, [6, 9]), (1, [15])])
def test_bins_are_merged_to_no_more_than(most, expected):
    assert merged([1, 2, 3, 4, 5], most) == expected
