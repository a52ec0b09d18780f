"""Curves of logged values: what `flor log plot` draws, as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from florctl.orchestrate.answers.axes import Axis, Course, unit_of
from florctl.orchestrate.answers.logged import standing_values
from florctl.orchestrate.answers.lookup import details_of
from florlib.ground.errors import UsageError
from florlib.ground.histogram import Histogram
from florlib.ground.values import decode_value
from florlib.stores.catalog.rows import RunDetails, RunRow, ValueRow

DOUBTS = ("", "unverified", "diverged")
"""How far the values of a curve can be trusted; the first is in full."""


SPANS = ((0.0, 1.0), (0.25, 0.75))
"""Of histograms, the shares of the numbers between which a band is drawn."""


@dataclass(frozen=True, slots=True)
class Band:
    """What lies around a curve that is the median of histograms.

    Attributes:
        span: the shares of the numbers that lie below it and below its upper end.
        points: (x, low, high), where they are finite.
    """

    span: tuple[float, float]
    points: tuple[tuple[float, float, float], ...]

    def drawn(self, is_log: bool) -> tuple[tuple[float, float, float], ...]:
        """The points that there is room for on the axis."""
        return tuple(point for point in self.points if point[1] > 0 or not is_log)

    def sides(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The lower and the upper end as curves."""
        return [(x, low) for x, low, _ in self.points], [(x, high) for x, _, high in self.points]


@dataclass(frozen=True, slots=True)
class Curve:
    """Values of one name in one run, all of which can be trusted alike.

    Attributes:
        run: NAME@3.
        doubt: one of DOUBTS.
        points: (x, y) in the order of execution; y may be NaN or infinite.
        raw: the points before they were smoothed; none where they were not.
        bands: of histograms, whose medians are the points; the widest first.
    """

    run: str
    doubt: str
    points: tuple[tuple[float, float], ...]
    raw: tuple[tuple[float, float], ...] = ()
    bands: tuple[Band, ...] = ()

    @property
    def label(self) -> str:
        """What a legend calls it."""
        return f"{self.run} ({self.doubt})" if self.doubt else self.run


@dataclass(frozen=True, slots=True)
class Panel:
    """All curves of one name, on axes of their own.

    Attributes:
        x_title: with its unit, where it has one.
        notes: what is not drawn, and why.
    """

    name: str
    x_title: str
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]
    is_log: bool = False
    smooth: float = 0.0

    @property
    def title(self) -> str:
        """The name, and what was done to its values."""
        return f"{self.name}, smoothed {self.smooth:g}" if self.smooth else self.name


def panels_of(
    runs: Sequence[RunRow],
    names: Sequence[str],
    home: Path,
    *,
    axis: Axis,
    smooth: float = 0.0,
    is_log: bool = False,
) -> list[Panel]:
    """A panel for each name, with a curve for each run and doubt.

    Args:
        runs: whose values.
        names: of logged numbers or histograms.
        home: FLOR_HOME.
        axis: what stands on the x axis.
        smooth: weight of what went before in a moving average; 0 leaves values as they are.
        is_log: the y axis is logarithmic; what is not above 0 is left out.

    Raises:
        NameNotFound: no run has logged one of the names.
        UsageError: what was logged under one is no number, and no histogram.
    """
    found = standing_values(runs, names, home)
    details = {run.key: details_of(run, home) for run, _ in found}
    return [_panel(name, found, details, home, axis, smooth, is_log) for name in names]


def _panel(
    name: str,
    found: Sequence[tuple[RunRow, Sequence[ValueRow]]],
    details: Mapping[int, RunDetails],
    home: Path,
    axis: Axis,
    smooth: float,
    is_log: bool,
) -> Panel:
    notes: list[str] = []
    drawn: list[_Drawn] = []
    for run, rows in found:
        numbers, told = _numbers([row for row in rows if row.name == name])
        label = f"{run.name}@{run.ordinal}"
        notes += [f"{label}: {text}" for text in told]
        if numbers:
            course = Course(run, details[run.key], [row for row, _ in numbers])
            drawn.append(_Drawn(label, numbers, course))
    if not drawn:
        raise UsageError(
            f"what was logged as {name} is no number", hint=f"flor log get {found[0][0].run} {name}"
        )
    title, places = _placed(drawn, axis, home)
    curves = [
        curve
        for one, its in zip(drawn, places, strict=True)
        for curve in _curves(one.label, one.numbers, its)
    ]
    notes += _undrawn(curves, is_log)
    shown = tuple(_smoothed(curve, smooth) if smooth else curve for curve in curves)
    return Panel(name, title, shown, tuple(notes), is_log, smooth)


@dataclass(frozen=True, slots=True)
class _Drawn:
    label: str
    numbers: list[tuple[ValueRow, float]]
    course: Course

    @property
    def rows(self) -> list[ValueRow]:
        return [row for row, _ in self.numbers]


def _placed(drawn: Sequence[_Drawn], axis: Axis, home: Path) -> tuple[str, list[list[float]]]:
    """The title of the x axis, and the places of each run's values on it."""
    if axis is Axis.iteration:
        loops = {one.course.loop for one in drawn}
        title = loops.pop() if len(loops) == 1 else "iteration"
        return title, [one.course.iterations(one.rows) for one in drawn]
    if axis is Axis.step:
        return "step", [one.course.steps(one.rows) for one in drawn]
    times = [one.course.times_s(one.rows, home) for one in drawn]
    seconds, sign = unit_of(max(max(its) for its in times))
    return f"training time [{sign}]", [[each / seconds for each in its] for its in times]


