"""What a plan is expected to take, by what the record tells of times and sizes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from florlib.ground.plan import Plan, Segment
from florlib.ground.reach import RESTORE_BYTES_S, RESTORE_S
from florlib.ground.recorded import BlockMark, CheckpointMark, MainMark, RecordedProcess

PRELUDE_S = 3.0  # imports of torch and data, where nothing better is known
START_S = 0.3  # of an interpreter, and of what a replay does before the script's first line


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan takes.

    Attributes:
        start_s: seconds until the first main loop begins, which each worker takes.
        turns: by main loop and iteration, seconds of those that are gone through.
        entries: by main loop and iteration, seconds to restore the checkpoint that it begins with.
        epilogue_s: seconds behind the last main loop; 0 where that is not executed.
        skips: turns of nested loops that are not executed.
        nested: by main loop and iteration, the turns of nested loops that are executed there.
    """

    start_s: float
    turns: Mapping[tuple[int, int], float]
    entries: Mapping[tuple[int, int], float]
    epilogue_s: float
    skips: int
    nested: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def part_s(self, part: Segment) -> float:
        """Seconds of a part's iterations, without reaching the first."""
        whole = sum(self.turns.get((part.main, n), 0.0) for n in range(part.start, part.stop))
        if part.turns is None:
            return whole
        of = self.nested.get((part.main, part.start), part.turns[1])
        return whole * (part.turns[1] - part.turns[0]) / max(of, 1)

    def entry_s(self, part: Segment) -> float:
        """Seconds to begin with a part."""
        return self.entries.get((part.main, part.start), RESTORE_S)

    def alone_s(self, segments: Sequence[Segment]) -> float:
        """Seconds of a replay by one worker."""
        entering = sum(map(self.entry_s, segments))
        return self.start_s + entering + sum(self.turns.values()) + self.epilogue_s

    def shared_s(self, parts: Sequence[Segment], workers: int) -> list[float]:
        """Seconds that each of so many workers takes, which take on part by part.

        >>> cost = Cost(1.0, {(0, n): 2.0 for n in range(4)}, {}, 0.5, 0)
        >>> [round(one, 2) for one in cost.shared_s([Segment(0, n, n + 1) for n in range(4)], 2)]
        [5.1, 5.6]
        """
        ready = [(self.start_s, number) for number in range(workers)]
        for part in parts:
            at_s, number = heapq.heappop(ready)
            heapq.heappush(ready, (at_s + self.entry_s(part) + self.part_s(part), number))
        taken = [seconds for seconds, _ in sorted(ready, key=lambda item: item[1])]
        taken[-1] += self.epilogue_s
        return taken


def cost_of(processes: Sequence[RecordedProcess], mains: Sequence[MainMark], plan: Plan) -> Cost:
    """What a plan takes.

    Args:
        processes: of the run.
        mains: of each main loop, the one that went furthest.
        plan: of the replay.
    """
    turns: dict[tuple[int, int], float] = {}
    entries: dict[tuple[int, int], float] = {}
    nested: dict[tuple[int, int], int] = {}
    skips = 0
    for number, mark in enumerate(mains):
        segments = [part for part in plan.segments if part.main == number]
        found, executed, skipped = _turns_of(mark, plan, segments)
        nested.update(((number, index), count) for index, count in executed.items())
        turns.update(((number, index), seconds) for index, seconds in found.items())
        skips += skipped
        for index, boundary in mark.boundaries.items():
            entries[number, index] = restore_s(boundary)
    start_s, epilogue_s = START_S + _start_s(mains), _epilogue_s(processes, plan)
    return Cost(start_s, turns, entries, epilogue_s, skips, nested)


def restore_s(mark: CheckpointMark | None) -> float:
    """Seconds to restore a checkpoint."""
    return RESTORE_S + (mark.bytes / RESTORE_BYTES_S if mark is not None else 0.0)


def _start_s(mains: Sequence[MainMark]) -> float:
    known = mains[0].began_s if mains else None
    return PRELUDE_S if known is None else known


def _epilogue_s(processes: Sequence[RecordedProcess], plan: Plan) -> float:
    if not plan.epilogue:
        return 0.0
    longest = 0.0
    for process in processes:
        if process.mains and process.ended_s is not None:
            last = process.mains[-1]
            if last.began_s is not None:
                longest = max(longest, process.ended_s - last.began_s - sum(last.seconds.values()))
    return longest


def _turns_of(
    mark: MainMark, plan: Plan, segments: Sequence[Segment]
) -> tuple[dict[int, float], dict[int, int], int]:
    """What is gone through, by iteration.

    Returns:
        Seconds; turns of nested loops that are run; how many are not, in all.
    """
    deep = plan.everything or bool(plan.step)
    covered = {index for part in segments for index in range(part.start, part.stop)}
    on_the_way = _on_the_way(mark, plan, segments)
    if plan.carries:
        covered |= on_the_way
    gone_through = covered | on_the_way
    holding, run_through = set(), set()
    shares: dict[int, list[int]] = {}
    passed: dict[int, float] = {}
    skipped = 0
    for (position, _), block in mark.blocks.items():
        index = next((n for name, n in position if name == mark.name), -1)
        holding.add(index)
        executed = 0
        if index in covered and (plan.everything or (block.path, block.ordinal) in plan.step):
            executed = _executed(plan, mark, block)
        elif index in gone_through and (plan.anew or not _can_be_passed(block)):
            executed = block.iterations
            run_through.add(index)
        if not executed:
            whole_s = mark.seconds.get(index, 0.0) if block.seconds is None else block.seconds
            passed[index] = passed.get(index, 0.0) + whole_s - restore_s(block.checkpoint)
        skipped += block.iterations - executed
        share = shares.setdefault(index, [0, 0])
        share[0] += executed
        share[1] += block.iterations
    found = {}
    for index in gone_through & mark.seconds.keys():
        some, of = shares.get(index, [1, 1])
        is_passed = index in holding - run_through and not (deep and index in covered)
        whole = mark.seconds[index]
        if is_passed:
            whole = max(whole - passed.get(index, 0.0), RESTORE_S)
        found[index] = whole if plan.turns is None else min(whole, whole * some / max(of, 1))
    return found, {index: some for index, (some, _) in shares.items()}, skipped


def _executed(plan: Plan, mark: MainMark, block: BlockMark) -> int:
    """How many turns of a nested loop that is stepped into are asked for."""
    if plan.turns is None or (block.path, block.ordinal) not in mark.innermost:
        return block.iterations
    parts = (min(stop, block.iterations) - start for start, stop in plan.turns)
    return sum(max(part, 0) for part in parts)


def _can_be_passed(block: BlockMark) -> bool:
    """Whether restoring the end of a nested loop stands for running it."""
    return block.skippable and block.checkpoint is not None and block.checkpoint.complete


def _on_the_way(mark: MainMark, plan: Plan, segments: Sequence[Segment]) -> set[int]:
    """Iterations that lead from the nearest boundary that can be restored to those asked for."""
    usable = [index for index, boundary in mark.boundaries.items() if boundary.complete]
    found: set[int] = set()
    for part in segments:
        before = (index for index in usable if index <= part.start)
        start = 0 if plan.carries or plan.files else max(before, default=0)
        found.update(range(start, part.start))
    return found.difference(*(range(part.start, part.stop) for part in segments))
