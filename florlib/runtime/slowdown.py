"""How much slower the script's turns are while a checkpoint is being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from math import hypot, sqrt
from statistics import median

WINDOW = 64  # quiet stretches that tell how long a turn usually takes
LEAST = 8  # stretches, for their median to mean something
MAD_TO_DEVIATION = 1.4826  # of a normal distribution, from its median distance to the median
MEDIAN_ERROR = 1.2533  # of a normal distribution: that of the median, in errors of the mean
NOISE_DEVIATIONS = 2.0  # a difference below it is noise


@dataclass(slots=True, eq=False)
class Usual:
    """What a turn of one loop takes, with and without a checkpoint on its way.

    A stretch is some turns in a row: one, or as many as a millisecond or so holds.

    Attributes:
        quiet_s: seconds a turn, of the last stretches without one.
        busy_s: likewise of those with one, since the last measurement.
        turns, seconds: of all of these together.
    """

    quiet_s: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    busy_s: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    turns: int = 0
    seconds: float = 0.0

    @property
    def slowest_s(self) -> float:
        """Seconds a turn, of the slowest of the last quiet stretches; 0.0 before there is one."""
        return max(self.quiet_s, default=0.0)

    def excess(self, window_s: float) -> tuple[float, float]:
        """(seconds that the busy stretches took beyond the usual, how much of it may be noise).

        Turns that take very long now and then must not be laid at the writer's door: many
        stretches are compared by their medians, few have to be beyond all that is usual.

        Args:
            window_s: from the start of the writing to its end.
        """
        typical_s = median(self.quiet_s)
        spread_s = MAD_TO_DEVIATION * median([abs(one - typical_s) for one in self.quiet_s])
        if len(self.busy_s) >= LEAST:
            busy_s = median(self.busy_s)
            turns = min(self.seconds, window_s) / busy_s if busy_s > 0 else 0.0
            error_s = MEDIAN_ERROR * spread_s / sqrt(len(self.busy_s))
            return turns * (busy_s - typical_s), turns * error_s
        excess_s = self.seconds - self.turns * typical_s
        if max(self.busy_s) <= max(self.quiet_s):
            return excess_s, abs(excess_s)
        return excess_s, self.turns * spread_s / sqrt(len(self.busy_s))

    def forget(self) -> None:
        """Begin the next measurement."""
        self.busy_s.clear()
        self.turns, self.seconds = 0, 0.0


class SlowDown:
    """Compares stretches that overlap a write with those of the same loop that do not."""

    def __init__(self) -> None:
        self._usual: dict[Hashable, Usual] = {}
        self._busy: list[Usual] = []

    def usual(self, loop: Hashable) -> Usual:
        """What is known of a loop, over all its executions."""
        found = self._usual.get(loop)
        if found is None:
            found = self._usual[loop] = Usual()
        return found

    def note(self, usual: Usual, seconds: float, turns: int, *, busy: bool) -> None:
        """Take in a stretch of turns.

        Args:
            usual: of their loop.
            seconds: that they took.
            turns: how many they are.
            busy: whether a checkpoint was being written meanwhile.
        """
        if not busy:
            usual.quiet_s.append(seconds / turns)
            return
        if not usual.turns:
            self._busy.append(usual)
        usual.busy_s.append(seconds / turns)
        usual.seconds += seconds
        usual.turns += turns

    def measure(self, window_s: float, by_cpu_s: float) -> float:
        """Seconds by which the busy stretches since the last measurement were slower.

        Where that is within the noise, and for the part of the window that no stretch covers,
        the processor time of the writer stands in. It never exceeds the window.

        Args:
            window_s: from the start of the writing to its end.
            by_cpu_s: processor time of the writer that training could have had.
        """
        excess_s = covered_s = noise_s = 0.0
        for usual in self._busy:
            if len(usual.quiet_s) >= LEAST:
                more_s, uncertain_s = usual.excess(window_s)
                excess_s += more_s
                noise_s = hypot(noise_s, uncertain_s)
                covered_s += usual.seconds
            usual.forget()
        self._busy.clear()
        if window_s <= 0 or abs(excess_s) < NOISE_DEVIATIONS * noise_s:
            return by_cpu_s
        uncovered = max(0.0, 1 - covered_s / window_s)
        return min(max(excess_s, 0.0), window_s) + uncovered * by_cpu_s
