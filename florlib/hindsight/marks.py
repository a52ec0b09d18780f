"""How far each new value of a replay can be trusted: what was compared around it, and how it came out.

A value is *verified* where what the replay did around it was compared with the record and nothing
differed up to there; *diverged* where something had differed before it, or did so before the next
whole state was compared; *unverified* where nothing could be compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from florlib.ground.likeness import likeness
from florlib.hindsight.trace import (
    HINDSIGHT,
    VOLATILE,
    Key,
    LogRow,
    Trace,
    at_start,
    rows_by_key,
    when_of,
)
from florlib.hindsight.verification import LOOP_DIVERGED, Verdict, is_same_state

VERIFIED, DIVERGED, UNVERIFIED = "verified", "diverged", "unverified"

Stretch = tuple[int, str]
"""(number of the last row that it holds for, mark); rows of a journal are numbered from 1."""


def mark_rows(
    recorded: Trace, replayed: Trace, verdict: Verdict, *, tolerance: float, whole: bool
) -> list[Stretch]:
    """The marks of a process's new values, in stretches of its journal's rows.

    Args:
        recorded: what the run did.
        replayed: what the replay did.
        verdict: what came of comparing both.
        tolerance: the one that was asked for.
        whole: whether the replay came to its end, so that what is missing differs.
    """
    marks: dict[int, str] = {}
    pending: list[int] = []
    compared = broken = False
    missing = verdict.first_missing if whole else None
    for number, row, good in _events(recorded, replayed, verdict, tolerance):
        if row is not None and row.flags & HINDSIGHT:
            late = missing is not None and when_of(row) >= missing
            marks[number] = DIVERGED if broken or late else UNVERIFIED
            if not broken and not late:
                pending.append(number)
            continue
        compared = compared or good is True
        if good is False:
            broken = True
            marks.update(dict.fromkeys(pending, DIVERGED))
            pending = []
        elif row is None:  # a whole state: what led to it is judged with it
            marks.update(dict.fromkeys(pending, VERIFIED))
            pending = []
    if whole and compared:
        marks.update(dict.fromkeys(pending, VERIFIED))
    return list(_stretches(marks))


def _events(
    recorded: Trace, replayed: Trace, verdict: Verdict, tolerance: float
) -> Iterator[tuple[int, LogRow | None, bool | None]]:
    """In order: (row's number, row, whether it is as recorded); whole states without a row."""
    expected = rows_by_key(row for row in recorded.rows if replayed.executed(row))
    found = rows_by_key(row for row in replayed.rows if not row.flags & HINDSIGHT)
    keys = {id(row): key for key, row in found.items()}
    number = 0
    for event in replayed.events:
        if isinstance(event, LogRow):
            number += 1
            aside = verdict.starts_differ > 0 and at_start(event)
            key = None if aside else keys.get(id(event))
            yield number, event, _is_as_recorded(event, key, expected, replayed, tolerance)
        elif event["kind"] == "warning":
            if event["code"] == LOOP_DIVERGED:
                yield number, None, False
        elif not (event.get("start") and verdict.starts_differ):
            yield number, None, is_same_state(event)


def _is_as_recorded(
    row: LogRow,
    key: Key | None,
    expected: dict[Key, LogRow],
    replayed: Trace,
    tolerance: float,
) -> bool | None:
    if key is None or row.flags & VOLATILE:
        return None
    other = expected.get(key)
    if other is None:
        return False if replayed.executed(row) else None
    if other.flags & VOLATILE:
        return None
    lines = (other.line, row.line)
    return likeness(other.value, row.value, lines, tolerance) != "different"


def _stretches(marks: dict[int, str]) -> Iterator[Stretch]:
    """Neighbouring rows of one mark together.

    >>> list(_stretches({2: "verified", 5: "verified", 6: "diverged"}))
    [(5, 'verified'), (6, 'diverged')]
    """
    numbers = sorted(marks)
    for n, number in enumerate(numbers):
        if n + 1 == len(numbers) or marks[numbers[n + 1]] != marks[number]:
            yield number, marks[number]
