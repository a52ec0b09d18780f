"""A replay's journal held against the record: what was executed, and whether it is the same.

Rows are compared where the replay executed them. A recorded row is expected when its part of
the run was executed: the prelude always, an iteration that ran and was not skipped, and what lies
behind a main loop that the replay went beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.journal_format import Record
from florlib.ground.likeness import likeness
from florlib.ground.plan import Plan
from florlib.ground.position import Position, position_from_json
from florlib.ground.recorded import RecordedProcess, told_iterations
from florlib.ground.relocation import Relocation

HINDSIGHT, VOLATILE = 1, 2
UNCOMPARED = frozenset({"stderr"})  # warnings come once a process, with paths of the machine
LOOP_DIVERGED = "loop-diverged"
ENDED_AT_PROBE = frozenset({"probe-raised", "probe-not-undone"})
_PHASE = "phase"
_LAST = (1 << 62, 0)
_UNMOVED = Relocation()

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
        relocation: of the paths in the values.
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
    relocation: Relocation = _UNMOVED

    @classmethod
    def read(cls, records: Iterable[Record], relocation: Relocation = _UNMOVED) -> Trace:
        """Go through a journal's records in their order.

        Args:
            records: of the journal.
            relocation: where this process had the paths of the record.
        """
        trace = cls(relocation=relocation)
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
            region, there = self._region(position, main), self.relocation.back(value)
            yield LogRow(region, position, name, there, flags, path, line)

    def _region(self, position: Position, main: tuple[int, str] | None) -> tuple[str, int, int]:
        if main is None:
            return (_PHASE, self.phases, 0)
        index = next((n for name, n in position if name == main[1]), -1)
        return ("main", main[0], index)

    def left_undone(self, plan: Plan, recorded: RecordedProcess) -> str | None:
        """What of a plan this process did not come to, in words; None where it did all."""
        if self.ended in ENDED_AT_PROBE:
            return "what follows the added line that ended the replay was not executed"
        wanted = 1 + max((part.main for part in plan.segments), default=0)
        if self.entered < min(wanted, len(recorded.mains)):
            return f"{recorded.mains[self.entered].name} was not reached"
        for part in plan.segments:
            if part.main >= len(recorded.mains):
                continue
            mark = recorded.mains[part.main]
            for index in range(part.start, min(part.stop, mark.iterations)):
                if (part.main, index) not in self.iterations:
                    return f"{mark.name}={index} was not executed"
        if plan.epilogue and self.phases < len(recorded.mains):
            return "what follows the main loops was not executed"
        return None if self.ended else "the replay's process did not come to its end"

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


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first thing that is not as recorded.

    Attributes:
        kind: "value", "missing", "extra", "state" or "loop".
        when: puts divergences into the order of execution.
        item: the logged name, or the path of the state's item.
    """

    kind: str
    position: Position
    item: str
    recorded: Any
    replayed: Any
    when: tuple[int, int] = (0, 0)


COUNTED = (
    "values",
    "identical",
    "within_tolerance",
    "different",
    "missing",
    "extra",
    "states",
    "states_identical",
    "states_within_tolerance",
    "volatile",
    "loops_diverged",
    "starts_differ",
)
"""The counts of a Verdict, which add up."""


@dataclass(slots=True)
class Verdict:
    """What came of comparing a replay with the record.

    Attributes:
        values, identical, within_tolerance, different: of values that both logged.
        missing: recorded, expected, and not logged again.
        extra: logged by the replay's recorded code, and not recorded.
        states, states_identical: boundaries whose whole state was compared.
        volatile: read off a clock, or with times or moved lines in a text; and so not compared.
        starts_differ: replays whose own prelude came out otherwise, as an unseeded script's does,
            and that went on from the recorded state all the same.
        loops_diverged: main loops that turned otherwise than in the record.
        states_within_tolerance: of the states, those whose numbers differ by no more than it.
        new: values that probes logged, by name.
        first_missing: when the first missing value should have come.
    """

    values: int = 0
    identical: int = 0
    within_tolerance: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    states: int = 0
    states_identical: int = 0
    states_within_tolerance: int = 0
    volatile: int = 0
    loops_diverged: int = 0
    starts_differ: int = 0
    first: Divergence | None = None
    first_missing: tuple[int, int] | None = None
    new: dict[str, int] = field(default_factory=dict)

    @property
    def diverged(self) -> bool:
        """Whether anything is not as recorded; what is missing may only not have been reached."""
        wrong = self.different + self.extra + self.loops_diverged
        return wrong > 0 or self.states_identical + self.states_within_tolerance < self.states

    def note(self, divergence: Divergence) -> None:
        """Keep the first divergence, by the order of execution."""
        if self.first is None or divergence.when < self.first.when:
            self.first = divergence


