"""Sets are gone through in the order in which they were, however they had grown."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from florlib.runtime.graph.ordering import fill_in_order, table_of
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
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 6, 17, 18, 19, 20, 76, 77, 300])
def test_every_order_comes_back_and_goes_on_as_it_would_have(history, count):
    draw = random.Random(count)
    for _ in range(10):
        live = {"a": history([draw.randrange(10**6) for _ in range(count)])}
        captured, table = capture(live), table_of(live["a"])
        later = [draw.randrange(10**6) for _ in range(2 * count)]
        order = list(live["a"])
        live["a"].update(iter(later))
        end = list(live["a"])
        live["a"].clear()

        put_back(captured, live)

        assert (list(live["a"]), table_of(live["a"])) == (order, table)
        live["a"].update(iter(later))
        assert list(live["a"]) == end


@given(st.permutations(range(0, 60, 7)) | st.lists(st.integers(), unique=True, max_size=12))
def test_what_it_says_is_true_and_nothing_is_lost(order):
    made = {"left over"}

    done = fill_in_order(made, order, table_of(set(order)))

    assert made == set(order)
    assert done == (list(made) == order)


def test_beside_a_thread_of_the_script_tables_are_not_read():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert table_of({1}) is None
    finally:
        ended.set()
        thread.join()
    assert table_of({1}) is not None


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**6) | st.tuples(st.integers()), max_size=25))
def test_a_live_set_is_restored_in_its_order(items):
    live = {"a": set(items)}
    captured, order, target = capture(live), list(live["a"]), live["a"]
    target.add("something else")

    put_back(captured, live)

    assert live["a"] is target
    assert list(target) == order
