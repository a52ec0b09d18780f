"""Where a logged value stands on the x axis of a plot: by iteration, by step, or by time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import accumulate
from pathlib import Path

from florlib.ground.errors import UsageError
from florlib.ground.layout import RunLayout
from florlib.stores.catalog.rows import RunDetails, RunRow, ValueRow
from florlib.stores.journal import read_journal

_UNITS = ((7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))


class Axis(str, Enum):
    """What stands on the x axis."""

    iteration = "iteration"
    step = "step"
    time = "time"


class Course:
    """The iterations of a run's main loops in a row, and where values stand among them.

    Args:
        run: of which it is.
        details: of that run.
        rows: values of it, in the order of execution; of one name.
    """

    def __init__(self, run: RunRow, details: RunDetails, rows: Sequence[ValueRow]) -> None:
        self._run = run
        counts = {loop.name: loop.iterations for loop in details.loops if loop.kind == "main"}
        self._turns: dict[int, int] = {}
        for row in rows:
            if row.position:
                loop, index = row.position[0]
                counts[loop] = max(counts.get(loop, 0), index + 1)
        ends = list(accumulate(counts.values(), initial=0))
        self._first = dict(zip(counts, ends, strict=False))
        self._length = ends[-1]
        self._loops = list(counts)
        for row in rows:
            if len(row.position) > 1:
                at = self._number(row)
                self._turns[at] = max(self._turns.get(at, 0), row.position[-1][1] + 1)
        nested = max((one.iterations for one in details.loops if one.kind == "nested"), default=0)
        self._mean_turns = nested / self._length if self._length else 0.0

    def _number(self, row: ValueRow) -> int:
        loop, index = row.position[0]
        return self._first[loop] + index

    @property
    def loop(self) -> str:
        """What an iteration is called: by its loop, where there is but one."""
        return self._loops[0] if len(self._loops) == 1 else "iteration"

    def iterations(self, rows: Sequence[ValueRow]) -> list[float]:
        """The iteration of each value, with the share of it that had passed where it is nested."""
        return [self._number(row) + self._share(row) if row.position else 0.0 for row in rows]

    def steps(self, rows: Sequence[ValueRow]) -> list[float]:
        """How many turns of nested loops went before each value; one beside them stands behind."""
        if not self._turns and not self._mean_turns:
            return self.iterations(rows)
        most = max(self._turns.values(), default=0)
        turns = [self._turns.get(at, most or self._mean_turns) for at in range(self._length)]
        before = list(accumulate(turns, initial=0.0))
        found = []
        for row in rows:
            if not row.position:
                found.append(0.0)
            elif len(row.position) == 1:
                found.append(before[self._number(row) + 1])
            else:
                found.append(before[self._number(row)] + row.position[-1][1])
        return found

    def times_s(self, rows: Sequence[ValueRow], home: Path) -> list[float]:
        """The training time that had passed at each value; one beside nested loops stands at the end.

        Within an iteration it is spread evenly: only whole iterations are timed.

        Raises:
            UsageError: the run has no times.
        """
        lasted = self._lasted_s(RunLayout(home / self._run.folder))
        mean_s = sum(lasted.values()) / len(lasted)
        ends = list(accumulate((lasted.get(at, mean_s) for at in range(self._length)), initial=0.0))
        found = []
        for row in rows:
            at = self._number(row) if row.position else 0
            share = 0.0 if not row.position else self._share(row) if len(row.position) > 1 else 1.0
            found.append(ends[at] + share * (ends[at + 1] - ends[at]))
        return found

    def _share(self, row: ValueRow) -> float:
        """The share of its iteration's turns that went before a value."""
        if len(row.position) < 2:
            return 0.0
        most = max(self._turns.values())
        return row.position[-1][1] / max(most, 1)

    def _lasted_s(self, layout: RunLayout) -> dict[int, float]:
        found: dict[int, float] = {}
        for path in reversed(layout.journals()):  # those of the lowest rank come last, and stay
            for record in read_journal(path).records:
                if record["kind"] == "iteration" and record["position"]:
                    loop, index = record["position"][0]
                    if loop in self._first:
                        found[self._first[loop] + index] = float(record["seconds"])
        if not found:
            label = f"{self._run.name}@{self._run.ordinal}"
            raise UsageError(
                f"no iteration of {label} was timed", hint="flor log plot @ loss --x iteration"
            )
        return found


def unit_of(longest_s: float) -> tuple[float, str]:
    """The seconds of a unit in which times up to this are read with ease, and its sign.

    >>> unit_of(5000.0)
    (60.0, 'min')
    """
    return next((seconds, sign) for least, seconds, sign in _UNITS if longest_s >= least)
