"""Where a run that was interrupted can go on, and what of its journal stays true then.

A run goes on from the newest checkpoint that holds everything: of a boundary of a main loop, or of a
step within an iteration. A step is come to by way of its iteration: the boundary before is restored, and
what leads to its loop is executed in silence. So it counts only where that is no training: its loop
stands directly in the iteration, and the ends of the loops before it can be restored.

What the journal tells of later moments is executed, and told, once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from florlib.ground.journal_format import Record
from florlib.ground.recorded import (
    CheckpointMark,
    MainMark,
    RecordedProcess,
    StepMark,
    told_iterations,
)
from florlib.hindsight.outside_state import rereads, rereads_behind
from florlib.hindsight.question import Run

# Records that stay true of a process, whenever it told of them.
_LASTING = ("dropped", "files")
_TOLD_FILES = 3  # of many, so many by name
_BOUNDARY = -1  # before the nested loops of the iteration behind it, which count from 0


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A boundary of a main loop, or a step in the iteration behind it.

    Attributes:
        main: number of the loop.
        index: of the iteration that follows; behind the last where the loop is over.
        file: of the checkpoint, relative to the run's folder.
        is_over: the loop has been left, and what follows it is next.
        step: a moment within that iteration; None at the boundary.
        way: files that are restored on the way to the step.
    """

    main: int
    index: int
    file: str
    is_over: bool = False
    step: StepMark | None = None
    way: tuple[str, ...] = ()


def usable(mark: CheckpointMark) -> bool:
    """Whether going on from a checkpoint is going on as the run would have."""
    return mark.complete and not mark.workers


def resume_points(process: RecordedProcess) -> list[ResumePoint]:
    """The boundaries and steps that a process can go on from, the newest first.

    Main loops before must be left by a restore of their end; where one cannot be, the run goes on
    within it.
    """
    found: list[ResumePoint] = []
    for number, main in enumerate(process.mains):
        points = [
            ResumePoint(number, index, mark.file)
            for index, mark in sorted(main.boundaries.items())
            if usable(mark) and index <= main.iterations
        ]
        points += _steps(number, main)
        points.sort(key=lambda one: one.index)  # steps behind the boundary of their iteration
        end = _end(number, main)
        found += [*points, *([end] if end is not None else [])]
        if end is None:
            break
    return found[::-1]


def _steps(number: int, main: MainMark) -> Iterator[ResumePoint]:
    for step in main.steps:
        start, mark = main.boundaries.get(step.index), step.checkpoint
        if start is None or mark is None or not usable(start) or not usable(mark):
            continue
        ends = [_passing(main, step, loop) for loop in step.passed]
        passed = [end.file for end in ends if end is not None]
        if step.around[-1:] == ((main.name, step.index),) and len(passed) == len(ends):
            way = (start.file, *passed)
            yield ResumePoint(number, step.index, mark.file, step=step, way=way)


def _passing(main: MainMark, step: StepMark, loop: str) -> CheckpointMark | None:
    """The end of a loop before a step's, where restoring it stands for having run the loop."""
    block = main.blocks[step.around, loop]
    end = block.checkpoint
    return end if block.skippable and end is not None and usable(end) else None


def _end(number: int, main: MainMark) -> ResumePoint | None:
    """The end of a main loop that was left, where restoring it brings about what follows."""
    mark = main.boundaries.get(main.iterations)
    if mark is None or not usable(mark) or main.how not in ("exhausted", "break"):
        return None
    return ResumePoint(number, main.iterations, mark.file, is_over=True)


def passed_checkpoints(process: RecordedProcess, point: ResumePoint) -> set[str]:
    """The files by which the script comes to a point again, and that its start is held against."""
    found = set(point.way)
    for number, main in enumerate(process.mains[: point.main + 1]):
        passed = {0} if number == point.main else {0, main.iterations}
        found |= {mark.file for index, mark in main.boundaries.items() if index in passed}
    return found


def kept_records(records: Sequence[Record], point: ResumePoint) -> list[Record] | None:
    """The records of a journal that happened before a point; None where it does not tell them apart.

    Checkpoints are told of when they are on disk, which may be later.
    """
    stop = _stop(records, point)
    if stop is None:
        return None
    later = [one for one in records[stop:] if one["kind"] in _LASTING or _is_before(one, point)]
    return [*records[:stop], *later]


def _stop(records: Iterable[Record], point: ResumePoint) -> int | None:
    """How many records lie in front of the point."""
    for number, record in enumerate(records, start=1):
        if record.get("main") != point.main:
            continue
        if point.step is not None:
            if record["kind"] == "step" and _is_of(record, point.step):
                return number
        elif point.is_over:
            if record["kind"] == "exit" and record["role"] == "main":
                return number
        elif point.index == 0:
            if record["kind"] == "enter" and record["role"] == "main":
                return number
        elif record["kind"] == "iteration" and told_iterations(record).stop == point.index:
            return number
    return None


def _is_of(record: Record, step: StepMark) -> bool:
    told = (record["index"], record["block"], record["step"])
    return told == (step.index, step.block, step.turn)


def _is_before(record: Record, point: ResumePoint) -> bool:
    """Whether a record is a checkpoint of a moment before a point, or of the point itself."""
    if record["kind"] != "checkpoint":
        return False
    block = _BOUNDARY if record["role"] == "boundary" else record["block"]
    when = (record["main"], record["index"], block, record.get("step", inf))
    step = point.step
    within = (_BOUNDARY, inf) if step is None else (step.block, step.turn)
    return when <= (point.main, point.index, *within)


def why_not_exact(run: Run) -> str | None:
    """Why a run that goes on may come to something else: it looks at files as it has left them."""
    if rereads_behind(run):
        return (
            "code behind its loop reads files that it had begun before, and going on begins them anew"
            " or adds to them twice"
        )
    if not rereads(run):
        return None
    files = dict.fromkeys(path for process in run.processes for path in process.reread_files)
    named = f" ({', '.join(list(files)[:_TOLD_FILES])})" if files else ""
    return (
        f"its loop looks at files that it writes{named}, and they are as the interrupted run left"
        " them"
    )
