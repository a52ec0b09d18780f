"""From what the probes look into to what a replay executes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import MainMark, RecordedProcess
from florlib.hindsight.probes import Comparison, Probe
from florlib.hindsight.reach import Reach, reach
from florlib.source.loops import LoopSite, find_loops

RESTORE_S = 0.05  # of a block or boundary, where nothing better is known
PRELUDE_S = 3.0  # imports of torch and data, where nothing better is known


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a run.

    Attributes:
        comparisons: by path, recorded source against present source.
        iterations: indices of the main loop that are wanted; None for all.
        verify: execute everything, to check the record itself.
        part: (i, n): only the i-th of n parts of the iterations, from 1.
        forced: the code has changed by more than probes, and is to be run all the same.
    """

    comparisons: Mapping[str, Comparison]
    iterations: frozenset[int] | None = None
    verify: bool = False
    part: tuple[int, int] | None = None
    forced: bool = False

    @property
    def probes(self) -> tuple[Probe, ...]:
        """All probes, in all files."""
        return tuple(probe for item in self.comparisons.values() for probe in item.probes)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what it is expected to cost.

    Attributes:
        estimate_s: seconds of the replay.
        full_run_s: seconds of running the probed script from start to end.
        skips: turns of nested loops that are not executed.
    """

    plan: Plan
    estimate_s: float
    full_run_s: float
    skips: int


@dataclass(slots=True)
class Run:
    """What planning needs to know of a recorded run.

    Attributes:
        run: its id.
        processes: its recorded processes, by the order of starting.
        seconds: that it took, as far as is known.
    """

    run: str
    processes: Sequence[RecordedProcess]
    seconds: float
    trees: dict[str, ast.Module] = field(init=False)

    def __post_init__(self) -> None:
        self.trees = {path: ast.parse(text) for path, text in sources_of(self.processes).items()}

    @property
    def mains(self) -> list[MainMark]:
        """The main loops; those of the process that went furthest stand for all."""
        marks: list[MainMark] = []
        for process in self.processes:
            for number, mark in enumerate(process.mains):
                if number == len(marks):
                    marks.append(mark)
                elif mark.iterations > marks[number].iterations:
                    marks[number] = mark
        return marks


def sources_of(processes: Iterable[RecordedProcess]) -> dict[str, str]:
    """The recorded sources of all processes, by path."""
    sources: dict[str, str] = {}
    for process in processes:
        for path, text in process.sources.items():
            sources.setdefault(path, text)
    return sources


def make_plan(run: Run, question: Question) -> Planned:
    """Decide what is executed to answer a question."""
    loops = find_loops(run.trees)
    mains = run.mains
    found = _reach(run, loops, question)
    segments = tuple(_segments(mains, found, question))
    epilogue = found.epilogue and all(process.ended for process in run.processes)
    wrapped: dict[str, frozenset[int]] = {}
    for process in run.processes:
        wrapped = {**process.wrapped, **wrapped}
    plan = Plan(
        run=run.run,
        mode=_mode(run, found, segments, epilogue),
        segments=segments,
        prelude=found.prelude,
        epilogue=epilogue,
        everything=found.everything,
        step=found.step,
        hindsight={path: item.spans for path, item in question.comparisons.items() if item.spans},
        transparent={
            path: item.transparent
            for path, item in question.comparisons.items()
            if item.transparent
        },
        introduced={
            path: item.introduced for path, item in question.comparisons.items() if item.introduced
        },
        wrapped=wrapped,
        added=_added(question.probes, wrapped),
    )
    skips = _skipped_turns(mains, plan)
    return Planned(plan, _estimate_s(mains, plan), max(run.seconds, 0.0), skips)


def _reach(run: Run, loops: Mapping[str, tuple[LoopSite, ...]], question: Question) -> Reach:
    mains = {
        (mark.path, mark.ordinal)
        for process in run.processes
        for mark in process.mains
        if mark.path is not None and mark.ordinal is not None
    }
    if question.verify or question.forced:
        return Reach(True, True, True, everything=True, mains=frozenset(mains))
    return reach(run.trees, loops, mains, question.probes)


def _segments(mains: Sequence[MainMark], found: Reach, question: Question) -> Iterable[Segment]:
    if not found.body:
        return
    for number, mark in enumerate(mains):
        if not found.everything and (mark.path, mark.ordinal) not in found.mains:
            continue
        wanted = [
            index
            for index in range(mark.iterations)
            if question.iterations is None or index in question.iterations
        ]
        if question.part is not None:
            wanted = _part(wanted, *question.part)
        yield from _stretches(number, wanted)


def _part(wanted: list[int], number: int, parts: int) -> list[int]:
    """The number-th of so many parts, from 1, as even as can be; empty where there is none.

    >>> [_part(list(range(5)), n, 3) for n in (1, 2, 3)]
    [[0, 1], [2, 3], [4]]
    """
    whole, rest = divmod(len(wanted), parts)
    start = (number - 1) * whole + min(number - 1, rest)
    return wanted[start : start + whole + (1 if number <= rest else 0)]


def _stretches(main: int, indices: Sequence[int]) -> Iterable[Segment]:
    """Consecutive indices as segments.

    >>> [(part.start, part.stop) for part in _stretches(0, [1, 2, 5])]
    [(1, 3), (5, 6)]
    """
    start = 0
    for n, index in enumerate(indices):
        if n + 1 == len(indices) or indices[n + 1] != index + 1:
            yield Segment(main, indices[start], index + 1)
            start = n + 1


def _mode(run: Run, found: Reach, segments: Sequence[Segment], epilogue: bool) -> str:
    if not run.mains:
        return "full"
    if segments:
        return "inner" if found.everything or found.step else "outer"
    if epilogue:
        return "epilogue"
    return "prelude" if found.prelude else "nothing"


def _added(
    probes: Iterable[Probe], wrapped: Mapping[str, frozenset[int]]
) -> dict[str, frozenset[int]]:
    added: dict[str, set[int]] = {}
    for probe in probes:
        for ordinal in probe.loops:
            if ordinal not in wrapped.get(probe.path, ()):
                added.setdefault(probe.path, set()).add(ordinal)
    return {path: frozenset(numbers) for path, numbers in added.items()}


def _covered(plan: Plan, main: int, index: int) -> bool:
    return any(part.main == main and part.start <= index < part.stop for part in plan.segments)


def _skipped_turns(mains: Sequence[MainMark], plan: Plan) -> int:
    skipped = 0
    for number, mark in enumerate(mains):
        for (position, _), block in mark.blocks.items():
            index = next((n for name, n in position if name == mark.name), -1)
            stepped = plan.everything or (block.path, block.ordinal) in plan.step
            if not (stepped and _covered(plan, number, index)):
                skipped += block.iterations
    return skipped


def _estimate_s(mains: Sequence[MainMark], plan: Plan) -> float:
    seconds = PRELUDE_S
    deep = plan.everything or bool(plan.step)
    for number, mark in enumerate(mains):
        for index, duration in mark.seconds.items():
            if _covered(plan, number, index):
                blocks = any(position[0][1] == index for position, _ in mark.blocks)
                seconds += duration if deep or not blocks else RESTORE_S
    return seconds
