"""A logged value's text is what Python writes, and its number is the value."""

from __future__ import annotations

import math
import struct

from hypothesis import example, given
from hypothesis import strategies as st

from florlib.stores.catalog.forms import forms_of

ROUND = [10.0**power for power in range(-9, 20)] + [2.0**power for power in (-1074, 53, 63, 1023)]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
@example([sign * number for number in ROUND for sign in (1, -1)])
@example([math.inf, 0.5])
@example([math.nan, -0.0])
def test_floats(values):
    texts, numbers = forms_of(values)

    assert texts == [repr(value) for value in values]
    assert [struct.pack("d", number) for number in numbers] == [struct.pack("d", v) for v in values]


def test_all_kinds_among_each_other():
    texts, numbers = forms_of(
        [1e-5, "a,b", {"$float": "Infinity"}, True, 1 << 70, [0.1, None], -1e16]
    )

    assert texts == [
        "1e-05",
        '"a,b"',
        '{"$float":"Infinity"}',
        "true",
        "1180591620717411303424",
        "[0.1,null]",
        "-1e+16",
    ]
    assert numbers == [1e-5, None, math.inf, None, float(1 << 70), None, -1e16]
