"""Pins come back as they were put, and what cannot be read is no empty set of pins."""

from __future__ import annotations

import json

import pytest

from florlib.ground.errors import FormatTooNew
from florlib.stores.pins import VERSION, Pins, read_pins, write_pins


def test_pins_come_back(tmp_path):
    path = tmp_path / "pins.json"

    write_pins(path, whole=True, files={"checkpoints/b", "checkpoints/a"})

    assert read_pins(path) == Pins(True, frozenset({"checkpoints/a", "checkpoints/b"}))
    assert read_pins(path)


def test_no_pins_are_no_file(tmp_path):
    path = tmp_path / "pins.json"
    write_pins(path, whole=False, files=["a"])

    write_pins(path, whole=False, files=[])

    assert not path.exists()
    assert read_pins(path) == Pins()
    assert not read_pins(path)


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"format": "1"}'])
def test_what_holds_no_pins_is_refused(tmp_path, text):
    (tmp_path / "pins.json").write_text(text)

    with pytest.raises(ValueError):
        read_pins(tmp_path / "pins.json")


def test_a_newer_format_is_refused_by_its_number(tmp_path):
    (tmp_path / "pins.json").write_text(json.dumps({"format": VERSION + 1}))

    with pytest.raises(FormatTooNew, match=f"format {VERSION + 1}; this flor reads {VERSION}"):
        read_pins(tmp_path / "pins.json")
