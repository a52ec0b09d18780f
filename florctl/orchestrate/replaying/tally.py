"""How far the workers of a replay are, by what their journals say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florctl.orchestrate.replaying.workers import Crew, Worker
from florlib.ground.errors import FlorError
from florlib.ground.plan import Segment
from florlib.ground.position import Position, describe, position_from_json
from florlib.ground.recorded import told_iterations
from florlib.hindsight.trace import HINDSIGHT
from florlib.stores.journal import read_records

When = tuple[int, int]
"""(twice the main loops before it, and one more within one; iteration): the order of a run."""


@dataclass(frozen=True, slots=True)
class NewValue:
    """What a probe has logged, before it is verified.

    Attributes:
        occurrence: which one of the name at the position it is, from 1.
    """

    when: When
    position: Position
    name: str
    occurrence: int
    value: Any

    @property
    def key(self) -> tuple[When, Position, str, int]:
        """What it shares with the same value of a worker that did the work of one that died."""
        return (self.when, self.position, self.name, self.occurrence)


@dataclass(slots=True)
class WorkerTally:
    """What one worker has done.

    Attributes:
        done: main-loop iterations.
        values: that probes have logged.
        standing: where it is, or how it ended.
        seconds: of the iterations that are done.
    """

    number: int
    device: str | None
    done: int = 0
    values: int = 0
    standing: str = "starting"
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """Iterations a second; None before the first."""
        return self.done / self.seconds if self.seconds else None


@dataclass(slots=True)
class _Journal:
    """How far a worker's journal was read, and where its process stood there."""

    offset: int = 0
    worker: int = 0
    main: tuple[int, str] | None = None
    phases: int = 0
    counts: dict[tuple[When, Position, str], int] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What all workers of a replay have done.

    Attributes:
        crew: that is looked at.
        fresh: values that probes have logged since the look before.
    """

    crew: Crew
    workers: list[WorkerTally] = field(default_factory=list)
    fresh: list[NewValue] = field(default_factory=list)
    _journals: dict[Path, _Journal] = field(default_factory=dict)
    _done: set[tuple[int, int]] = field(default_factory=set)

    def look(self) -> None:
        """Read what is new in the journals."""
        self.fresh = []
        for worker in self.crew.workers[len(self.workers) :]:
            self.workers.append(WorkerTally(worker.number, worker.device))
        for path in self.crew.layout.journals():
            with suppress(OSError, FlorError):
                self._read(path)
        for worker, one in zip(self.crew.workers, self.workers, strict=True):
            if worker.ended is not None:
                one.standing = _ending(worker)

    @property
    def planned(self) -> int:
        """Main-loop iterations that are asked for."""
        return sum(part.stop - part.start for part in self._segments)

    @property
    def done(self) -> int:
        """Those of them that are executed."""
        asked = {(part.main, n) for part in self._segments for n in range(part.start, part.stop)}
        return len(asked & self._done)

    @property
    def values(self) -> int:
        """That probes have logged."""
        return sum(one.values for one in self.workers)

    @property
    def share(self) -> float:
        """Of the iterations that are asked for."""
        return self.done / self.planned if self.planned else 0.0

    @property
    def complete_before(self) -> When:
        """Up to where all that was asked for is executed."""
        for part in self._segments:
            for index in range(part.start, part.stop):
                if (part.main, index) not in self._done:
                    return (2 * part.main + 1, index)
        last = max((part.main for part in self._segments), default=0)
        return (2 * last + 2, 0)

    def left_s(self, passed_s: float) -> float:
        """Seconds until the end: by the estimate at first, and more and more by what was done."""
        estimate_s, share = self.crew.prepared.planned.estimate_s, self.share
        by_share_s = passed_s / share if share else estimate_s
        return max((1 - share) * estimate_s + share * by_share_s - passed_s, 0.0)

    @property
    def _segments(self) -> tuple[Segment, ...]:
        return self.crew.prepared.planned.plan.segments

    def _read(self, path: Path) -> None:
        journal = self._journals.setdefault(path, _Journal())
        records, journal.offset = read_records(path, after=journal.offset)
        for record in records:
            if record["kind"] == "process":
                journal.worker = record.get("worker") or 0
            self._take(journal, self.workers[journal.worker], record)

    def _take(self, journal: _Journal, one: WorkerTally, record: dict[str, Any]) -> None:
        kind = record["kind"]
        if kind == "enter" and record["role"] == "main":
            journal.main = (record["main"], record["loop"])
        elif kind == "exit" and record["role"] == "main":
            journal.main, journal.phases = None, record["main"] + 1
        elif kind == "iteration":
            over = told_iterations(record)
            one.done += len(over)
            one.seconds += record["seconds"]
            one.standing = describe(position_from_json(record["position"]))
            self._done.update((record["main"], index) for index in over)
        elif kind == "log":
            new = list(_new_values(journal, record))
            one.values += len(new)
            self.fresh += new


def _new_values(journal: _Journal, record: dict[str, Any]) -> Iterator[NewValue]:
    for at, name, value, _, flags in record["rows"]:
        if flags & HINDSIGHT:
            position = position_from_json(record["positions"][at])
            place = (_when(journal, position), position, name)
            journal.counts[place] = journal.counts.get(place, 0) + 1
            yield NewValue(*place, journal.counts[place], value)


def _when(journal: _Journal, position: Position) -> When:
    if journal.main is None:
        return (2 * journal.phases, 0)
    number, loop = journal.main
    return (2 * number + 1, next((n for name, n in position if name == loop), 0))


def _ending(worker: Worker) -> str:
    assert worker.ended is not None
    if worker.ended.signal is not None:
        return f"ended by signal {worker.ended.signal}"
    return f"ended with status {worker.ended.exit_status}" if worker.ended.exit_status else "done"
