"""Checkpoints in the middle of a nested loop that is being recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from florlib.runtime.budget import StepPace
from florlib.runtime.course import Course
from florlib.runtime.session import Entry, now_s

Take = Callable[[int, dict[str, Any]], None]
"""Takes a checkpoint before a turn, given the roots of the loop's course."""


class Steps:
    """Takes checkpoints between the turns of one execution of a nested loop.

    None is taken where the loop holds another one that trains: that one's are nearer.

    Args:
        entry: the loop.
        course: what it goes over; None where that cannot be entered in its middle.
        pace: decides when; None where there are no checkpoints at all.
        take: takes one.

    Attributes:
        due: the turn before which `reach` wants to be called; 0 for never.
        last: the turn before which the last one was taken.
    """

    def __init__(
        self, entry: Entry, course: Course | None, pace: StepPace | None, take: Take
    ) -> None:
        self._entry = entry
        self._course = course
        self._pace = pace
        self._take = take
        self.due = 0 if course is None or pace is None else 1
        self.last = 0

    def reach(self, turn: int) -> int:
        """Take a checkpoint if it is worth its time; the turn before which to ask again."""
        if self._entry.holds or self._course is None or self._pace is None:
            return 0
        total = self._course.total
        # Behind the last turn comes the loop's end, which has a checkpoint of its own.
        wanted = total is None or turn < total
        if wanted and self._pace.asks(turn, now_s()) and self._course.is_ready:
            self.last = turn
            self._take(turn, self._course.roots(self._entry.name))
        return self._pace.due
