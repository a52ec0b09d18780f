"""Curves: the numbers of a name over steps, thinned out so that a screen can show them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from florctl.orchestrate.answers.steps import Steps, Turns, turns_per_entry
from florctl.orchestrate.export.numbers import number_of
from florlib.ground.position import Position, describe
from florlib.ground.values import encode_value, plain_json
from florlib.stores.catalog.rows import ValueRow

BUCKETS = 1000
"""Of a longer curve the least and the most of each bucket are kept: more than a screen has dots."""


class Point(NamedTuple):
    """A number at its step; a tuple, as a long curve has a million."""

    step: int
    number: float
    position: Position


@dataclass(frozen=True, slots=True)
class Curve:
    """The numbers of a name from one process and of one kind.

    Attributes:
        mark: diverged or unverified of what is no fact; None of what is.
        is_late: from replays alone.
        words: what steps mean.
        unit: steps in an iteration of the outermost loop.
        loop: the outermost loop's name, "" outside of all.
        total: how many numbers there are; `points` may be fewer.
        differing: recorded ones that the newest replay did not come to.
    """

    rank: int
    wave: int
    mark: str | None
    is_late: bool
    words: str
    unit: int
    loop: str
    total: int
    differing: int
    points: list[Point]

    def to_json(self) -> dict[str, Any]:
        """As the page has it: columns, in which what JSON cannot hold goes by its name."""
        return {
            "rank": self.rank,
            "process": self.wave,
            "mark": self.mark,
            "replayed": self.is_late,
            "words": self.words,
            "unit": self.unit,
            "loop": self.loop,
            "total": self.total,
            "differing": self.differing,
            "steps": [point.step for point in self.points],
            "numbers": [plain_json(encode_value(point.number)) for point in self.points],
            "where": [describe(point.position) for point in self.points],
        }


def curves_of(values: Sequence[ValueRow], turns: Turns) -> list[Curve]:
    """The curves of one name in a run.

    Args:
        values: of the name, in the order of execution; what is no number is left out.
        turns: of the run's loops (`questions.turns`).
    """
    per_entry = turns_per_entry(turns, values)
    processes: dict[tuple[int, int], list[ValueRow]] = {}
    for value in values:
        processes.setdefault((value.rank, value.wave), []).append(value)
    return [
        curve
        for process, own in processes.items()
        for curve in _of_process(process, own, per_entry)
    ]


def _of_process(
    process: tuple[int, int], values: Sequence[ValueRow], per_entry: dict[tuple[str, ...], int]
) -> list[Curve]:
    at_once = max((one.occurrence + 1 for one in values if one.position), default=1)
    steps = Steps(per_entry, at_once)
    kinds: dict[tuple[str | None, bool], list[Point]] = {}
    differing = 0
    deepest: tuple[str, ...] = ()
    for value in values:
        step = steps.of(value.position, value.occurrence)
        number = number_of(value.value)
        if number is None:
            continue
        deepest = max(deepest, tuple(loop for loop, _ in value.position), key=len)
        is_late = value.origin != "record"
        differing += not is_late and value.verified is False
        kind = (None if value.is_trusted else value.mark, is_late)
        kinds.setdefault(kind, []).append(Point(step, number, value.position))
    unit = at_once
    for depth in range(1, len(deepest)):
        unit *= per_entry[deepest[: depth + 1]]
    words, loop = steps.words(), deepest[0] if deepest else ""
    return [
        Curve(
            *process,
            mark,
            is_late,
            words,
            unit,
            loop,
            len(points),
            0 if is_late else differing,
            thinned(points),
        )
        for (mark, is_late), points in kinds.items()
    ]


def thinned(points: Sequence[Point], buckets: int = BUCKETS) -> list[Point]:
    """Points of which a long row keeps the least and the most of each bucket.

    What is not finite is kept as it is the first of its bucket: a curve must not hide a NaN.
    """
    if len(points) <= 2 * buckets:
        return list(points)
    found: list[Point] = []
    for bucket in range(buckets):
        part = points[bucket * len(points) // buckets : (bucket + 1) * len(points) // buckets]
        finite = [point for point in part if math.isfinite(point.number)]
        kept = _extremes(finite) | _first(one for one in part if not math.isfinite(one.number))
        found += [point for point in part if id(point) in kept]
    return found


def _extremes(points: Sequence[Point]) -> set[int]:
    if not points:
        return set()
    key = [point.number for point in points]
    return {id(points[key.index(min(key))]), id(points[key.index(max(key))])}


def _first(points: Iterable[Point]) -> set[int]:
    return {id(point) for point in list(points)[:1]}
