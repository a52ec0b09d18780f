"""From what the probes look into to what a replay executes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import MainMark
from florlib.hindsight.carrying import carried_names
from florlib.hindsight.cost import Cost, cost_of
from florlib.hindsight.division import divide, undivided
from florlib.hindsight.outside_state import (
    asks_libraries,
    asks_origin,
    behind_loops,
    reads_own_files,
)
from florlib.hindsight.probes import Probe
from florlib.hindsight.question import Question, Run
from florlib.hindsight.reach import Reach, reach
from florlib.source.elsewhere import Elsewhere, elsewhere
from florlib.source.loops import LoopSite, find_loops


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what it is expected to cost.

    Attributes:
        cost: of the plan.
        full_run_s: seconds of running the probed script from start to end.
        workers: how many execute it.
        alone: why it is one although more were asked for; None where it is not.
        probes: that log something.
        started: those of them in functions of processes that the script starts.
        loaded: those in functions that workers of a DataLoader run.
    """

    plan: Plan
    cost: Cost
    full_run_s: float
    workers: int = 1
    alone: str | None = None
    probes: tuple[Probe, ...] = ()
    started: frozenset[Probe] = frozenset()
    loaded: frozenset[Probe] = frozenset()

    @property
    def worker_s(self) -> list[float]:
        """Seconds that each worker is expected to take."""
        plan = self.plan
        if plan.anew:
            return [self.full_run_s]
        if plan.parts is None:
            return [self.cost.alone_s(plan.segments)]
        return self.cost.shared_s(plan.parts, self.workers)

    @property
    def estimate_s(self) -> float:
        """Seconds that the replay is expected to take."""
        return max(self.worker_s)

    @property
    def skips(self) -> int:
        """Turns of nested loops that are not executed."""
        return 0 if self.plan.anew else self.cost.skips


def make_plan(run: Run, question: Question, workers: int = 1) -> Planned:
    """Decide what is executed to answer a question, and by how many workers at most."""
    loops = find_loops(run.trees)
    found = _reach(run, loops, question)
    ended = all(process.ended for process in run.processes)
    last = question.part is None or question.part[0] == question.part[1]
    epilogue = found.epilogue and last and ended
    asked = tuple(_segments(run, found, question))
    between = found.prelude and found.epilogue and last and not ended
    segments = (*asked, *_ways_on(run, asked, epilogue=epilogue, between=between))
    behind = behind_loops(run, segments, epilogue=epilogue)
    anew = asks_origin(question)
    files = anew or reads_own_files(run, question, bool(asked), behind)
    wrapped = _wrapped(run)
    plan = Plan(
        run=run.run,
        mode=_mode(run, found, asked, epilogue),
        segments=segments,
        prelude=found.prelude,
        epilogue=epilogue,
        files=files,
        carries=_carries(run, question),
        left={} if files else run.left,
        gone=frozenset(
            path for one in run.processes for path, found in one.gone_files.items() if found
        ),
        everything=found.everything or anew,
        anew=anew,
        step=found.step,
        turns=None if question.turns is None else _ranges(sorted(question.turns)),
        hindsight={path: item.spans for path, item in question.comparisons.items() if item.spans},
        transparent={
            path: item.transparent
            for path, item in question.comparisons.items()
            if item.transparent
        },
        passing={path: item.passing for path, item in question.comparisons.items() if item.passing},
        introduced={
            path: item.introduced for path, item in question.comparisons.items() if item.introduced
        },
        wrapped=wrapped,
        added=_added(question.probes, wrapped),
        tolerance=question.tolerance,
    )
    furthest = [max(marks, key=lambda mark: mark.iterations) for marks in run.mains]
    plan, cost, alone = _divided(run, plan, furthest, workers)
    probes = tuple(probe for probe in question.probes if probe.names)
    apart = elsewhere(run.trees) if probes else Elsewhere()
    return Planned(
        plan,
        cost,
        max(run.seconds, 0.0),
        1 if plan.parts is None else min(workers, max(len(plan.parts), 1)),
        alone,
        probes,
        frozenset(one for one in probes if (one.path, one.function) in apart.started),
        frozenset(one for one in probes if (one.path, one.function) in apart.loaded),
    )


def anew(planned: Planned) -> Planned:
    """The same, with all executed from the start of the script and nothing restored."""
    plan = replace(planned.plan, anew=True, files=True, everything=True, left={}, parts=None)
    return replace(planned, plan=plan, workers=1)


def _divided(
    run: Run, plan: Plan, mains: Sequence[MainMark], workers: int
) -> tuple[Plan, Cost, str | None]:
    """(the plan with its parts, its cost, why it stays one worker's)."""
    cost = cost_of(run.processes, mains, plan)
    if workers == 1 or not plan.segments:
        return plan, cost, None
    reason = undivided(plan, run.processes)
    if reason is not None:
        return plan, cost, reason
    return replace(plan, parts=divide(plan, mains, cost, workers)), cost, None


