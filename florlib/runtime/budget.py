"""When a checkpoint is within the budget, and when one in the middle of a loop is worth its time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

# Credit that a run starts with, so that short runs get a checkpoint at every boundary and
# nested loop; from there on checkpoints cost at most the budget's share of the time.
INITIAL_CREDIT_S = 0.3
# Checkpoints that must remain affordable beside one within a loop: the loop's end, the boundary.
KEPT_FREE = 2
# Turns that take less are executed sooner than a replay's script has imported what it needs.
LEAST_SPACING_S = 1.0
ASK_EVERY_S = 1e-3  # asking costs half a microsecond: loops that turn faster ask less often
MOST_TURNS = 1 << 20  # between two questions


@dataclass(slots=True)
class Budget:
    """How much time checkpoints may hold training up.

    Attributes:
        share: of the run's time, 0.01 is 1 %.
        started_s: when the first main loop began.
        spent_s: time that checkpoints have taken so far.
        recent_s: what the last few took.
        last_s: when the last one was taken.
        first_s: what the very first took, which is not held against the budget.
    """

    share: float
    started_s: float
    spent_s: float = 0.0
    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    last_s: float = 0.0
    first_s: float = 0.0

    @property
    def expected_s(self) -> float:
        """What the next checkpoint is expected to take."""
        return median(self.recent_s) if self.recent_s else self.first_s

    def affords(self, now: float) -> bool:
        """Whether another checkpoint, as dear as the median of the last, is within the budget."""
        credit = INITIAL_CREDIT_S + self.share * (now - self.started_s)
        expected = self.expected_s if self.recent_s else 0.0
        return self.spent_s + expected <= credit

    def is_worth(self, now: float) -> bool:
        """Whether a checkpoint in the middle of a loop is.

        It is when as much time lies behind the last one as the budget asks for one checkpoint,
        and when those at the ends of the loop and of the iteration remain affordable.
        """
        if self.share >= 1:  # checkpoints may take longer than training: as many as can be
            return True
        expected = self.expected_s
        trained = now - self.started_s - self.first_s - self.spent_s
        enough = self.share * trained >= self.spent_s + (1 + KEPT_FREE) * expected
        return enough and now - self.last_s >= max(LEAST_SPACING_S, expected / self.share)

    def spend(self, began: float, seconds: float) -> None:
        """Note when a checkpoint began and what it took."""
        self.last_s = began + seconds
        self.spent_s += seconds
        self.recent_s.append(seconds)

    def note_first(self, began: float, seconds: float) -> None:
        """Note the first one: its cost (imports, first copies) tells nothing of the next."""
        self.last_s, self.first_s = began + seconds, seconds


class StepPace:
    """Before which turns of a nested loop a checkpoint is taken.

    Attributes:
        due: the turn before which the question is next asked; 0 for never.
    """

    __slots__ = ("_asked_s", "_budget", "_every", "due")

    def __init__(self, budget: Budget, now: float) -> None:
        self._budget = budget
        self._every = 1
        self._asked_s = now
        self.due = 1

    def asks(self, turn: int, now: float) -> bool:
        """Whether one is to be taken before this turn; sets when to ask again."""
        passed, self._asked_s = now - self._asked_s, now
        if passed < ASK_EVERY_S:
            self._every = min(2 * self._every, MOST_TURNS)
        elif self._every > 1:
            self._every = max(1, int(self._every * ASK_EVERY_S / passed))
        worth = self._budget.is_worth(now)
        if worth:
            self._every = 1
        self.due = turn + self._every
        return worth
