"""Positions survive JSON, and are said in words."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.position import OUTSIDE, describe, instance_name, position_from_json

positions = st.lists(st.tuples(st.text(), st.integers(0)), max_size=4).map(tuple)


@given(positions)
def test_a_position_survives_json(position):
    assert position_from_json(json.loads(json.dumps(position))) == position


def test_a_position_is_said_in_words():
    assert describe((("epoch", 3), ("loop", 12))) == "epoch 3, loop 12"
    assert describe(OUTSIDE) == "outside the loops"


def test_the_second_loop_of_a_name_is_numbered():
    assert (instance_name("epoch", 1), instance_name("epoch", 2)) == ("epoch", "epoch#2")
