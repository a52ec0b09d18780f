"""Before which turns of a loop it is asked whether anything is due, so that most need no clock."""

from __future__ import annotations

import sys

from florlib.runtime.budget import Budget
from florlib.runtime.slowdown import Usual

ASK_EVERY_S = 5e-3  # asking costs some microseconds: loops that turn faster ask less often
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
        self._every = 1
        self.turn = 0
        self._since_s = now
        self._stall_s = budget.stall_s
        self.due = 1

    def go_on(self, turn: int, now: float) -> None:
        """Begin with a later turn than the first."""
        self.turn, self.due = turn, turn + 1
        self._since_s, self._stall_s = now, self._budget.stall_s

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
        if self._budget.is_ample:
            return 1
        fitting = int(turns * ASK_EVERY_S / passed_s) if passed_s > 0 else MOST_TURNS
        self._every = max(1, min(2 * self._every, fitting, MOST_TURNS))
        return self._every
