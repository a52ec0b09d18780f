"""The budget of checkpoints: a bucket of credit that training fills and checkpoints empty.

What a checkpoint costs is how long it held the loop up, and how much slower the turns were while
it was written (`slowdown.py`). The rule and its reasons: docs/decisions/0005-measured-budget.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import sqrt

from florlib.ground.reach import REACH_S
from florlib.runtime.slowdown import SlowDown, Usual

HEAD_START_S = 2.0  # of training, whose share is the first credit: 20 ms at 1 %
MOST_CREDIT_S = 600.0  # of training: a long quiet stretch must not license a burst
LEAST_SPACING_S = 1.0  # turns that take less are executed before a replay has imported torch
EXPECTED_SEEKS = 10  # questions about a run, each of which executes half a spacing
KEPT_FREE = 2  # checkpoints that one within a loop leaves affordable: the loop's end, the boundary
SKIPPED_S = 0.05  # after a checkpoint that found no room, until the next is tried
FIRST_SHARE = 0.1  # of what the first took: first looks, copies and imports do not come again
COPY_BYTES_S = 5e9  # a third of what a memory copy does
NEW_MEMORY_BYTES_S = (
    COPY_BYTES_S / 7
)  # of a copy into memory that was not written before (arena.py)
WEIGHT = 0.25  # of the newest checkpoint in what the next is expected to cost


@dataclass(slots=True)
class Cost:
    """What the next checkpoint is expected to cost, from those before.

    Attributes:
        mean_s: exponentially weighted mean.
        deviation_s: likewise of the distances from it; it makes the expectation a careful one.
        is_guess: nothing was measured yet, beyond the very first.
    """

    mean_s: float = 0.0
    deviation_s: float = 0.0
    is_guess: bool = True

    @property
    def expected_s(self) -> float:
        """More than the next is likely to cost."""
        return self.mean_s + self.deviation_s

    def guess(self, first_s: float, size: int) -> None:
        """Begin with a part of what the first has cost, or with what its bytes take to copy."""
        self.mean_s = min(first_s, max(FIRST_SHARE * first_s, size / COPY_BYTES_S))

    def note(self, seconds: float) -> None:
        """Take in what one has cost."""
        if self.is_guess:
            self.mean_s, self.deviation_s, self.is_guess = seconds, seconds / 4, False
            return
        self.deviation_s += WEIGHT * (abs(seconds - self.mean_s) - self.deviation_s)
        self.mean_s += WEIGHT * (seconds - self.mean_s)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A checkpoint that is being written, or whose cost is not yet known.

    Attributes:
        at_s: how long training had gone on.
        stall_s: how long the loop was held up.
        charged_s: what was taken from the credit; None of the very first, which is free.
        is_near: no nested loop lies before it that a replay would have to run.
    """

    at_s: float
    stall_s: float
    charged_s: float | None
    is_near: bool


