"""Checkpoints in the middle of a nested loop that is being recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from florlib.runtime.budget import Budget
from florlib.runtime.course import Course
from florlib.runtime.guard import guarded
from florlib.runtime.pace import NEVER, Pace
from florlib.runtime.session import Entry, now_s

Take = Callable[[int, dict[str, Any]], None]
"""Takes a checkpoint before a turn, given the roots of the loop's course."""


class Steps:
    """Takes checkpoints between the turns of one execution of a nested loop.

    None is taken where the loop holds another one that trains: that one's are nearer.

    Args:
        entry: the loop.
        pace: says when to call `reach`.
        budget: decides whether a checkpoint is worth its time.

    Attributes:
        course: what it goes over; None where that cannot be entered in its middle, or is not known.
        began_s: when its first turn did.
        last: the turn before which the last one was taken.
    """

    def __init__(self, entry: Entry, pace: Pace, budget: Budget) -> None:
        self._entry = entry
        self._pace = pace
        self._budget = budget
        self.course: Course | None = None
        self.began_s = now_s()
        self.last = 0

    def go_on(self, turn: int, began_s: float) -> None:
        """Begin with a later turn than the first, before which there is a checkpoint already."""
        self.last, self.began_s = turn, began_s

    def end(self, turns: int, now: float) -> None:
        """Take in the time of the turns since it was last asked for.

        Args:
            turns: how many there were in all.
            now: the time.
        """
        if turns > self._pace.turn and not self._entry.holds:
            self._pace.passed(turns, now)

    def reach(self, turn: int, take: Take, hurries: Callable[[], bool]) -> None:
        """Take a checkpoint before a turn, if it is worth its time.

        Args:
            turn: that is to come.
            take: takes one.
            hurries: whether one is to be taken whatever it costs.
        """
        if self._entry.holds:
            self._pace.due = NEVER
            return
        with guarded("follow the turns of a loop"):
            self._reach(turn, take, hurries)

    def _reach(self, turn: int, take: Take, hurries: Callable[[], bool]) -> None:
        now = now_s()
        self._pace.passed(turn, now)
        course = self.course
        if course is not None and self._wants(turn, course, now, hurries):
            self.last = turn
            take(turn, course.roots(self._entry.name))
            self._pace.taken()
        else:
            self._budget.looked(now, now_s())

    def _wants(self, turn: int, course: Course, now: float, hurries: Callable[[], bool]) -> bool:
        total = course.total
        left_s = None if total is None else (total - turn) * (now - self.began_s) / turn
        if not (hurries() or self._budget.wants("step", now, left_s=left_s)):
            return False
        # Behind the last turn comes the loop's end, which has a checkpoint of its own.
        return (total is None or turn < total) and course.is_ready
