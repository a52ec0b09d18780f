"""Paths lead to the stand-in of a folder and back, wherever in recorded JSON they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.relocation import Relocation

MOVED = Relocation((("/home/u/project", "/sandbox/files"), ("/data", "/sandbox/cwd")))
texts = st.sampled_from(["/home/u/project", "/home/u/project/out", "/data/x", "/database", "epoch"])
content = st.recursive(
    texts | st.none() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(content)
def test_what_was_brought_there_comes_back(given_content):
    assert MOVED.back(MOVED.there(given_content)) == given_content


@pytest.mark.parametrize(
    ("recorded", "there"),
    [
        ("/home/u/project", "/sandbox/files"),
        ("/home/u/project/out", "/sandbox/files/out"),
        ("/home/u/projects", "/home/u/projects"),
        ("see /data/x", "see /data/x"),
        (("/data", 1), ("/sandbox/cwd", 1)),
        ({"/data": ["/data/x"]}, {"/sandbox/cwd": ["/sandbox/cwd/x"]}),
        (None, None),
    ],
)
def test_only_whole_paths_are_brought_there(recorded, there):
    assert MOVED.there(recorded) == there


def test_a_stand_in_is_found_anywhere_in_a_text():
    assert MOVED.back(["saved /sandbox/files/a.pt"]) == ["saved /home/u/project/a.pt"]


@pytest.mark.parametrize("moves", [(), (("/data", "/data"),)])
def test_nothing_changes_where_nothing_moved(moves):
    recorded = ["/data/x"]

    assert Relocation(moves).there(recorded) is recorded
    assert Relocation(moves).back(recorded) is recorded
