"""Going through a recorded nested loop in a replay: all of its turns, or those asked for."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from florlib.ground.recorded import BlockMark
from florlib.runtime import states
from florlib.runtime.course import Course
from florlib.runtime.loops import LoopBody, LoopCall
from florlib.runtime.parts import NotEntered
from florlib.runtime.session import Entry
from florlib.runtime.walk import ReplayImpossible

if TYPE_CHECKING:
    from florlib.runtime.replayer import Replayer


class NestedWalk:
    """Goes through one execution of a nested loop.

    Attributes:
        executed: how many turns ran.
        stretches: [start, stop] of the turns that ran; what a loop does when it has no further
            item belongs to the turn that there is not.
        how: the loop ended: "exhausted", "break", "return" or "raise".
    """

    def __init__(
        self,
        session: Replayer,
        call: LoopCall,
        entry: Entry,
        block: BlockMark | None,
        frame: types.FrameType,
    ) -> None:
        self.session = session
        self.entry = entry
        self.block = block
        self.frame = frame
        self.executed = 0
        self.stretches: list[list[int]] = []
        self.how = "raise"
        self._call = call
        self._items = call.items
        self._course: Course | None = None
        self._rest: Iterator[Any] | None = None
        self._at = 0
        self._ended = False

    def turns(self, wanted: Iterable[tuple[int, int]] | None, *, warm: bool) -> LoopBody:
        """Execute the loop.

        Args:
            wanted: (start, stop) of the turns that are asked for; the others are executed only
                as far as they lead there, or to the loop's end. None for all turns.
            warm: none of them is, as the loop leads to what is asked for.
        """
        if wanted is None or self.block is None:
            self._begin()
            # Who takes items of it one by one, as a generator's caller does, may go on in between.
            yield from self._run(None, warm=None)
            return
        if not warm:
            for start, stop in wanted:
                if start < self.block.iterations or self.block.how == "raise":
                    yield from self._stretch(self.block, start, stop)
                if self._ended:
                    return
        if self._restore_end(self.block):
            return
        self._reach(self.block, self.block.iterations)
        yield from self._run(None, warm=True)

    def left(self, how: str) -> None:
        """Note that the script left the loop in the turn under way."""
        self.how = how
        self.executed += how in ("break", "return")

    def _stretch(self, block: BlockMark, start: int, stop: int) -> LoopBody:
        self._reach(block, start)
        passed = [turn for turn in block.steps if self._at < turn <= stop]
        checked = max(passed, default=None)
        for until, warm in ((start, True), (stop, False)):
            if checked is not None and self._at < checked <= until:
                yield from self._run(checked, warm=warm)
                self._verify(block, checked)
            yield from self._run(until, warm=warm)

    def _verify(self, block: BlockMark, turn: int) -> None:
        if self._ended or self._at != turn:
            return
        session, main = self.session, self.session.main
        assert main is not None
        number = session.main_number
        roots = None if self._course is None else self._course.roots(self.entry.name)
        mark = block.steps[turn]
        session.end_states.verify(
            mark, self.entry, number, main.index, self.frame, step=turn, course=roots
        )

    def _run(self, until: int | None, *, warm: bool | None) -> LoopBody:
        """Execute turns up to one, or to the loop's end.

        Args:
            until: the turn that does not run any more; None for all.
            warm: whether they only lead to what is asked for; None where the loops around say so.
        """
        session, entry = self.session, self.entry
        assert self._rest is not None
        while not self._ended and (until is None or self._at < until):
            session.warming = session.warming if warm is None else warm
            entry.index, entry.counts = self._at, {}
            self.stretches[-1][1] = self._at + 1
            session.arrives(entry, self.frame)
            try:
                item = next(self._rest)
            except StopIteration:
                break
            yield item
            if self._call.finished:
                break
            self.executed += 1
            self._at += 1
            entry.index, entry.counts = self._at, {}
        else:
            return
        self._ended, self.how = True, "exhausted"

    # ------------------------------------------------------------------ where it stands

    def _begin(self) -> None:
        """Begin at the first item, so that a later one can still be entered if that may be."""
        course, name = self._course, self.entry.name
        if course is not None and course.goes_on:
            course.enter(0, 0, {}, name)
            self._rest = course.rest({}, name)
        else:
            self._rest = iter(self._items)
        self.stretches.append([0, 0])

    def _reach(self, block: BlockMark, turn: int) -> None:
        """Have the state before a turn, or before one that leads to it."""
        marks = [
            n
            for n, mark in block.steps.items()
            if self._at < n <= turn and mark.complete and not mark.workers
        ]
        possible = bool(block.steps) and self._call.is_alone
        possible = possible and self.session.may_jump(block, self.entry, self.frame)
        if possible and self._find_course() and marks and self._jump(block, max(marks)):
            return
        if self._rest is None:
            self._begin()

    def _find_course(self) -> bool:
        if self._rest is not None:
            return self._course is not None and self._course.goes_on
        self._course, self._items = Course.found(self._items)
        return self._course is not None

    def _jump(self, block: BlockMark, turn: int) -> bool:
        """Enter the loop before a turn, from the checkpoint there; False if it stands as before."""
        session, course, name = self.session, self._course, self.entry.name
        assert course is not None
        before = states.in_memory(states.capture(self.frame, session.project))
        try:
            mark = block.steps[turn]
            course.enter(self._at, turn, session.stored.course_values(mark), name)
            roots = course.roots(name)
            anew = session.stored.restore_within(mark, self.entry, self.frame, roots)
            if anew is None:
                raise NotEntered("its checkpoint cannot be restored")
            self._rest = course.rest(anew, name)
        except NotEntered as refusal:
            session.warn("not-entered", f"{name} is executed from its start: {refusal}")
            if self._rest is not None:
                raise ReplayImpossible(f"{name} cannot be entered at {turn}: {refusal}") from None
            states.restore(before, self.frame, session.project, dead=lambda root: True)
            self._course = None
            return False
        self._at = turn
        self.stretches.append([turn, turn])
        return True

    def _restore_end(self, block: BlockMark) -> bool:
        """Bring about the state behind the loop from its checkpoint."""
        session, mark = self.session, self.session.end_of(block)
        if self._at >= block.iterations or mark is None:
            return False
        if not session.may_jump(block, self.entry, self.frame):
            return False
        if not session.stored.restore(mark, self.entry, self.frame, after=True):
            return False
        self.how = block.how
        return True
