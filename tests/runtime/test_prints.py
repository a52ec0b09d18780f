"""Lines that are heard of what a stream writes."""

from __future__ import annotations

import _thread
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from florlib.runtime.prints import LineTap


class Heard:
    """A tap on a stream, and the lines it gave on."""

    def __init__(self, write: Any) -> None:
        self.lines: list[str] = []
        self.tap = LineTap(SimpleNamespace(write=write), "print", self._line, lambda file: True)

    def _line(self, _name: str, line: str, _file: str | None, _number: int) -> None:
        self.lines.append(line)


def test_lines_are_given_on_when_they_end() -> None:
    heard = Heard(len)
    assert [heard.tap.write(text) for text in ("a", "b", "\nc\nd", "e")] == [1, 1, 4, 1]
    assert (heard.lines, heard.tap.begun) == (["ab", "c"], "de")
    heard.tap.close()
    assert (heard.lines, heard.tap.begun) == (["ab", "c", "de"], "")


def test_an_interrupt_as_a_line_ends_does_not_glue_it_to_the_next() -> None:
    # Looking up the end of a line is the signal's moment: nothing of Python's runs within.
    write: defaultdict[str, Any] = defaultdict(_thread.interrupt_main, {"a": 1, "b\n": 2})
    heard = Heard(write.__getitem__)
    heard.tap.write("a")
    with pytest.raises(KeyboardInterrupt):
        heard.tap.write("\n")
    heard.tap.write("b\n")
    assert heard.lines == ["a", "b"]


def test_what_a_stream_refuses_is_not_heard() -> None:
    heard = Heard({"a": 1, "\n": 1}.__getitem__)
    heard.tap.write("a")
    with pytest.raises(KeyError):
        heard.tap.write("b")
    heard.tap.write("\n")
    assert heard.lines == ["a"]
