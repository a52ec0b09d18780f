"""Sweeping: which checkpoints and leftovers of runs that have ended go, and making them go."""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.alone import alone_in
from florctl.orchestrate.answers.liveness import FRESH_S, touched_at
from florctl.orchestrate.answers.processes import is_alive
from florctl.orchestrate.keeping.stored import StoredProcess, folder_bytes, read_stored
from florctl.orchestrate.settings import NO_LIMIT
from florlib.ground.errors import FlorError
from florlib.ground.layout import HomeLayout, ReplayLayout, RunLayout
from florlib.ground.position import Position
from florlib.ground.retention import Loss, Retention, TurnClock
from florlib.stores.catalog.rows import RunRow
from florlib.stores.checkpoints import orphans
from florlib.stores.journal import append_behind
from florlib.stores.pins import read_pins
from florlib.stores.spooled import read_spooled

ENDED = ("done", "crashed", "killed")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sweep brings about.

    Attributes:
        run_bytes: that the checkpoints of each run may take.
        all_bytes: that those of all runs together may take.
        keep_runs: of each name, only so many of the newest keep more than what has to stay;
            None for all.
        replays: files that replays wrote go as well.
    """

    run_bytes: int = NO_LIMIT
    all_bytes: int = NO_LIMIT
    keep_runs: int | None = None
    replays: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """A checkpoint that goes.

    Attributes:
        journal: of the process that took it.
        longer_s: how much longer replays then take to what lies behind it.
    """

    run: RunRow
    journal: Path
    file: str
    position: Position
    bytes: int
    longer_s: float


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that nobody has any use for.

    Attributes:
        run: that it belongs to; None of one that was removed.
        what: "unfinished" (its writer died), "dropped" (the journal says so already), "replay" or
            "removed".
    """

    run: RunRow | None
    path: Path
    bytes: int
    what: str