def _numbers(rows: Sequence[ValueRow]) -> tuple[list[tuple[ValueRow, float]], list[str]]:
    """The numbers among values of the lowest rank, and what is left out."""
    if not rows:
        return [], []
    lowest = min(row.rank for row in rows)
    told = []
    others = {row.rank for row in rows} - {lowest}
    if others:
        told.append(f"rank {lowest} is drawn, of {len(others) + 1} ranks")
    found = []
    for row in rows:
        number = _number(row)
        if row.rank == lowest and number is not None:
            found.append((row, number))
    differing = sum(row.origin == "record" and row.verified is False for row, _ in found)
    if differing:
        told.append(f"{differing} recorded values came out otherwise in the newest replay")
    return found, told + _of_histograms([row for row, _ in found])


def _of_histograms(rows: Sequence[ValueRow]) -> list[str]:
    """What is to be known of the histograms among values."""
    found = [one for one in map(_histogram, rows) if one is not None]
    told = ["the median of each histogram, with its middle half and its span"] if found else []
    strange = sum(bool(one.nan or one.infinities) for one in found)
    if strange:
        have = "s have" if strange > 1 else " has"
        told.append(f"{strange} histogram{have} NaN or infinities, which are not drawn")
    return told


def _histogram(row: ValueRow) -> Histogram | None:
    is_one = isinstance(row.value, dict) and "$histogram" in row.value
    return decode_value(row.value) if is_one else None


def _number(row: ValueRow) -> float | None:
    value = decode_value(row.value)
    if isinstance(value, Histogram):
        return value.quantile(0.5)
    if not isinstance(value, (bool, int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _doubt(row: ValueRow) -> str:
    return "" if row.origin == "record" or row.mark == "verified" else row.mark or ""


def _curves(
    run: str, numbers: Sequence[tuple[ValueRow, float]], places: Sequence[float]
) -> Iterator[Curve]:
    for doubt in DOUBTS:
        own = [
            (place, row, number)
            for place, (row, number) in zip(places, numbers, strict=True)
            if _doubt(row) == doubt
        ]
        if own:
            points = tuple((place, number) for place, _, number in own)
            bands = tuple(_bands([(place, row) for place, row, _ in own]))
            yield Curve(run, doubt, points, bands=bands)


def _bands(rows: Sequence[tuple[float, ValueRow]]) -> Iterator[Band]:
    found = [(place, one) for place, row in rows if (one := _histogram(row)) is not None]
    found = [(place, one) for place, one in found if one.finite]
    for span in SPANS if found else ():
        low, high = span
        points = ((place, one.quantile(low), one.quantile(high)) for place, one in found)
        yield Band(span, tuple(points))


def _undrawn(curves: Iterable[Curve], is_log: bool) -> list[str]:
    """A line for each curve of which something cannot be drawn."""
    notes = []
    for curve in curves:
        strange = [x for x, y in curve.points if not math.isfinite(y)]
        if strange:
            count = f"{len(strange)} value{'s are' if len(strange) > 1 else ' is'} NaN or infinite"
            notes.append(f"{curve.label}: {count}, from {strange[0]:g} on")
        below = sum(math.isfinite(y) and y <= 0 for _, y in curve.points)
        if is_log and below:
            verb = "s are" if below > 1 else " is"
            notes.append(f"{curve.label}: {below} value{verb} not above 0")
    return notes


def _smoothed(curve: Curve, weight: float) -> Curve:
    """The curve as a moving average in which each value before counts less by the weight.

    The beginning is not drawn to zero: sums of weights are divided by, as Adam does
    (https://arxiv.org/abs/1412.6980, section 3).
    """
    bands = []
    for band in curve.bands:
        low, high = (_averaged(side, weight) for side in band.sides())
        around = ((x, y, top) for (x, y), (_, top) in zip(low, high, strict=True))
        bands.append(replace(band, points=tuple(around)))
    points = tuple(_averaged(curve.points, weight))
    return replace(curve, points=points, raw=curve.points, bands=tuple(bands))


def _averaged(curve: Sequence[tuple[float, float]], weight: float) -> list[tuple[float, float]]:
    total = norm = 0.0
    points = []
    for x, y in curve:
        if math.isfinite(y):
            total, norm = total * weight + y * (1 - weight), norm * weight + (1 - weight)
            points.append((x, total / norm))
        else:
            points.append((x, y))
    return points


def drawable(
    points: Iterable[tuple[float, float]], is_log: bool
) -> list[list[tuple[float, float]]]:
    """The points as strokes: a value that cannot be drawn leaves a gap.

    >>> drawable([(0, 1.0), (1, float("nan")), (2, 3.0)], False)
    [[(0, 1.0)], [(2, 3.0)]]
    """
    strokes: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y) and (y > 0 or not is_log):
            strokes[-1].append((x, y))
        elif strokes[-1]:
            strokes.append([])
    return [stroke for stroke in strokes if stroke]


def thinned(points: Sequence[tuple[float, float]], buckets: int) -> list[tuple[float, float]]:
    """At most four points for each bucket of x: the first, lowest, highest and last, in order.

    A line through them covers the same pixels as one through all, where a bucket is a pixel
    (Jugel et al., M4, VLDB 2014).
    """
    if len(points) <= 4 * buckets:
        return list(points)
    low, high = points[0][0], points[-1][0]
    width = (high - low) / buckets or 1.0
    kept: list[tuple[float, float]] = []
    group: list[tuple[float, float]] = []
    number = 0
    for point in points:
        of = int((point[0] - low) / width)
        if of != number and group:
            kept += _outline(group)
            group = []
        number = of
        group.append(point)
    return kept + _outline(group)


def _outline(group: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    def height(at: int) -> float:
        return group[at][1]

    span = range(len(group))
    chosen = {0, len(group) - 1, min(span, key=height), max(span, key=height)}
    return [group[at] for at in sorted(chosen)]
