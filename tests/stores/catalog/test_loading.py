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
NAMES = TEXTS | st.sampled_from(['x"]],[["y', "]],[[", "[", "]", '"', "\\", ",", "é", "a b"])
POSITIONS = st.lists(
    st.lists(st.tuples(NAMES, st.integers(0, 300)).map(list), max_size=3), max_size=4
)
ROWS = st.lists(st.tuples(st.just(0), TEXTS, VALUES, st.just(0), st.just(0)), max_size=4)


def body_of(record: dict[str, Any]) -> bytes:
    """The payload of its frame."""
    return journal_format.encode_frame(record)[8:]


def loaded(body: bytes) -> dict[str, Any]:
    """A record of values, its positions as a list again."""
    record = load(body)
    positions = record["positions"]
    record["positions"] = [positions.position(at) for at in range(len(positions.texts))]
    return {key: record[key] for key in journal_format.load(body)}  # in the order of the record


def written(content: Any) -> str:
    """A text that tells 1 from 1.0, and True from 1."""
    return repr(content)


@given(ROWS)
def test_what_was_logged(rows):
    body = body_of(
        {"kind": "log", "rows": [list(row) for row in rows], "positions": [[]], "sites": []}
    )

    assert written(loaded(body)) == written(journal_format.load(body))


@given(POSITIONS)
def test_where_it_was_logged(positions):
    rows = [[at, "x", 0.5, 0, 0] for at in range(len(positions))]
    body = body_of({"kind": "log", "rows": rows, "positions": positions, "sites": [["a.py", 1]]})

    assert written(loaded(body)) == written(journal_format.load(body))


@given(POSITIONS)
def test_records_of_other_writers(positions):
    body = body_of({"kind": "log", "positions": positions, "sites": [["a.py", 1]], "rows": []})

    assert written(loaded(body)) == written(journal_format.load(body))


@given(st.sampled_from(["enter", "exit", "skip", "iteration"]), TEXTS, st.floats(0, 1e9), POSITIONS)
def test_records_of_loops(kind, loop, seconds, positions):
    content = {"loop": loop, "index": 3, "seconds": seconds, "path": None, "position": positions}
    body = body_of({"kind": kind, **content})

    assert written(load(body)) == written(journal_format.load(body))


@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_all_other_records(content):
    body = body_of({"kind": "arg", **content})

    assert written(load(body)) == written(journal_format.load(body))


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind":"log",', b'{"kind":"log","rows":[[0,1'])
def test_what_is_no_json_is_refused_as_ever(body):
    with pytest.raises(json.JSONDecodeError):
        load(body)