@dataclass(slots=True)
class Sweep:
    """What is to go.

    Attributes:
        left_alone: runs that are not looked at, and why.
        kept_bytes: checkpoints that stay, of all runs that were asked for.
        over: one line for each limit that cannot be kept.
    """

    deletions: list[Deletion] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    left_alone: list[tuple[RunRow, str]] = field(default_factory=list)
    kept_bytes: int = 0
    over: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What becomes free."""
        checkpoints = sum(one.bytes for one in self.deletions)
        return checkpoints + sum(one.bytes for one in self.leftovers)


@dataclass(slots=True)
class _Candidate:
    """A process of a run that may be swept.

    Attributes:
        weight: how likely somebody asks about its run, compared with the newest.
        in_turns: it has other ranks beside it.
        turn_s: seconds of what the retention counts; 1 where that is seconds.
    """

    run: RunRow
    process: StoredProcess
    pinned: frozenset[str]
    weight: float
    spared: bool
    in_turns: bool
    turn_s: float = 1.0
    _retention: Retention | None = None

    @property
    def retention(self) -> Retention:
        """Its checkpoints; their headers are read when this is first asked for."""
        if self._retention is None:
            self._retention = Retention(self.pinned, goes_on=False)
            clock, last = TurnClock(), None
            for one in self.process.with_references():
                told = clock.tell(one, self.process.steps[one.file]) if self.in_turns else one
                self._retention.add(told)
                last = (one.at_s, told.at_s)
            if last is not None and last[1] > 0:
                self.turn_s = last[0] / last[1]
        return self._retention


def plan_sweep(home: Path, runs: Sequence[RunRow], limits: Limits, *, now: datetime) -> Sweep:
    """Decide what goes; nothing is touched.

    Among runs, a question to the n-th newest is taken to be 1/n times as likely as one to the newest.

    Args:
        home: FLOR_HOME.
        runs: that are swept, newest first.
        limits: what is to be brought about.
        now: the present.
    """
    found = Sweep()
    found.leftovers += [
        Leftover(None, path, folder_bytes(path), "removed")
        for path in HomeLayout(home).all_removed()
    ]
    candidates: list[_Candidate] = []
    seen: dict[str, int] = {}
    for number, run in enumerate(runs):
        seen[run.name] = seen.get(run.name, 0) + 1
        layout = RunLayout(home / run.folder)
        try:
            processes = read_stored(layout)
            reason = why_left_alone(run, layout, processes, now)
            pins = read_pins(layout.pins_file)
        except (FlorError, OSError, ValueError) as error:
            found.left_alone.append((run, f"cannot be read ({error})"))
            found.kept_bytes += run.bytes
            continue
        found.kept_bytes += sum(process.bytes for process in processes)
        if reason is not None:
            found.left_alone.append((run, reason))
            continue
        found.leftovers += _leftovers(run, layout, processes, limits, now)
        spared = limits.keep_runs is None or seen[run.name] <= limits.keep_runs
        in_turns = len({process.rank for process in processes}) > 1
        candidates += [
            _Candidate(run, process, pins.files, 1 / (number + 1), spared, in_turns)
            for process in ([] if pins.whole else processes)
        ]
    _thin(found, candidates, limits)
    return found


def why_left_alone(
    run: RunRow, layout: RunLayout, processes: Iterable[StoredProcess], now: datetime
) -> str | None:
    """Why nobody may take files of a run away, in words; None where one may."""
    if run.status not in ENDED:
        return "is being recorded" if run.status == "running" else "may be going on elsewhere"
    if any(process.may_go_on(now) for process in processes):
        return "was written a moment ago"
    if any(_may_go_on(one, now) for one in _replays(layout)):
        return "is being replayed"
    return None


def _replays(layout: RunLayout) -> list[ReplayLayout]:
    if not layout.replays.is_dir():
        return []
    return [layout.replay(folder.name) for folder in sorted(layout.replays.iterdir())]


def _may_go_on(replay: ReplayLayout, now: datetime) -> bool:
    """Whether a replay may be running: it has not reported, and wrote something lately."""
    if replay.report_file.exists():
        return False
    touched = max(path.stat().st_mtime_ns for path in (replay.folder, *replay.journals()))
    return (now - touched_at(touched)).total_seconds() < FRESH_S


def _leftovers(
    run: RunRow,
    layout: RunLayout,
    processes: Iterable[StoredProcess],
    limits: Limits,
    now: datetime,
) -> Iterator[Leftover]:
    for process in processes:
        for file in process.undead:
            path = layout.folder / file
            yield Leftover(run, path, path.stat().st_size, "dropped")
    checkpoints = (layout.checkpoints, *layout.checkpoints.glob("*.*/"))
    for folder in (layout.folder, *checkpoints, *layout.all_arrays()):
        for path in orphans(folder, lambda pid: is_alive(pid, "")) if folder.is_dir() else ():
            yield Leftover(run, path, path.stat().st_size, "unfinished")
    for replay in _replays(layout) if limits.replays else ():
        for path in replay.all_work:
            if path.is_dir():
                yield Leftover(run, path, folder_bytes(path), "replay")


def _thin(found: Sweep, candidates: Sequence[_Candidate], limits: Limits) -> None:
    _drop(found, [one for one in candidates if not one.spared], lambda: False)
    of_run: dict[str, list[_Candidate]] = {}
    for one in candidates:
        of_run.setdefault(one.run.run, []).append(one)
    for group in of_run.values():
        _drop_to(found, group, limits.run_bytes)
    if not _drop(found, candidates, lambda: found.kept_bytes <= limits.all_bytes):
        found.over.append(
            f"what has to stay takes {found.kept_bytes} bytes, and {limits.all_bytes} were allowed"
        )


def _drop_to(found: Sweep, group: Sequence[_Candidate], limit: int) -> None:
    """Bring the checkpoints of one run within a limit."""
    left = sum(one.process.bytes for one in group)
    before = found.kept_bytes

    def is_enough() -> bool:
        return left - (before - found.kept_bytes) <= limit

    if not _drop(found, group, is_enough):
        run = group[0].run
        found.over.append(
            f"what has to stay of {run.name}@{run.ordinal} takes"
            f" {left - before + found.kept_bytes} bytes, and {limit} were allowed"
        )


def _drop(found: Sweep, group: Sequence[_Candidate], is_enough: Callable[[], bool]) -> bool:
    """Drop the cheapest of some processes, again and again; False where it is not enough."""
    if is_enough():
        return True
    heap: list[tuple[bool, float, int, Loss]] = []

    def offer(number: int) -> None:
        loss = group[number].retention.cheapest()
        if loss is not None:
            one = group[number]
            price = one.weight * one.turn_s * loss.expected_s / max(loss.bytes, 1)
            heapq.heappush(heap, (loss.is_last_resort, price, number, loss))

    for number in range(len(group)):
        offer(number)
    while heap and not is_enough():
        *_, number, loss = heapq.heappop(heap)
        one = group[number]
        one.retention.drop(loss)
        gone = [_deletion(one, stored.file, loss) for stored in loss.dropped]
        found.deletions += gone
        found.kept_bytes -= sum(deletion.bytes for deletion in gone)
        offer(number)
    return is_enough()


def _deletion(one: _Candidate, file: str, loss: Loss) -> Deletion:
    (size,) = (stored.bytes for stored in one.process.checkpoints if stored.file == file)
    position = one.process.positions[file]
    longer_s = loss.longer_s * one.turn_s
    return Deletion(one.run, one.process.journal, file, position, size, longer_s)


def carry_out(home: Path, sweep: Sweep) -> list[str]:
    """Make everything go that a sweep names.

    Returns:
        One line for each run of which something could not be deleted.
    """
    problems = []
    for one in sweep.leftovers:
        if one.run is None:
            shutil.rmtree(one.path, ignore_errors=True)
            if one.path.exists():
                problems.append(f"{one.path} could not be deleted")
    runs = {one.run.run: one.run for one in sweep.deletions}
    runs |= {one.run.run: one.run for one in sweep.leftovers if one.run is not None}
    for run in runs.values():
        try:
            _carry_out(RunLayout(home / run.folder), run, sweep)
        except (FlorError, OSError) as error:
            problems.append(f"not everything of {run.name}@{run.ordinal} was deleted ({error})")
    return problems


def _carry_out(layout: RunLayout, run: RunRow, sweep: Sweep) -> None:
    with alone_in(layout.folder):
        files: dict[Path, list[str]] = {}
        for one in sweep.deletions:
            if one.run.run == run.run:
                files.setdefault(one.journal, []).append(one.file)
        spooled = read_spooled(layout.spool_file)
        for journal, going in files.items():
            # What a spool holds comes back when it is needed: the run has it still.
            dropped = [file for file in going if spooled.file(file) is None]
            append_behind(journal, [{"kind": "dropped", "file": file} for file in dropped])
            for file in going:
                (layout.folder / file).unlink(missing_ok=True)
        os.utime(layout.folder)  # so that the next harvest looks at a run that has long been quiet
        for left in sweep.leftovers:
            if left.run is not None and left.run.run == run.run:
                if left.what == "replay":
                    shutil.rmtree(left.path)
                else:
                    left.path.unlink(missing_ok=True)