def verify(recorded: Trace, replayed: Trace, *, tolerance: float = 0.0) -> Verdict:
    """Compare all values and end states that a replay executed.

    Args:
        recorded: what the run did.
        replayed: what the replay did.
        tolerance: largest relative difference of two numbers that still passes.
    """
    verdict, start = Verdict(), Verdict()
    expected = rows_by_key(row for row in recorded.rows if replayed.executed(row))
    found = rows_by_key(row for row in replayed.rows if not row.flags & HINDSIGHT)
    for key, row in expected.items():
        _compare(row, found.get(key), start if at_start(row) else verdict, tolerance)
    for key, row in found.items():
        if key not in expected and replayed.executed(row) and not row.flags & VOLATILE:
            part = start if at_start(row) else verdict
            part.extra += 1
            part.note(_divergence("extra", row, None, row.value))
    for row in replayed.rows:
        if row.flags & HINDSIGHT and row.name not in UNCOMPARED:
            verdict.new[row.name] = verdict.new.get(row.name, 0) + 1
    marks = replayed.verifications
    _compare_states([mark for mark in marks if mark.get("start")], start)
    _compare_states([mark for mark in marks if not mark.get("start")], verdict)
    _take_in_start(start, verdict, replayed)
    for warning in replayed.warnings:
        if warning["code"] == LOOP_DIVERGED:
            verdict.loops_diverged += 1
            verdict.note(Divergence("loop", (), warning["text"], None, None, _LAST))
    return verdict


def at_start(row: LogRow) -> bool:
    """Whether a row was logged before the first main loop."""
    return row.region[:2] == (_PHASE, 0)


def _take_in_start(start: Verdict, verdict: Verdict, replayed: Trace) -> None:
    """Add what was compared before the first main loop.

    A script that seeds nothing starts otherwise each time. Where the replay went on from the
    recorded state, and no probe stands before the loop, nothing that it says depends on that.
    """
    asked = any(row.flags & HINDSIGHT and at_start(row) for row in replayed.rows)
    aside = replayed.restored_bytes > 0 and not asked
    if aside and (start.diverged or start.missing):
        verdict.starts_differ += 1
        return
    for name in COUNTED:
        setattr(verdict, name, getattr(verdict, name) + getattr(start, name))
    if start.first is not None:
        verdict.note(start.first)
    if start.first_missing is not None:
        verdict.first_missing = min(verdict.first_missing or _LAST, start.first_missing)


def _divergence(kind: str, row: LogRow, recorded: Any, replayed: Any) -> Divergence:
    return Divergence(kind, row.position, row.name, recorded, replayed, when_of(row))


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


def _compare(row: LogRow, other: LogRow | None, verdict: Verdict, tolerance: float) -> None:
    if row.flags & VOLATILE or (other is not None and other.flags & VOLATILE):
        verdict.volatile += 1
        return
    if other is None:
        verdict.missing += 1
        verdict.first_missing = min(verdict.first_missing or _LAST, when_of(row))
        verdict.note(_divergence("missing", row, row.value, None))
        return
    like = likeness(row.value, other.value, (row.line, other.line), tolerance)
    if like == "incidental":
        verdict.volatile += 1
        return
    verdict.values += 1
    if like == "identical":
        verdict.identical += 1
    elif like == "near":
        verdict.within_tolerance += 1
    else:
        verdict.different += 1
        verdict.note(_divergence("value", row, row.value, other.value))


def is_same_state(record: Mapping[str, Any]) -> bool:
    """Whether a whole state came out as recorded, within the tolerance that was asked for."""
    near = record.get("within_tolerance", 0)
    return bool(record["identical"] + near == record["checked"])


def _is_within(record: Mapping[str, Any]) -> bool:
    """Whether a state was compared in the middle of an iteration."""
    return record.get("step") is not None


def _compare_states(verifications: Iterable[Mapping[str, Any]], verdict: Verdict) -> None:
    for record in verifications:
        verdict.states += 1
        if record["identical"] == record["checked"]:
            verdict.states_identical += 1
        elif is_same_state(record):
            verdict.states_within_tolerance += 1
        elif record["differing"]:
            first = record["differing"][0]
            verdict.note(
                Divergence(
                    "state",
                    position_from_json(record["position"]),
                    first["item"],
                    first["recorded"],
                    first["replayed"],
                    (2 * record["main"] + 1, 2 * record["index"] + _is_within(record)),
                )
            )
