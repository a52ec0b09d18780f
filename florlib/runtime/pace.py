"""Before which turns of a loop it is asked whether anything is due, so that most need no clock."""

from __future__ import annotations

import sys

from florlib.runtime.budget import Budget
from florlib.runtime.slowdown import Usual

# Asking costs 6 microseconds in a tight loop, and ten times that between steps that fill the caches
# with their own things: loops that turn faster ask less often.
ASK_EVERY_S = 50e-3
ASK_BESIDE_WRITES_S = 5e-3  # so that many stretches beside one can be compared with the others
MOST_TURNS = 1 << 20  # between two questions
NEVER = sys.maxsize


class Pace:
    """How often one execution of a loop asks.

    Args:
        budget: told how long the turns take.
        usual: of the loop.
        now: the time as the loop begins.

    Attributes:
        due: the turn before which it asks next; whoever sets it to 0, on any thread, has it ask
            before the next one.
        turn: the one before which it asked last.
    """

    __slots__ = ("_budget", "_every", "_since_s", "_stall_s", "_usual", "due", "turn")

    def __init__(self, budget: Budget, usual: Usual, now: float) -> None:
        self._budget = budget
        self._usual = usual
        self.turn = 0
        self._since_s = now
        self._stall_s = budget.stall_s
        # As the slowest turns were: it must not take long to find out that they are slow again.
        self.due = self._every = self._fitting(usual.slowest_s, 1) if usual.quiet_s else 1

    def go_on(self, turn: int, now: float) -> None:
        """Begin with a later turn than the first."""
        self.turn, self.due = turn, turn + 1
        self._since_s, self._stall_s = now, self._budget.stall_s

    def taken(self) -> None:
        """A checkpoint was taken before the turn that was asked about last."""
        if self._budget.is_writing:
            self._every = max(1, int(self._every * ASK_BESIDE_WRITES_S / ASK_EVERY_S))
            self.due = min(self.due, self.turn + self._every)

    def since(self, now: float) -> float:
        """Seconds since the last question, stalls apart."""
        return now - self._since_s - (self._budget.stall_s - self._stall_s)

    def passed(self, turn: int, now: float, *, alone: bool = True) -> float:
        """Seconds that the turns since the last question took, stalls apart; sets the next one.

        Args:
            turn: the one that is to come.
            now: the time.
            alone: no other training loop ran inside, so that the turns can be compared.
        """
        began, seconds, turns = self._since_s, self.since(now), turn - self.turn
        self.due = turn + self._next(now - began, turns)
        self.turn, self._since_s, self._stall_s = turn, now, self._budget.stall_s
        if alone and turns:
            self._budget.turned(self._usual, began, seconds, turns)
        return seconds

    def _next(self, passed_s: float, turns: int) -> int:
        """Turns until the next question."""
        fitting = self._fitting(passed_s, turns)
        self._every = fitting if fitting == 1 else min(2 * self._every, fitting)
        return self._every

    def _fitting(self, passed_s: float, turns: int) -> int:
        """Turns between two questions, where so many have taken so many seconds."""
        if self._budget.is_ample:
            return 1
        every_s = ASK_BESIDE_WRITES_S if self._budget.is_writing else ASK_EVERY_S
        fitting = int(turns * every_s / passed_s) if passed_s > 0 else MOST_TURNS
        return max(1, min(fitting, MOST_TURNS))
