"""Dividing the work of a replay into parts, which several workers take on one after the other.

A part begins at a checkpoint, so that it can be entered: at a boundary of the main loop, or within
an iteration that is too long for one worker. The first parts are long and the last ones short
(guided self-scheduling: Polychronopoulos and Kuck, 1987): few checkpoints are restored, and yet no
worker is left with much when the others have ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from florlib.ground.pieces import Piece
from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import BlockMark, CheckpointMark, MainMark, RecordedProcess
from florlib.hindsight.cost import Cost

_SHARE = 2  # a part is what is left, over so many times the workers
_RESTORES = 8  # and no shorter than so many times what it takes to reach it


def undivided(plan: Plan, processes: Sequence[RecordedProcess]) -> str | None:
    """Why the work of a plan cannot be divided, in words; None where it can."""
    if len(processes) > 1:
        return "the run has several processes, which belong together"
    if plan.anew:
        return "all is executed from the start of the script"
    if plan.carries:
        return f"`{plan.carries[0]}` goes on from iteration to iteration"
    if plan.files:
        return "the answer depends on files that the run wrote meanwhile"
    if plan.turns is not None:
        return "steps are asked for, which are reached one after the other"
    if any(mark.how == "raise" for process in processes for mark in process.mains):
        return "an error left a main loop"
    return None


def divide(plan: Plan, mains: Sequence[MainMark], cost: Cost, workers: int) -> tuple[Segment, ...]:
    """Divide the segments of a plan into parts.

    Args:
        plan: what is to be executed.
        mains: of the run.
        cost: of the iterations.
        workers: how many there will be.
    """
    division = _Division(plan, mains, cost, workers)
    return tuple(part for segment in plan.segments for part in division.parts(segment))


def can_begin(plan: Plan, mark: CheckpointMark | None) -> bool:
    """Whether a part may begin at a checkpoint; not where workers of a DataLoader were under way,
    and nested loops are run."""
    deep = plan.everything or bool(plan.step)
    return mark is not None and mark.complete and not (mark.workers and deep)


def divisible(plan: Plan, mark: MainMark, index: int) -> BlockMark | None:
    """The one nested loop of an iteration that is run, where it has checkpoints to begin at."""
    if not can_begin(plan, mark.boundaries.get(index)):
        return None
    run = [
        block
        for (position, _), block in mark.blocks.items()
        if (mark.name, index) in position
        and (plan.everything or (block.path, block.ordinal) in plan.step)
    ]
    if len(run) != 1 or (run[0].path, run[0].ordinal) not in mark.innermost:
        return None
    return run[0] if entries(plan, run[0]) else None


def entries(plan: Plan, block: BlockMark) -> list[int]:
    """The turns of a nested loop at which a part may begin, but for the first."""
    steps = block.steps.items()
    return sorted(turn for turn, mark in steps if can_begin(plan, mark) and 0 < turn)


@dataclass(slots=True)
class _Division:
    plan: Plan
    mains: Sequence[MainMark]
    cost: Cost
    workers: int
    left_s: float = 0.0

    def __post_init__(self) -> None:
        self.left_s = sum(self.cost.part_s(segment) for segment in self.plan.segments)

    def parts(self, segment: Segment) -> Iterator[Segment]:
        """The parts of a segment, in order; what is left becomes less with each."""
        main, start = segment.main, segment.start
        mark, length_s = self.mains[main], 0.0
        for index in range(segment.start, segment.stop):
            turn_s = self.cost.turns.get((main, index), 0.0)
            wanted_s = self._wanted_s(main, start)
            block = divisible(self.plan, mark, index) if turn_s > wanted_s else None
            begins = index > start and can_begin(self.plan, mark.boundaries.get(index))
            if begins and (length_s >= wanted_s or block is not None):
                yield self._took(Segment(main, start, index), length_s)
                start, length_s = index, 0.0
            if block is not None and start == index:
                yield from self._within(main, index, block, turn_s)
                start = index + 1
            else:
                length_s += turn_s
        if start < segment.stop:
            yield self._took(Segment(main, start, segment.stop), length_s)

    def _within(self, main: int, index: int, block: BlockMark, turn_s: float) -> Iterator[Segment]:
        """The parts of an iteration, in turns of its nested loop."""
        one_s = turn_s / max(block.iterations, 1)
        start = 0
        for turn in entries(self.plan, block):
            length_s = (turn - start) * one_s
            if length_s >= self._wanted_s(main, index) and turn < block.iterations:
                yield self._took(Segment(main, index, index + 1, (start, turn)), length_s)
                start = turn
        rest_s = (block.iterations - start) * one_s
        turns = None if start == 0 else (start, block.iterations)
        yield self._took(Segment(main, index, index + 1, turns), rest_s)

    def _wanted_s(self, main: int, index: int) -> float:
        entry_s = self.cost.entry_s(Segment(main, index, index))
        return max(self.left_s / (_SHARE * self.workers), _RESTORES * entry_s)

    def _took(self, part: Segment, seconds: float) -> Segment:
        self.left_s -= seconds
        return part


def beforehand(free: Sequence[Piece], workers: int, cost: Cost) -> tuple[Piece, ...]:
    """What the first of so many workers is given of pieces that nobody has.

    Args:
        free: in the order of the run.
        workers: that share them, each of which does what follows on that of the one before.
        cost: of the replay.

    >>> cost = Cost(1.0, {(0, n): 2.0 for n in range(5)}, {}, 0.5, 0)
    >>> free = [Piece(f"part.{n}", 0, Segment(0, n, n + 1)) for n in range(5)]
    >>> [piece.name for piece in beforehand(free, 2, cost)]
    ['part.0', 'part.1', 'part.2']
    >>> [piece.name for piece in beforehand(free[3:], 1, cost)]
    ['part.3', 'part.4']
    """
    takes_s = [0.0 if piece.part is None else cost.part_s(piece.part) for piece in free]
    share_s, given_s, count = sum(takes_s) / workers, 0.0, 0
    for one_s in takes_s:
        if workers > 1 and given_s + one_s / 2 > share_s:
            break
        given_s += one_s
        count += 1
    return tuple(free[: max(count, 1)])
