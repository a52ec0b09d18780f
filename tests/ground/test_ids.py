"""Ids sort by time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.ids import id_behind, run_id

FIRST = datetime(2020, 1, 1, tzinfo=timezone.utc)


@given(st.integers(0, 10**9), st.integers(1, 10**8))
def test_a_later_second_sorts_later(start_s, later_s):
    start = FIRST + timedelta(seconds=start_s)
    later = start + timedelta(seconds=later_s)

    assert run_id(start, "zzzzzz") < run_id(later, "000000")


def test_replays_of_one_second_sort_as_they_came():
    ids: list[str] = []
    for token in ("ffffff", "aaaaaa", "000000", "cccccc"):
        ids.append(id_behind(FIRST, token, [*ids, "a-folder-of-somebody"]))

    assert ids == sorted(ids)
    assert len(set(ids)) == 4
