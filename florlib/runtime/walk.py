"""Going through a recorded main loop in a replay: restore, execute, verify, and leave as recorded."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

from florlib.ground.plan import Segment
from florlib.ground.recorded import CheckpointMark, MainMark
from florlib.runtime.items import ItemDriver, NoSuchItem
from florlib.runtime.loops import LoopBody, LoopCall
from florlib.runtime.marks import iteration_record
from florlib.runtime.session import Entry, now_s

if TYPE_CHECKING:
    from florlib.runtime.replayer import Replayer
    from florlib.runtime.resumer import Resumer


class ReplayImpossible(Exception):
    """The replay cannot go on: a state that it needs is nowhere to be had."""


class MainWalk:
    """Goes through a recorded main loop: knows at which boundary the live state stands.

    Attributes:
        current: the boundary whose state is live; None where nothing is known.
        executed: iterations that really ran.
    """

    def __init__(
        self,
        session: Replayer | Resumer,
        entry: Entry,
        call: LoopCall,
        number: int,
        frame: types.FrameType,
    ) -> None:
        self.session = session
        self.entry = entry
        self.call = call
        self.number = number
        self.items = ItemDriver(call.items, counted=self.counted)
        self.frame = frame
        self.mark: MainMark = session.recorded.mains[number]
        self.current: int | None = None
        self.executed = 0
        self.how = "raise"
        self._untouched = True

    @property
    def counted(self) -> bool:
        """Whether it is a `while` loop, whose items are the numbers of its turns."""
        return self.call.site is not None and self.call.site.kind == "while"

    def verify_start(self) -> None:
        """Hold what the script has prepared by itself against the recorded start of the loop."""
        mark = self.mark.boundaries.get(0)
        if mark is not None:
            self.session.end_states.verify(
                mark, self.entry, self.number, 0, self.frame, at_start=True
            )

    def segment(self, segment: Segment) -> LoopBody:
        """Execute a segment's iterations, after those that lead up to it."""
        self.reach(segment.start)
        head = segment.turns is not None and segment.turns[0] > 0  # another worker tells of it
        yield from self._iterations(segment.start, segment.stop, warm=head)

    def leave(self) -> LoopBody:
        """Bring about the state behind the loop, and leave it as the record did."""
        session, mark = self.session, self.mark
        end = mark.iterations
        has_else = self.entry.site is not None and self.entry.site.has_else
        if mark.how == "break" and not has_else and self.restore(end):
            self.how = "break"
            self._place_files()
            return
        if mark.how != "exhausted":
            self.reach(max(end - 1, 0))
            asked, session.warming = session.warming, True
            yield from self._iterations(self.current or 0, end)
            session.warming = asked
            # The iteration that left the loop does so again; coming here means that it did not.
            text = f"{self.entry.name} went on where the record left it by {mark.how}"
            session.warn("loop-diverged", text, index=end)
            return
        self.reach(end)
        yield from self._iterations(end, end)
        self._place_files()
        self.how = "exhausted"
        if self.counted:
            self.entry.index, self.entry.counts = end, {}
            yield end
        elif not self.call.finished:
            self._exhaust(end)

    def _place_files(self) -> None:
        """Bring about the files behind the loop, once nothing of it is going to be executed."""
        if self.session.jumped or self.executed < self.mark.iterations:
            self.session.place_left_files(self.number)

    def _exhaust(self, end: int) -> None:
        """Ask a driven iterator for the item that is not there, as the record did."""
        if not self.items.needs_driving(end):
            try:
                self.items.at(end)
            except NoSuchItem:
                return
            self.session.warn("loop-diverged", f"{self.entry.name} has more items than the record")

    def left(self, how: str) -> None:
        """Note that the script left the loop in the iteration under way."""
        self.how = how
        index = self.entry.index
        self.executed += 1
        self.current = None
        session = self.session
        session.warming = False
        position = session.position()
        session.append(iteration_record(position, self.number, index, 0.0, how))
        mark = self.mark.boundaries.get(index + 1)
        if index + 1 == self.mark.iterations:
            self._place_files()
        if mark is not None and index + 1 == self.mark.iterations and how in ("break", "return"):
            session.end_states.verify(mark, self.entry, self.number, index + 1, self.frame)

    def _iterations(self, start: int, stop: int, *, warm: bool = False) -> LoopBody:
        session = self.session
        assert self.current is not None
        warm_before, first = start, self.current
        asked = session.warming
        for index in range(first, stop):
            session.warming = asked or warm or index < warm_before
            self.entry.index, self.entry.counts = index, {}
            session.arrives(self.entry, self.frame)
            try:
                item = self.items.at(index)
            except NoSuchItem:
                session.warn("loop-diverged", f"{self.entry.name} ended before iteration {index}")
                return
            self._untouched = False
            started = now_s()
            yield item
            if self.call.finished:
                session.warn("loop-diverged", f"{self.entry.name} ended before iteration {index}")
                return
            self.executed += 1
            self._completed(index, now_s() - started)
        session.warming = asked

    def _completed(self, index: int, seconds: float) -> None:
        session = self.session
        position = session.position()
        session.append(iteration_record(position, self.number, index, seconds, None))
        self.current = index + 1
        mark = self.mark.boundaries.get(index + 1)
        if mark is not None:
            session.end_states.verify(mark, self.entry, self.number, index + 1, self.frame)
        session.completed(index)

    def reach(self, target: int) -> None:
        """Have the state of the nearest boundary at or before `target` live."""
        if self.current is not None and self.current <= target and not self._nearer(target):
            return
        for index in sorted((n for n in self.mark.boundaries if n <= target), reverse=True):
            if self.restore(index):
                return
        if not self._untouched:
            raise ReplayImpossible(f"no checkpoint at or before iteration {target} can be restored")
        # Nothing has run yet: what the script prepared by itself is the state of the start.
        if not self.session.plan.anew:
            text = f"{self.entry.name} starts from the script's own state"
            self.session.warn("not-restored", text)
        start = self.mark.boundaries.get(0)
        if start is not None:
            self.session.stored.restore_generators(start)
        self.current = 0

    def _nearer(self, target: int) -> bool:
        assert self.current is not None
        return any(
            self.current < index <= target and self._is_usable(mark, index)
            for index, mark in self.mark.boundaries.items()
        )

    def _is_usable(self, mark: CheckpointMark, index: int) -> bool:
        """Whether going on from a boundary is going on as the record did."""
        left = index == self.mark.iterations and self.mark.how in ("exhausted", "break")
        return (self.call.is_alone or index == 0 or left) and self.session.usable(mark, index)

    def restore(self, index: int) -> bool:
        """Make the state of a boundary live; False where that cannot be."""
        mark = self.mark.boundaries.get(index)
        if mark is None or not self._is_usable(mark, index):
            return False
        if self.current == index:
            return True
        session = self.session
        if self.items.needs_driving(index):
            start = self.mark.boundaries.get(0)
            # What was passed over cannot be gone back to.
            if start is None or not session.stored.can_restore(mark, self.entry, self.frame):
                return False
            if not session.stored.restore(start, self.entry, self.frame, after=False):
                return False
            self._untouched, self.current = False, None
            try:
                self._drive(index)
            except NoSuchItem:
                return False
        jumped = session.jumped
        if not session.stored.restore(mark, self.entry, self.frame, after=False):
            return False
        session.jumped = jumped or index > 0
        self._untouched = False
        self.current = index
        return True

    def _drive(self, index: int) -> None:
        """Pass over the items before `index`; nobody has asked for what their code logs."""
        session = self.session
        asked, session.warming = session.warming, True
        try:
            self.items.drive(index, self._at_item)
        finally:
            session.warming = asked

    def _at_item(self, index: int) -> None:
        self.entry.index, self.entry.counts = index, {}
