"""Records are read as Python's own decoder reads them, whatever was logged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground import journal_format
from florlib.stores.catalog.loading import load

INTEGERS = st.one_of(
    st.integers(),
    st.sampled_from(
        [s * (2**n + d) for s in (1, -1) for n in (31, 53, 63, 64) for d in (-1, 0, 1)]
    ),
)
TEXTS = st.text(st.characters(), max_size=4)
PLAIN = st.one_of(
    st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.tuples(st.just(0), TEXTS, VALUES, st.just(0), st.just(0)), max_size=4)


def body_of(record: dict[str, Any]) -> bytes:
    """The payload of its frame."""
    return journal_format.encode_frame(record)[8:]


def written(content: Any) -> str:
    """A text that tells 1 from 1.0, and True from 1."""
    return repr(content)


@given(ROWS)
def test_what_was_logged(rows):
    body = body_of(
        {"kind": "log", "rows": [list(row) for row in rows], "positions": [[]], "sites": []}
    )

    assert written(load(body)) == written(journal_format.load(body))


@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_all_other_records(content):
    body = body_of({"kind": "arg", **content})

    assert written(load(body)) == written(journal_format.load(body))


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind":"log",', b'{"kind":"log","rows":[[0,1'])
def test_what_is_no_json_is_refused_as_ever(body):
    with pytest.raises(json.JSONDecodeError):
        load(body)
