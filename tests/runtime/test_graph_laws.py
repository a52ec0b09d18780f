"""What is captured comes back bit for bit: into nothing, into itself changed, into anything else."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings

from tests.runtime.graphs import capture, compared, difference, put_back
from tests.runtime.recipes import build, recipes
from tests.runtime.things import Thing


@settings(max_examples=50)
@given(recipes)
def test_a_graph_is_made_anew_from_its_bytes(recipe):
    captured = capture(build(recipe))

    restored = put_back(captured, {})

    assert difference(restored, build(recipe)) is None


@settings(max_examples=50)
@given(recipes, recipes)
def test_a_graph_is_restored_over_any_other(recipe, other):
    captured = capture(build(recipe))

    live = put_back(captured, build(other))

    names = dict.fromkeys(build(recipe))
    assert difference({name: live[name] for name in names}, build(recipe)) is None


@settings(max_examples=50)
@given(recipes)
def test_restoring_what_did_not_change_rebinds_nothing(recipe):
    live = build(recipe)
    before = dict(live)
    captured = capture(live)

    put_back(captured, live)

    kept = [name for name in live if not isinstance(live[name], tuple)]
    assert all(live[name] is before[name] for name in kept)
    assert difference(live, build(recipe)) is None


@settings(max_examples=50)
@given(recipes)
def test_equal_graphs_compare_equal(recipe):
    comparison = compared(capture(build(recipe)), capture(build(recipe)))

    assert comparison.differences == ()


def test_objects_as_keys_and_members_come_back():
    live = {"table": {Thing(n=1): [1], (Thing(n=2), 3): [2]}, "members": {Thing(n=4)}}
    captured = capture(live)
    for key in [*live["table"], *live["members"]]:
        (key[0] if isinstance(key, tuple) else key).n = 9

    over = put_back(captured, live)
    anew = put_back(captured, {})

    for restored in (over, anew):
        (one, value), ((two, three), other) = restored["table"].items()
        assert (one.n, value, two.n, three, other) == (1, [1], 2, 3, [2])
        assert [member.n for member in restored["members"]] == [4]


def test_a_live_object_is_found_also_where_a_set_leads_to_it_first():
    weight = Thing(n=1)
    live = {"all": {weight}, "net": Thing(parts=Thing(weight=weight))}
    captured = capture(live)
    weight.n = 2

    put_back(captured, live)

    assert live["net"].parts.weight is weight
    assert live["all"] == {weight}
    assert weight.n == 1


def test_a_deque_of_another_length_is_replaced():
    captured = capture({"a": deque([1, 2], maxlen=3)})

    live = put_back(captured, {"a": deque(maxlen=1)})

    assert difference(live, {"a": deque([1, 2], maxlen=3)}) is None
