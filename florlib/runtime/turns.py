"""Between the turns of a main loop that is being recorded: what is told of them, and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from florlib.runtime.budget import Budget
from florlib.runtime.guard import guarded
from florlib.runtime.marks import iteration_record, overhead_record
from florlib.runtime.pace import Pace
from florlib.runtime.session import Entry, Session, now_s

TELL_EVERY_S = 0.05  # a record and a write take tens of microseconds: shorter turns share them
TELL_COSTS_EVERY_S = 10.0  # for runs that are killed; the others tell at the end of each main loop

_SIZED = (list, range, str, tuple)  # of others, the length may be code of the script's


class MainTurns:
    """Follows one main loop from turn to turn, at those that its pace names.

    Args:
        session: that records.
        entry: the loop.
        main: its number among the main loops.
        pace: says when to call `reach`.
        budget: decides whether a checkpoint is worth its time.
        note: writes down what else has become known, as a record is written.
        take: takes a checkpoint before a turn.
        passed: is called behind that, where the loop goes on.
    """

    def __init__(
        self,
        session: Session,
        entry: Entry,
        main: int,
        pace: Pace,
        budget: Budget,
        note: Callable[[], None],
        take: Callable[[int], None],
        passed: Callable[[], None],
    ) -> None:
        self._total: int | None = None
        self._session = session
        self._entry = entry
        self._outer = session.position()[: session.path.index(entry)]
        self._main = main
        self._pace = pace
        self._budget = budget
        self._note = note
        self._take = take
        self._passed = passed
        self._told = 0  # turns
        self._told_s = self._costs_told_s = now_s()
        self._seconds = 0.0  # of those that are not told yet
        self._writes = -1

    def begin(self) -> None:
        """Take the checkpoint before the first turn."""
        self._look_at_files()
        if self._budget.wants("boundary", now_s(), last=True):
            self._take(0)

    def go_on(self, turn: int, total: int | None) -> None:
        """Begin with a later turn than the first, before which there is a checkpoint already.

        Args:
            turn: the one that is to come.
            total: how many there are, if that is known.
        """
        self._total, self._told = total, turn
        self.go_on_within(0.0)

    def go_on_within(self, seconds: float) -> None:
        """Begin in the middle of the turn that is to come, which has taken so many seconds."""
        self._told_s, self._seconds = now_s(), seconds
        self._pace.go_on(self._told, self._told_s)

    @property
    def seconds(self) -> float:
        """What the turns took that are not told of yet, up to now."""
        return self._seconds + self._pace.since(now_s())

    def goes_over(self, items: Any) -> None:
        """Know how many turns there are, if that is known of what the loop goes over."""
        self._total = len(items) if type(items) in _SIZED else None

    def reach(self, turn: int, *, left: str | None = None) -> None:
        """Tell of the turns before this one, where it is time, and take a checkpoint that is wanted.

        Args:
            turn: the one that is to come.
            left: how the last one left the loop early: "break" or "return".
        """
        if self._session.active:
            with guarded("follow the turns of a loop"):
                self._reach(turn, left)

    def _reach(self, turn: int, left: str | None) -> None:
        now = now_s()
        self._seconds += self._pace.passed(turn, now, alone=not self._entry.holds)
        is_last = left is not None or turn == self._total
        wanted = self._budget.wants("boundary", now, last=is_last)
        tells = wanted or is_last or now - self._told_s >= TELL_EVERY_S
        if tells:
            self._tell(turn, now, left)
        if self._total is not None and turn < self._total:
            self._pace.due = min(self._pace.due, self._total)
        self._look_at_files()
        self._budget.looked(now, now_s())
        if wanted:
            self._take(turn)
            self._pace.taken()
        if tells:  # the flusher wants the interpreter, as the checkpoint did
            self._session.flush_soon()
        if left is None:
            self._passed()

    def end(self, turn: int) -> None:
        """Tell of what is left to tell.

        Args:
            turn: the one that did not come to its end.
        """
        if self._session.active:
            with guarded("follow the turns of a loop"):
                now = now_s()
                if turn > self._pace.turn:
                    self._seconds += self._pace.passed(turn, now, alone=not self._entry.holds)
                self._tell(turn, now, None)
                self._session.flush_soon()

    def _tell(self, turn: int, now: float, left: str | None) -> None:
        session, turns = self._session, turn - self._told
        if turns > 0:
            position = (*self._outer, (self._entry.name, turn - 1))
            session.append(
                iteration_record(position, self._main, turn - 1, self._seconds, left, turns)
            )
        if now - self._costs_told_s >= TELL_COSTS_EVERY_S:
            self._costs_told_s = now
            session.append(overhead_record(self._budget))
        self._note()
        self._told, self._told_s, self._seconds = turn, now, 0.0

    def _look_at_files(self) -> None:
        files = self._session.files
        if files is None:
            return
        if files.writes != self._writes:  # else none is open now that was not before
            self._writes = files.writes
            files.hold_open()
        news = files.news()
        if news is not None:
            self._session.append(news)