def _carries(run: Run, question: Question) -> tuple[str, ...]:
    """Names that probes hand on from iteration to iteration, in any file."""
    marks = [mark for process in run.processes for mark in process.mains]
    names: set[str] = set()
    for path, comparison in question.comparisons.items():
        mains = {mark.ordinal for mark in marks if mark.path == path and mark.ordinal is not None}
        names |= carried_names(comparison, mains)
    return tuple(sorted(names))


def _reach(run: Run, loops: Mapping[str, tuple[LoopSite, ...]], question: Question) -> Reach:
    marks = [mark for process in run.processes for mark in process.mains]
    mains = {
        (mark.path, mark.ordinal)
        for mark in marks
        if mark.path in run.trees and mark.ordinal is not None
    }
    # Where a main loop stands in no source, what a probe looks into cannot be told either.
    unplaced = len(mains) < len({(mark.path, mark.ordinal) for mark in marks})
    asked = question.verify or question.forced or asks_libraries(run, question)
    if asked or (unplaced and question.probes):
        return Reach(True, True, True, everything=True, mains=frozenset(mains))
    blocks = {(block.path, block.ordinal) for mark in marks for block in mark.blocks.values()}
    stepped = {
        path: tuple(
            replace(site, training=site.training or (path, site.ordinal) in blocks)
            for site in sites
        )
        for path, sites in loops.items()
    }
    calls = [item for process in run.processes for item in process.calls.items()]
    found = reach(run.trees, stepped, mains, question.probes, calls)
    # A function that calls itself from within its main loop: that loop was nested as well.
    return replace(found, step=found.step | (found.mains & blocks))


def _wrapped(run: Run) -> dict[str, frozenset[int]]:
    """By path, the loops that positions of the record name, explicit ones as well."""
    wrapped: dict[str, frozenset[int]] = {}
    for process in run.processes:
        wrapped = {**process.wrapped, **wrapped}
        for mark in process.mains:
            places = [(block.path, block.ordinal) for block in mark.blocks.values()]
            for path, ordinal in [(mark.path, mark.ordinal), *places]:
                if path and ordinal is not None:
                    wrapped[path] = wrapped.get(path, frozenset()) | {ordinal}
    return wrapped


def _segments(run: Run, found: Reach, question: Question) -> Iterator[Segment]:
    if not found.body:
        return
    for number, marks in enumerate(run.mains):
        turns = [
            run.turns(mark)
            for mark in marks
            if found.everything or (mark.path, mark.ordinal) in found.mains
        ]
        wanted = [
            index
            for index in range(max(turns, default=0))
            if question.iterations is None or index in question.iterations
        ]
        if question.part is not None:
            wanted = _part(wanted, *question.part)
        yield from (Segment(number, start, stop) for start, stop in _ranges(wanted))


def _ways_on(
    run: Run, asked: Sequence[Segment], *, epilogue: bool, between: bool
) -> Iterator[Segment]:
    """Segments that nobody asked for, without which the replay does not come far enough.

    A loop that ended by an error is left in no other way than by that error. In a run that was
    killed, what lies between two main loops is reached by going on to the last, and no further.
    """
    if epilogue:
        for number, marks in enumerate(run.mains):
            for mark in marks:
                part = Segment(number, mark.iterations, mark.iterations + 1)
                if mark.how == "raise" and not _within(part, asked):
                    yield part
    last = len(run.mains) - 1
    if between and last > 0 and not any(part.main == last for part in asked):
        yield Segment(last, 0, 0)


def _within(one: Segment, segments: Iterable[Segment]) -> bool:
    return any(
        part.main == one.main and part.start <= one.start and one.stop <= part.stop
        for part in segments
    )


def _part(wanted: list[int], number: int, parts: int) -> list[int]:
    """The number-th of so many parts, from 1, as even as can be; empty where there is none.

    >>> [_part(list(range(5)), n, 3) for n in (1, 2, 3)]
    [[0, 1], [2, 3], [4]]
    """
    whole, rest = divmod(len(wanted), parts)
    start = (number - 1) * whole + min(number - 1, rest)
    return wanted[start : start + whole + (1 if number <= rest else 0)]


def _ranges(indices: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Consecutive indices as (start, stop).

    >>> _ranges([1, 2, 5])
    ((1, 3), (5, 6))
    """
    found, start = [], 0
    for n, index in enumerate(indices):
        if n + 1 == len(indices) or indices[n + 1] != index + 1:
            found.append((indices[start], index + 1))
            start = n + 1
    return tuple(found)


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
