"""Sets are gone through in the order in which they were, however they had grown."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from florlib.runtime.graph.ordering import fill_in_order
from tests.runtime.graphs import capture, put_back


def grown(items: list[int]) -> set[int]:
    made = set()
    for item in items:
        made.add(item)
    return made


def shrunk(items: list[int]) -> set[int]:
    made = grown(items)
    for item in items[::2]:
        made.discard(item)
    return made


HISTORIES = {
    "grown": grown,
    "copied": lambda items: set(grown(items)),
    "joined": lambda items: grown(items) | {-1},
    "shrunk": shrunk,
    "thinned": lambda items: grown(items) - set(items[::3]),
    "emptied first": lambda items: (made := grown(items), made.clear(), made.update(items))[0],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("count", [0, 1, 5, 6, 17, 20, 77, 300])
def test_almost_every_order_can_be_made_again(history, count):
    draw = random.Random(count)
    orders = [list(history([draw.randrange(10**6) for _ in range(count)])) for _ in range(20)]

    done = [fill_in_order(set(), order) for order in orders]

    assert sum(done) >= 12


@given(st.permutations(range(0, 60, 7)) | st.lists(st.integers(), unique=True, max_size=12))
def test_what_it_says_is_true_and_nothing_is_lost(order):
    made = {"left over"}

    done = fill_in_order(made, order)

    assert made == set(order)
    assert done == (list(made) == order)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**6) | st.tuples(st.integers()), max_size=25))
def test_a_live_set_is_restored_in_its_order(items):
    live = {"a": set(items)}
    captured, order, target = capture(live), list(live["a"]), live["a"]
    target.add("something else")

    put_back(captured, live)

    assert live["a"] is target
    assert list(target) == order
