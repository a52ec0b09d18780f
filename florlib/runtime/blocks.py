"""One execution of a nested loop that is being recorded: its checkpoints, and what is told of it."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from florlib.ground.recorded import StepMark
from florlib.runtime.course import Course
from florlib.runtime.marks import exit_record, pairs
from florlib.runtime.pace import Pace
from florlib.runtime.session import Entry, now_s
from florlib.runtime.steps import Steps

if TYPE_CHECKING:
    from florlib.runtime.recorder import Recorder


class Block:
    """Follows one execution of a nested loop.

    Args:
        session: that records.
        entry: the loop.
        number: of the execution, among those in the same iteration of the main loop.
        frame: the user's, which runs the loop.
        pace: says when to call `reach`.
    """

    def __init__(
        self,
        session: Recorder,
        entry: Entry,
        number: int,
        frame: types.FrameType,
        pace: Pace,
    ) -> None:
        self.entry = entry
        self.frame = frame
        self.number = number
        self._session = session
        self._main = session.main_number
        self._pace = pace
        self._steps = Steps(entry, pace, session.budget)
        self._writes = 0 if session.files is None else session.files.writes
        self._wrote = False  # before it was gone on with
        self._drawn_from: str | None = None
        self._is_alone = self._is_passed = False

    def goes_over(self, course: Course | None, *, alone: bool) -> None:
        """Know what the loop goes over.

        Args:
            course: None where that cannot be entered in its middle.
            alone: nothing around the loop counts its items as well.
        """
        self._is_alone = alone
        self._steps.course = course
        self._drawn_from = None if course is None else course.drawn_from

    def go_on(self, step: StepMark, course: Course) -> None:
        """Begin where a process was interrupted."""
        now = now_s()
        self.goes_over(course, alone=True)
        self._pace.go_on(step.turn, now)
        self._steps.go_on(step.turn, now - step.block_s)
        self._wrote = step.wrote

    def pass_by(self) -> None:
        """Its end was restored, and an earlier process has told of it."""
        self._is_passed = True

    @property
    def wrote(self) -> bool:
        """Whether it may have written to project files."""
        files = self._session.files
        return self._wrote or (files is not None and files.wrote_since(self._writes))

    def reach(self, turn: int) -> None:
        """Take a checkpoint before a turn, if it is worth its time."""
        # Handed over each time: a cycle of the two would keep the frame, and the objects in it.
        self._steps.reach(turn, self._take, self._hurries)

    def _hurries(self) -> bool:
        """Whether the run is asked to leave, and can be come to again in the middle of this loop."""
        session, main = self._session, self._session.main
        if not session.is_asked or not self._is_alone or main is None:
            return False
        return session.way_to == main.index and session.path[-2] is main

    def _take(self, turn: int, roots: dict[str, Any]) -> None:
        session, main, entry = self._session, self._session.main, self.entry
        assert main is not None
        moment = {
            "main": self._main,
            "index": main.index,
            "block": self.number,
            "loop": entry.name,
            "step": turn,
        }
        unread = session.own_roots(entry, self.frame, after=False)
        taken = session.checkpoints.take(
            self._stem(main, turn),
            session.position(),
            {"role": "step", **moment},
            self.frame,
            unread,
            roots,
        )
        if taken is not None and self._is_alone:
            # What was told before this record happened before the step, and what follows behind it.
            session.append(
                {
                    "kind": "step",
                    "position": pairs(session.position()[:-1]),
                    **moment,
                    "seconds": session.turn_seconds,
                    "block_s": now_s() - self._steps.began_s,
                    "wrote": self.wrote,
                    "drawn_from": self._drawn_from,
                }
            )
        if self._hurries():
            if taken is not None and session.checkpoints.is_whole:
                session.leave_if_asked()
            session.way_to = None  # no step is, and the next boundary has to be

    def end(self, how: str) -> None:
        """Tell of the loop's end, of which a checkpoint is taken if it is worth its time."""
        session, entry, main = self._session, self.entry, self._session.main
        if self._is_passed:
            session.leave(entry)
            return
        began = now_s()
        iterations, seconds = entry.index, began - self._steps.began_s
        has_else = entry.site is not None and entry.site.has_else
        skippable = how == "exhausted" or (how == "break" and not has_else)
        name = None
        self._steps.end(iterations, began)
        wanted = session.active and session.budget.wants("block", began)
        if skippable and main is not None and wanted:
            ends = ".end" if self._steps.last == iterations else ""
            about = {
                "role": "block",
                "main": self._main,
                "index": main.index,
                "block": self.number,
                "loop": entry.name,
            }
            unread = session.own_roots(entry, self.frame, after=True)
            stem, position = self._stem(main, iterations) + ends, session.position()
            name = session.checkpoints.take(stem, position, about, self.frame, unread)
            began = now_s()
        session.budget.block_ended(taken=name is not None)
        session.leave(entry)
        if session.path[-1:] == [main] and not (name and session.checkpoints.is_whole):
            session.way_to = None  # nothing behind it can be come to without running it
        record = exit_record(entry, session.position(), how, iterations, main=self._main)
        session.append(
            {
                **record,
                "skippable": skippable,
                "checkpoint": name,
                "block": self.number,
                "index": None if main is None else main.index,
                "seconds": seconds,
                "wrote": self.wrote,
            }
        )
        session.budget.looked(began, now_s())

    def _stem(self, main: Entry, turn: int) -> str:
        """The name of a file: its position, and what else tells it from others."""
        stem = f"{main.index:06d}.{turn:06d}" + (f".b{self.number}" if self.number else "")
        return stem + (f".m{self._main}" if self._main else "")
