"""Printed lines become log rows; the stream itself and every byte it writes stay as they were.

The stream object is kept, with its isatty, fileno, encoding and flush: only its `write` is
shadowed by an attribute of the instance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain
from typing import Any

from florlib.runtime.guard import degrade

LineSink = Callable[[str, str, str | None, int], None]
"""Called with (name, line, file name, line number) for each whole line."""

_LONGEST = 1 << 16  # characters of a line kept; a progress bar that never ends one is cut


class LineTap:
    """Listens to what a text stream writes, and gives on whole lines."""

    def __init__(
        self, stream: Any, name: str, sink: LineSink, is_user: Callable[[str], bool]
    ) -> None:
        self._stream = stream
        self._name = name
        self._sink = sink
        self._is_user = is_user
        self._heard: list[str] = []  # of a line that has not ended
        self._write = stream.write
        stream.write = self.write

    def write(self, text: str, /) -> int:
        """Write through, then listen; what the stream raises is the caller's to see."""
        written: int
        # One instruction: an interrupt between the two would glue this line to the next.
        written, _ = chain(map(self._write, (text,)), map(self._heard.append, (text,)))
        try:
            if "\n" in text:
                self._lines()
            else:
                self._heard[:] = [self.begun[-_LONGEST:]]
        except Exception as error:  # noqa: BLE001  # what was written must not seem to have failed
            degrade("listen to what is printed", error)
        return written

    @property
    def begun(self) -> str:
        """What was written of a line that has not ended."""
        return "".join(self._heard)

    @begun.setter
    def begun(self, text: str) -> None:
        self._heard[:] = [text]

    def _lines(self) -> None:
        file, number = self._caller()
        *lines, begun = self.begun.split("\n")
        self._heard[:] = [begun]
        for line in lines:
            self._sink(self._name, line, file, number)

    def _caller(self) -> tuple[str | None, int]:
        """The file and line of the user's that wrote, if through a library; else who did directly.

        None where it is the interpreter, as it ends.
        """
        try:
            frame = writer = sys._getframe(3)
        except ValueError:
            return None, 0
        while not self._is_user(frame.f_code.co_filename):
            if frame.f_back is None:
                return writer.f_code.co_filename, writer.f_lineno
            frame = frame.f_back
        return frame.f_code.co_filename, frame.f_lineno

    def close(self) -> None:
        """Give on a last line without an end, and let the stream alone."""
        if self.begun:
            self._sink(self._name, self.begun, None, 0)
            self._heard.clear()
        if self._stream.__dict__.get("write") == self.write:
            del self._stream.__dict__["write"]


_output: list[LineTap] = []  # the tap of standard output, where there is one


def begun_line() -> str:
    """What the script has printed of a line that it has not ended, such as a progress bar's."""
    return _output[0].begun if _output else ""


def set_begun_line(text: str) -> None:
    """Go on as if this had been printed: a loop that is skipped would have done so."""
    if _output:
        _output[0].begun = text


def tap_standard_streams(sink: LineSink, is_user: Callable[[str], bool]) -> list[LineTap]:
    """Listen to standard output ("print") and standard error ("stderr").

    Args:
        sink: is given the lines.
        is_user: whether a file is the user's, by its path.
    """
    taps = []
    for stream, name in ((sys.stdout, "print"), (sys.stderr, "stderr")):
        if stream is not None and hasattr(stream, "__dict__"):
            taps.append(LineTap(stream, name, sink, is_user))
            if name == "print":
                _output[:] = taps
    return taps
