"""Which checkpoints of a run a plan needs: to restore, to pass loops by, and to verify against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from florlib.ground.plan import Plan
from florlib.ground.recorded import BlockMark, CheckpointMark, MainMark, RecordedProcess


def needed_checkpoints(processes: Sequence[RecordedProcess], plan: Plan) -> set[str]:
    """The files, relative to the run's folder, without those that they refer to.

    The boundary of each main loop's start is among them: what a loop goes over is driven from there.
    """
    found: set[str] = set()
    for process in processes:
        for number, main in enumerate(process.mains):
            alike = [one.mains[number] for one in processes if number < len(one.mains)]
            found |= {mark.file for mark in _of_main(number, main, alike, plan)}
    return found


def _of_main(
    number: int, main: MainMark, alike: Sequence[MainMark], plan: Plan
) -> Iterator[CheckpointMark]:
    asked = [part for part in plan.segments if part.main == number]
    spans = [(_way_in(alike, plan, part.start), part.stop) for part in asked]
    if plan.epilogue or any(part.main > number for part in plan.segments):
        before = main.iterations if main.how in ("exhausted", "break") else main.iterations - 1
        spans.append((_way_in(alike, plan, before), main.iterations))
        if main.how == "break":  # where the end cannot be restored, the turn that left is run again
            spans.append((_way_in(alike, plan, before - 1), main.iterations))
    if not spans and not plan.prelude:
        return
    for index, mark in main.boundaries.items():
        if index == 0 or any(first <= index <= last for first, last in spans):
            yield mark
    inside = {index for part in asked for index in range(part.start, part.stop)}
    for (position, _), block in main.blocks.items():
        at = next((index for name, index in position if name == main.name), -1)
        if any(first <= at < last for first, last in spans):
            yield from _of_block(block, plan, asked=at in inside)


def _of_block(block: BlockMark, plan: Plan, *, asked: bool) -> Iterator[CheckpointMark]:
    stepped = asked and (plan.everything or (block.path, block.ordinal) in plan.step)
    in_part = plan.turns is not None or plan.parts is not None
    if stepped and in_part:
        yield from block.steps.values()
    if block.checkpoint is not None and not plan.anew and (in_part or not stepped):
        yield block.checkpoint


def _way_in(alike: Sequence[MainMark], plan: Plan, index: int) -> int:
    """The nearest boundary before an iteration that can be restored; the start where there is none.

    Args:
        alike: the loop as each process of the run has gone through it; ranks go on from where all can.
        plan: of the replay.
        index: of the iteration.
    """
    if plan.anew or plan.files or plan.carries:
        return 0
    deep = plan.everything or bool(plan.step)
    usable = [
        {n for n, mark in one.boundaries.items() if mark.complete and not (mark.workers and deep)}
        for one in alike
    ]
    return max((n for n in set.intersection(*usable) if n <= index), default=0)