class Budget:
    """How much time checkpoints may cost, and what they have cost.

    The sum of the costs stays below the share of training time and of the head start, but for
    the very first checkpoint and for what a last one costs beyond expectation. All methods but
    `written` belong to the thread that trains.

    Args:
        share: of training time, 0.01 is 1 %; from 1 on everything is affordable.
        busy: the share of the machine's cores that is in use, since it was last asked.

    Attributes:
        stall_s: how long the loop was held up, in all: by checkpoints, and by following it.
        slowed_s: how much slower the turns beside the writer were, in all.
        trained_s: time in main loops, without the stalls.
        cost: what the next checkpoint is expected to cost.
        is_fresh: none was taken yet; the very first is taken in any case.
        is_urgent: the run is about to leave: the next boundary is taken in any case.
    """

    def __init__(self, share: float, busy: Callable[[], float]) -> None:
        self.share = share
        self.is_ample = share >= 1
        self.is_fresh = True
        self.is_urgent = False
        self.stall_s = self.slowed_s = self.trained_s = 0.0
        self.cost = Cost()
        self._slow_down = SlowDown()
        self._busy = busy
        self._credit_s = share * HEAD_START_S
        self._at_s: float | None = None  # up to when credit was added; None outside of main loops
        self._last_s: dict[str, float] = {}  # by role
        self._tried_s = float("-inf")
        self._written: deque[tuple[float, float, bool]] = deque()  # by the writer's thread
        self._clock_s = 0.0  # the writer's
        self._under_way: deque[_Taken] = deque()
        self._unsettled: list[_Taken] = []
        self._cpu_s = self._began_s = self._ended_s = 0.0
        self._reached_s = self._longest_s = self._window_s = 0.0
        self._holds_blocks = False  # the main loop has nested ones
        self._gap = False  # behind the last boundary one has ended without a checkpoint
        self._gap_closes = False  # and a later one with a checkpoint

    # ------------------------------------------------------------------ time

    def begin(self, now: float) -> None:
        """A main loop begins: time counts."""
        self._at_s = now
        self._holds_blocks = False

    def end(self, now: float) -> None:
        """A main loop has ended: time does not count."""
        self.settle()
        self._pass(now)
        self._at_s = None

    @property
    def is_writing(self) -> bool:
        """Whether a checkpoint is on its way to the disk."""
        return len(self._under_way) > len(self._written)

    @property
    def longest_s(self) -> float:
        """The most training between two published checkpoints, or behind the last.

        Those behind a gap do not count: a replay gets there by running what the gap holds.
        """
        self._hear()
        return max(self._longest_s, self.trained_s - self._reached_s)

    def usual(self, loop: Hashable) -> Usual:
        """What turns of a loop usually take."""
        return self._slow_down.usual(loop)

    def turned(self, usual: Usual, began: float, seconds: float, turns: int) -> None:
        """Note turns of a loop that has no other inside.

        Args:
            usual: of the loop.
            began: when the first of them did.
            seconds: that they took, without stalls.
            turns: how many.
        """
        self._hear()
        overlaps = bool(self._under_way) or (bool(self._unsettled) and began < self._ended_s)
        self._slow_down.note(usual, seconds, turns, busy=overlaps)
        self.settle()

    def _pass(self, now: float) -> None:
        if self._at_s is None or now <= self._at_s:
            return
        passed, self._at_s = now - self._at_s, now
        self.trained_s += passed
        most = max(self.share * MOST_CREDIT_S, (1 + KEPT_FREE) * self.cost.expected_s)
        self._credit_s = min(most, self._credit_s + self.share * passed)

    # ------------------------------------------------------------------ deciding

    def affords(self, now: float) -> bool:
        """Whether the credit covers another checkpoint."""
        return self._covers(1, now)

    def affords_memory(self, size: int) -> bool:
        """Whether the credit covers another checkpoint with so many bytes copied into new memory."""
        return self._credit_s >= self.cost.expected_s + size / NEW_MEMORY_BYTES_S

    def wants(
        self, role: str, now: float, *, last: bool = False, left_s: float | None = None
    ) -> bool:
        """Whether a checkpoint is worth taking here.

        Args:
            role: "boundary", "block" or "step".
            now: the time.
            last: a loop ends, and no other of its checkpoints follows.
            left_s: until the loop ends whose step it is, where that is known.
        """
        if self.is_ample or self.is_fresh or (self.is_urgent and role == "boundary"):
            return True
        if now < self._tried_s + SKIPPED_S:
            return False
        if not self._covers(self._needed(role, last=last), now):
            return False
        if role == "step":
            # What is being written as the loop ends keeps its end from being taken.
            if left_s is not None and left_s < max(LEAST_SPACING_S, self._window_s):
                return False
            before = max(self._last_s.values(), default=float("-inf"))
            return now - before >= max(LEAST_SPACING_S, self._spacing_s())
        before = self._last_s.get(role, float("-inf"))
        return last or now - before >= min(LEAST_SPACING_S, self._spacing_s())

    def _needed(self, role: str, *, last: bool) -> int:
        """How many checkpoints must be affordable, so that those that matter more stay so.

        A replay passes the iterations behind a boundary as long as their nested loops have ends to
        restore. So the end of the next loop comes before a boundary; once one is missing, only
        an end and the boundary behind it are of use, together.
        """
        if role == "step":
            return 1 + KEPT_FREE
        if role == "block":
            return 2 if self._gap else 1
        return 2 if self._holds_blocks and not self._gap_closes and not last else 1

    def _covers(self, checkpoints: int, now: float) -> bool:
        if self.is_ample or self.is_fresh or self.is_urgent:
            return True
        self.settle()
        self._pass(now)
        return self.share > 0 and self._credit_s >= checkpoints * self.cost.expected_s

    def _spacing_s(self) -> float:
        """Where another checkpoint costs as much as it saves the expected questions.

        That is Young's rule for periodic checkpoints with questions in the place of failures, for
        a run that has gone on for as long as it will.
        """
        best = sqrt(2 * self.cost.expected_s * self.trained_s / EXPECTED_SEEKS)
        return min(best, REACH_S)

    # ------------------------------------------------------------------ paying

    def spend(self, role: str, began: float, stall_s: float, size: int = 0) -> None:
        """Pay for a checkpoint, before it goes to the writer.

        Args:
            role: "boundary", "block" or "step".
            began: when it began to hold the loop up.
            stall_s: for how long.
            size: of the copies that were made [bytes], where that is known.
        """
        self._hear()
        is_first = self._hold_up(began, stall_s)
        charged_s = None
        if is_first:
            self.cost.guess(stall_s, size)
        else:
            charged_s = max(stall_s, self.cost.expected_s)
            self._credit_s -= charged_s
        if not self._under_way:
            self.settle()
            self._began_s = began + stall_s
        self._last_s[role] = began + stall_s
        if role == "boundary":
            self._gap = self._gap_closes = False
        self._under_way.append(_Taken(self.trained_s, stall_s, charged_s, not self._gap))

    def block_ended(self, *, taken: bool) -> None:
        """Note whether the end of a nested loop has a checkpoint."""
        self._holds_blocks = True
        self._gap_closes = self._gap_closes or (self._gap and taken)
        self._gap = self._gap or not taken

    def looked(self, began: float, ended: float) -> None:
        """Pay for the time in which the loop was followed, and no checkpoint taken."""
        self._pass(began)
        self.stall_s += ended - began
        self._credit_s -= ended - began
        if self._at_s is not None:
            self._at_s = ended

    def waste(self, began: float, stall_s: float) -> None:
        """Pay for an attempt that came to nothing."""
        self._hold_up(began, stall_s)
        self._credit_s -= stall_s
        self._tried_s = began + stall_s

    def skipped(self, now: float) -> None:
        """A checkpoint found no room, and was not taken."""
        self._tried_s = now

    def written(self, ended: float, clock_s: float, published: bool) -> None:
        """The oldest checkpoint under way has been dealt with; called on the writer's thread.

        Args:
            ended: when.
            clock_s: processor time that the thread has used since it began.
            published: whether it is there.
        """
        passed = clock_s - self._clock_s
        self._clock_s = clock_s
        self._written.append((ended, passed if passed >= 0 else clock_s, published))

    def _hold_up(self, began: float, stall_s: float) -> bool:
        """Note a stall; whether it was the very first."""
        was_fresh, self.is_fresh = self.is_fresh, False
        self._pass(began)
        self.stall_s += stall_s
        if self._at_s is not None:
            self._at_s = began + stall_s
        return was_fresh

    def _hear(self) -> None:
        """Take in what the writer's thread has told."""
        while self._written and self._under_way:
            self._ended_s, cpu_s, published = self._written.popleft()
            self._cpu_s += cpu_s
            taken = self._under_way.popleft()
            self._unsettled.append(taken)
            if published and taken.is_near:
                self._longest_s = max(self._longest_s, taken.at_s - self._reached_s)
                self._reached_s = taken.at_s

    def settle(self) -> None:
        """Charge what checkpoints really cost, once none is under way."""
        self._hear()
        if self._under_way or not self._unsettled:
            return
        self._window_s = self._ended_s - self._began_s
        slowed_s = self._slow_down.measure(self._window_s, self._cpu_s * self._busy())
        self.slowed_s += slowed_s
        self._credit_s -= self.share * slowed_s  # what was slower is not training
        for taken in self._unsettled:
            cost_s = taken.stall_s + slowed_s / len(self._unsettled)
            if taken.charged_s is not None:
                self._credit_s += taken.charged_s - cost_s
                self.cost.note(cost_s)
        self._unsettled.clear()
        self._cpu_s = 0.0
