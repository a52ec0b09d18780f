"""What is captured comes back bit for bit: into nothing, into itself changed, into anything else."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.runtime.graphs import capture, compared, difference, put_back
from tests.runtime.recipes import build, recipes


@given(recipes)
def test_a_graph_is_made_anew_from_its_bytes(recipe):
    captured = capture(build(recipe))

    restored = put_back(captured, {})

    assert difference(restored, build(recipe)) is None


@given(recipes, recipes)
def test_a_graph_is_restored_over_any_other(recipe, other):
    captured = capture(build(recipe))

    live = put_back(captured, build(other))

    names = dict.fromkeys(build(recipe))
    assert difference({name: live[name] for name in names}, build(recipe)) is None


@given(recipes)
def test_restoring_what_did_not_change_rebinds_nothing(recipe):
    live = build(recipe)
    before = dict(live)
    captured = capture(live)

    put_back(captured, live)

    kept = [name for name in live if not isinstance(live[name], tuple)]
    assert all(live[name] is before[name] for name in kept)
    assert difference(live, build(recipe)) is None


@given(recipes)
def test_equal_graphs_compare_equal(recipe):
    comparison = compared(capture(build(recipe)), capture(build(recipe)))

    assert comparison.differences == ()
