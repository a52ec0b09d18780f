"""`flor`, with the work of replays divided at random: `python -m tests.exactness.divided SEED WORDS…`.

Parts begin wherever a checkpoint is that can be restored, and are as long as chance has it.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator, Sequence

from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import BlockMark, MainMark
from florlib.hindsight import division, planner
from florlib.hindsight.cost import Cost


class Division:
    """Divides at random; nothing of it is in the globals of a module, which a fork would inherit.

    Args:
        seed: of the chance.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._share = self._chance.random()

    def divide(
        self, plan: Plan, mains: Sequence[MainMark], cost: Cost, workers: int
    ) -> tuple[Segment, ...]:
        """Parts of the segments of a plan."""
        return tuple(part for one in plan.segments for part in self._parts(plan, mains, one))

    def _cuts(self) -> bool:
        return self._chance.random() < self._share

    def _parts(self, plan: Plan, mains: Sequence[MainMark], segment: Segment) -> Iterator[Segment]:
        mark, start = mains[segment.main], segment.start
        for index in range(segment.start, segment.stop):
            begins = index > start and division.can_begin(plan, mark.boundaries.get(index))
            if begins and self._cuts():
                yield Segment(segment.main, start, index)
                start = index
            block = division.divisible(plan, mark, index)
            if block is not None and start == index and self._cuts():
                yield from self._within(plan, segment.main, index, block)
                start = index + 1
        if start < segment.stop:
            yield Segment(segment.main, start, segment.stop)

    def _within(self, plan: Plan, main: int, index: int, block: BlockMark) -> Iterator[Segment]:
        inner = [turn for turn in division.entries(plan, block) if turn < block.iterations]
        cuts = [0, *(turn for turn in inner if self._cuts()), block.iterations]
        for first, behind in itertools.pairwise(cuts):
            yield Segment(main, index, index + 1, (first, behind) if len(cuts) > 2 else None)


def install(seed: int) -> None:
    """Have the work of replays in this process divided at random."""
    planner.divide = Division(seed).divide


if __name__ == "__main__":
    install(int(sys.argv[1]))
    sys.argv[:] = ["flor", *sys.argv[2:]]
    from florctl.cli.app import main

    sys.exit(main())
