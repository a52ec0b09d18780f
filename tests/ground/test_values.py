"""Logged values come out of JSON equal, bit for bit."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.histogram import Histogram
from florlib.ground.values import Array, Lost, Other, decode_value, encode_value, plain_json

arrays = st.builds(
    Array, st.just("float32"), st.tuples(st.integers(0, 3)), st.binary(), st.just("torch")
)
hashables = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
histograms = st.builds(
    Histogram,
    st.tuples(st.floats(-1, 0), st.floats(1, 2)),
    st.tuples(st.integers(0)),
    nan=st.integers(0),
)
leaves = (
    hashables
    | st.floats()
    | st.complex_numbers()
    | arrays
    | histograms
    | st.builds(Lost, st.text())
    | st.builds(Other, st.text(), st.text())
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(hashables | st.tuples(hashables), inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$float", "$dict", "$new"]), inner, max_size=1)
    ),
    max_leaves=12,
)


def bits(value):
    """A value in which floats are replaced by their bits, so that == tells -0.0 and NaN apart."""
    if isinstance(value, float):
        return "NaN" if value != value else struct.pack("<d", value)
    if isinstance(value, complex):
        return ("complex", bits(value.real), bits(value.imag))
    if isinstance(value, list | tuple):
        return (type(value).__name__, [bits(item) for item in value])
    if isinstance(value, dict):
        return [(type(key).__name__, key, bits(item)) for key, item in value.items()]
    return (type(value).__name__, value)


@given(values)
def test_a_value_survives_json_bit_for_bit(value):
    text = json.dumps(encode_value(value), allow_nan=False)

    assert bits(decode_value(json.loads(text))) == bits(value)


@pytest.mark.parametrize("bits", [8191, 8192, 8193, 100_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_of_any_length_survives(bits, sign):
    value = sign * ((1 << bits) - 1)

    content = json.loads(json.dumps(encode_value([value, {value: value}])))

    assert decode_value(content) == [value, {value: value}]
    assert isinstance(plain_json(content)[0], int if bits <= 8192 else str)


def test_an_object_that_is_no_value_is_refused():
    with pytest.raises(TypeError, match="object is no logged value"):
        encode_value(object())


def test_an_object_of_one_unknown_tag_stays_an_object():
    assert decode_value({"$new": [1]}) == {"$new": [1]}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        (b"\x00", "AA=="),
        ((1, (2,)), [1, [2]]),
        (1 + 2j, [1.0, 2.0]),
        ({1: (2,)}, {"1": [2]}),
        ({"a": 1}, {"a": 1}),
        ({"a": 1, "b": [None]}, {"a": 1, "b": [None]}),
        (Other("Net", "Net()"), "Net()"),
        (
            Array("uint8", (1,), b"\x07", "numpy"),
            {"library": "numpy", "dtype": "uint8", "shape": [1], "base64": "Bw=="},
        ),
    ],
)
def test_other_programs_read_plain_json(value, plain):
    assert plain_json(encode_value(value)) == plain
