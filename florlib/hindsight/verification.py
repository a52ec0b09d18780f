"""A replay's journal held against the record: what was executed, and whether it is the same.

Rows are compared where the replay executed them. A recorded row is expected when its part of
the run was executed: the prelude always, an iteration that ran and was not skipped, and what lies
behind a main loop that the replay went beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.likeness import likeness
from florlib.ground.position import Position, position_from_json
from florlib.hindsight.trace import (
    HINDSIGHT,
    UNCOMPARED,
    VOLATILE,
    Key,
    LogRow,
    Trace,
    at_start,
    rows_by_key,
    when_of,
)

LOOP_DIVERGED = "loop-diverged"
_LAST = (1 << 62, 0)


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
        volatile: read off a clock, and so not compared.
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


@dataclass(slots=True)
class Seen:
    """What other workers have executed already: it counts once, however many do it.

    Attributes:
        same: rows that came out as recorded.
        states: (main loop, position) of the whole states that did.
    """

    same: set[Key] = field(default_factory=set)
    states: set[tuple[int, Position]] = field(default_factory=set)


def verify(
    recorded: Trace, replayed: Trace, *, tolerance: float = 0.0, seen: Seen | None = None
) -> Verdict:
    """Compare all values and end states that a replay executed.

    Args:
        recorded: what the run did.
        replayed: what the replay did.
        tolerance: largest relative difference of two numbers that still passes.
        seen: what others have done of the same replay; what this one did is added.
    """
    verdict, start, seen = Verdict(), Verdict(), seen or Seen()
    expected = rows_by_key(row for row in recorded.rows if replayed.executed(row))
    found = rows_by_key(row for row in replayed.rows if not row.flags & HINDSIGHT)
    for key, row in expected.items():
        part = Verdict() if key in seen.same else start if at_start(row) else verdict
        if _compare(row, found.get(key), part, tolerance):
            seen.same.add(key)
        elif key in seen.same:  # otherwise here than with another worker
            _compare(row, found.get(key), start if at_start(row) else verdict, tolerance)
    for key, row in found.items():
        if key not in expected and replayed.executed(row) and not row.flags & VOLATILE:
            part = start if at_start(row) else verdict
            part.extra += 1
            part.note(_divergence("extra", row, None, row.value))
    for row in replayed.rows:
        if row.flags & HINDSIGHT and row.name not in UNCOMPARED:
            verdict.new[row.name] = verdict.new.get(row.name, 0) + 1
    marks = [mark for mark in replayed.verifications if _is_new(mark, seen)]
    _compare_states([mark for mark in marks if mark.get("start")], start)
    _compare_states([mark for mark in marks if not mark.get("start")], verdict)
    _take_in_start(start, verdict, replayed)
    for warning in replayed.warnings:
        if warning["code"] == LOOP_DIVERGED:
            verdict.loops_diverged += 1
            verdict.note(Divergence("loop", (), warning["text"], None, None, _LAST))
    return verdict


def _is_new(mark: Mapping[str, Any], seen: Seen) -> bool:
    """Whether a whole state is to be counted: not where others have shown it to be right."""
    place = (mark["main"], position_from_json(mark["position"]))
    if not is_same_state(mark):
        return True
    known = place in seen.states
    seen.states.add(place)
    return not known


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


def _compare(row: LogRow, other: LogRow | None, verdict: Verdict, tolerance: float) -> bool:
    """Count a recorded row; whether it is as recorded, as far as it can be compared."""
    if row.flags & VOLATILE or (other is not None and other.flags & VOLATILE):
        verdict.volatile += 1
        return True
    if other is None:
        verdict.missing += 1
        verdict.first_missing = min(verdict.first_missing or _LAST, when_of(row))
        verdict.note(_divergence("missing", row, row.value, None))
        return False
    like = likeness(row.value, other.value, (row.line, other.line), tolerance)
    verdict.values += 1
    if like == "identical":
        verdict.identical += 1
    elif like == "near":
        verdict.within_tolerance += 1
    else:
        verdict.different += 1
        verdict.note(_divergence("value", row, row.value, other.value))
    return like != "different"


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
