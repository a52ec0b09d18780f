"""The launch spec survives the environment, and newer fields do not break an older guest."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.launch import VARIABLE, LaunchSpec

specs = st.builds(LaunchSpec)


@given(specs)
def test_from_environment_gives_back_what_to_environment_took(spec):
    assert LaunchSpec.from_environment({VARIABLE: spec.to_environment()}) == spec


def test_a_process_that_flor_did_not_start_has_no_spec():
    assert LaunchSpec.from_environment({}) is None
    assert LaunchSpec.from_environment({VARIABLE: ""}) is None


def test_fields_of_a_newer_flor_are_ignored():
    spec = LaunchSpec("record", "r", "/runs/r", "/project")
    text = json.dumps({**json.loads(spec.to_environment()), "colour": "green"})

    assert LaunchSpec.from_environment({VARIABLE: text}) == spec
