"""A plan says the same after it was written and read."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.plan import Plan, Segment

paths = st.text(min_size=1, max_size=5)
numbers = st.integers(0, 9)
spans = st.dictionaries(paths, st.frozensets(st.tuples(numbers, numbers), max_size=3), max_size=2)
ordinals = st.dictionaries(paths, st.frozensets(numbers, max_size=3), max_size=2)
plans = st.builds(
    Plan,
    run=st.text(),
    mode=st.sampled_from(["nothing", "prelude", "outer", "inner", "epilogue", "full"]),
    segments=st.lists(st.builds(Segment, numbers, numbers, numbers), max_size=3).map(tuple),
    prelude=st.booleans(),
    epilogue=st.booleans(),
    everything=st.booleans(),
    step=st.frozensets(st.tuples(paths, numbers), max_size=3),
    turns=st.none() | st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple),
    hindsight=spans,
    transparent=spans,
    passing=st.dictionaries(paths, st.frozensets(st.text(max_size=3), max_size=3), max_size=2),
    introduced=st.dictionaries(
        paths, st.frozensets(st.tuples(paths, st.text(max_size=3)), max_size=3), max_size=2
    ),
    wrapped=ordinals,
    added=ordinals,
)


@given(plans)
def test_a_plan_survives_json(plan: Plan) -> None:
    text = json.dumps(plan.to_json(), allow_nan=False)

    assert Plan.from_json(json.loads(text)) == plan


@given(plans)
def test_equal_plans_are_written_equally(plan: Plan) -> None:
    again = Plan.from_json(plan.to_json())

    assert json.dumps(again.to_json()) == json.dumps(plan.to_json())


def test_fields_of_a_newer_flor_are_left_aside() -> None:
    content = Plan("r", "outer").to_json()

    assert Plan.from_json({**content, "colour": "green"}) == Plan("r", "outer")
