"""What one process logged and executed, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.journal_format import Record
from florlib.ground.plan import Plan
from florlib.ground.position import Position, position_from_json
from florlib.ground.recorded import RecordedProcess, told_iterations

HINDSIGHT, VOLATILE = 1, 2
UNCOMPARED = frozenset({"stderr"})  # warnings come once a process, with paths of the machine
ENDED_AT_PROBE = frozenset({"probe-raised", "probe-not-undone"})
_PHASE = "phase"

Key = tuple[tuple[str, int, int], Position, str, int]
"""(where in the run, position, name, k-th occurrence)"""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One logged value, as a journal holds it."""

    region: tuple[str, int, int]
    position: Position
    name: str
    value: Any
    flags: int
    path: str | None
    line: int


@dataclass(slots=True)
class Trace:
    """What one process logged and executed, read from its journal.

    Attributes:
        rows: in the order of execution.
        events: the rows among the records that tell how they are to be taken.
        entered: number of main loops that were begun.
        phases: number of those that were gone through to their end.
        iterations: (main, index) of main-loop turns that were executed.
        turns: of training loops, main and nested, that were executed.
        stretches: by (position of the parent, loop), the turns that were executed of nested loops
            that were not executed whole; none where one was skipped.
        restored_bytes: of checkpoints that were restored.
        loaded: project files with probes that were executed.
        ended: how, as the "end" record says; "" where there is none.
        pieces: of divided work, those that are done.
        held: by (path, line) of an added statement, how often the state was put aside and back around
            it, and in how many seconds.
    """

    rows: list[LogRow] = field(default_factory=list)
    events: list[LogRow | Record] = field(default_factory=list)
    entered: int = 0
    phases: int = 0
    iterations: set[tuple[int, int]] = field(default_factory=set)
    turns: dict[str, int] = field(default_factory=dict)
    stretches: dict[tuple[Position, str], list[tuple[int, int]]] = field(default_factory=dict)
    restored_bytes: int = 0
    verifications: list[Record] = field(default_factory=list)
    warnings: list[Record] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)
    ended: str = ""
    pieces: set[str] = field(default_factory=set)
    held: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, records: Iterable[Record]) -> Trace:
        """Go through a journal's records in their order."""
        trace = cls()
        main: tuple[int, str] | None = None
        for record in records:
            kind = record["kind"]
            if kind == "enter" and record["role"] == "main":
                main = (record["main"], record["loop"])
                trace.entered = record["main"] + 1
            elif kind == "exit" and record["role"] == "main":
                main = None
                trace.phases = record["main"] + 1
            elif kind == "exit":
                trace._count(record["loop"], record["iterations"])
                trace._note_turns(record, record.get("turns"))
            elif kind == "iteration":
                over = told_iterations(record)
                trace.iterations.update((record["main"], index) for index in over)
                trace._count(record["position"][-1][0], len(over))
            elif kind == "log":
                rows = list(trace._rows(record, main))
                trace.rows.extend(rows)
                trace.events.extend(rows)
            else:
                trace._take(kind, record)
        return trace

    def _count(self, loop: str, turns: int) -> None:
        name = loop.partition("#")[0]
        self.turns[name] = self.turns.get(name, 0) + turns

    def _take(self, kind: str, record: Record) -> None:
        if kind == "skip":
            self._note_turns(record, ())
        elif kind == "restore":
            self.restored_bytes += record["bytes"]
        elif kind == "verification":
            self.verifications.append(record)
            self.events.append(record)
        elif kind == "warning":
            self.warnings.append(record)
            self.events.append(record)
        elif kind == "loaded":
            self.loaded.add(record["path"])
        elif kind == "piece":
            self.pieces.add(record["piece"])
        elif kind == "held":
            self.held[record["path"], record["line"]] = (record["count"], record["seconds"])
        elif kind == "end":
            self.ended = record["how"]

    def _note_turns(self, record: Record, turns: Iterable[Iterable[int]] | None) -> None:
        """Note which turns of a nested loop were executed; None where all were."""
        if turns is not None:
            place = (position_from_json(record["position"]), record["loop"])
            self.stretches[place] = [(start, stop) for start, stop in turns]

    def _rows(self, record: Record, main: tuple[int, str] | None) -> Iterator[LogRow]:
        positions = [position_from_json(pairs) for pairs in record["positions"]]
        for place, name, value, site, flags in record["rows"]:
            position = positions[place]
            path, line = record["sites"][site]
            yield LogRow(self._region(position, main), position, name, value, flags, path, line)

    def _region(self, position: Position, main: tuple[int, str] | None) -> tuple[str, int, int]:
        if main is None:
            return (_PHASE, self.phases, 0)
        index = next((n for name, n in position if name == main[1]), -1)
        return ("main", main[0], index)

    def executed(self, row: LogRow) -> bool:
        """Whether this process went through the place where a recorded row was logged."""
        kind, number, index = row.region
        if kind == _PHASE:
            return number == 0 or number <= self.phases
        if (number, index) not in self.iterations:
            return False
        return all(
            self._went_through(row.position[:depth], *step)
            for depth, step in enumerate(row.position)
        )

    def _went_through(self, parent: Position, loop: str, turn: int) -> bool:
        stretches = self.stretches.get((parent, loop))
        return stretches is None or any(start <= turn < stop for start, stop in stretches)


def at_start(row: LogRow) -> bool:
    """Whether a row was logged before the first main loop."""
    return row.region[:2] == (_PHASE, 0)


def when_of(row: LogRow) -> tuple[int, int]:
    """What puts a row's part of the run into the order of execution."""
    region, number, index = row.region
    return (2 * number, 0) if region == _PHASE else (2 * number + 1, 2 * index + 1)


def rows_by_key(rows: Iterable[LogRow]) -> dict[Key, LogRow]:
    """Rows that can be compared, by what tells two logs' rows to be the same one."""
    counts: dict[tuple[tuple[str, int, int], Position, str], int] = {}
    keyed: dict[Key, LogRow] = {}
    for row in rows:
        if row.name in UNCOMPARED:
            continue
        place = (row.region, row.position, row.name)
        k = counts.get(place, 0)
        counts[place] = k + 1
        key = (*place, k)
        keyed[key] = row
    return keyed


def left_undone(plan: Plan, recorded: RecordedProcess, traces: Sequence[Trace]) -> str | None:
    """What of a plan was not done in place of a process, in words; None where all was.

    Args:
        plan: of the replay.
        recorded: the process.
        traces: of what stood for it: one process, or several workers.
    """
    if any(trace.ended in ENDED_AT_PROBE for trace in traces):
        return "what follows the added line that ended the replay was not executed"
    wanted = 1 + max((part.main for part in plan.segments), default=0)
    entered = max(trace.entered for trace in traces)
    if entered < min(wanted, len(recorded.mains)):
        return f"{recorded.mains[entered].name} was not reached"
    iterations = set[tuple[int, int]]().union(*(trace.iterations for trace in traces))
    for part in plan.segments:
        if part.main >= len(recorded.mains):
            continue
        mark = recorded.mains[part.main]
        for index in range(part.start, min(part.stop, mark.iterations)):
            if (part.main, index) not in iterations:
                return f"{mark.name}={index} was not executed"
    if plan.epilogue and max(trace.phases for trace in traces) < len(recorded.mains):
        return "what follows the main loops was not executed"
    # A worker that died has none either, and others have done what it had not.
    ended = any(trace.ended for trace in traces)
    return None if ended else "the replay's process did not come to its end"
