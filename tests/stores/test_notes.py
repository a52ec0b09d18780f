"""Notes come back as they were put, and what cannot be read is no empty note."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.errors import FormatTooNew
from florlib.stores.notes import VERSION, Notes, read_notes, write_notes


@given(st.text(), st.dictionaries(st.text(), st.text()), st.frozensets(st.text()))
def test_notes_come_back(tmp_path_factory, note, tags, removed):
    path = tmp_path_factory.mktemp("notes") / "notes.json"
    notes = Notes(note, tags, removed)

    write_notes(path, notes)

    assert read_notes(path) == notes


def test_no_file_is_no_notes(tmp_path):
    assert read_notes(tmp_path / "notes.json") == Notes()


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"format": "1"}'])
def test_what_holds_no_notes_is_refused(tmp_path, text):
    (tmp_path / "notes.json").write_text(text)

    with pytest.raises(ValueError):
        read_notes(tmp_path / "notes.json")


def test_a_newer_format_is_refused_by_its_number(tmp_path):
    (tmp_path / "notes.json").write_text(json.dumps({"format": VERSION + 1}))

    with pytest.raises(FormatTooNew):
        read_notes(tmp_path / "notes.json")
