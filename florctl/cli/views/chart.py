"""A plot in a terminal: curves of braille dots, with a colour and a mark for each, axes and a legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from florctl.cli.views.ticks import log_ticks, tick_texts, ticks
from florctl.orchestrate.answers.curves import Panel, drawable, thinned

Piece = tuple[str, str]
"""A text, and the style that it has on a terminal with colours."""
Line = list[Piece]

COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "bright_white")
DIVERGED = "bold red"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_LEAST = 10  # columns and rows of a plot that can be read
_ROWS_A_TICK, _COLUMNS_A_TICK = 3, 12
_DOTS_OF_BANDS = 3  # the ends of a band have every third dot


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a plot; where a terminal has no braille, curves are drawn by their marks."""

    marks: str
    vertical: str
    horizontal: str
    corner: str
    y_tick: str
    x_tick: str
    band: str
    has_braille: bool


UNICODE = Glyphs("●▲■◆★✚▼◇", "│", "─", "└", "┤", "┬", "·", True)
ASCII = Glyphs("ox+*#@%&", "|", "-", "+", "+", "+", ".", False)


@dataclass(frozen=True, slots=True)
class _Scale:
    """One axis: numbers to shares of its length."""

    low: float
    high: float
    is_log: bool

    @classmethod
    def around(cls, values: Sequence[float], is_log: bool) -> _Scale:
        low, high = min(values), max(values)
        if low == high:
            low, high = (low / 2, high * 2) if is_log else (low - _half(low), high + _half(high))
        return cls(low, high, is_log)

    def share(self, value: float) -> float:
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _half(value: float) -> float:
    return abs(value) / 20 or 0.5


class _Canvas:
    """Cells of two by four dots each."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._bits = [[0] * columns for _ in range(rows)]
        self._texts: list[list[Piece]] = [[(" ", "")] * columns for _ in range(rows)]

    def dot(self, x: int, y: int, text: str, style: str) -> None:
        column, row = x // 2, self.rows - 1 - y // 4
        if text:
            self._texts[row][column] = (text, style)
            return
        self._bits[row][column] |= _DOTS[x % 2][3 - y % 4]
        self._texts[row][column] = (chr(_BRAILLE + self._bits[row][column]), style)

    def line(
        self, start: tuple[int, int], end: tuple[int, int], text: str, style: str, every: int
    ) -> None:
        (x, y), (x_end, y_end) = start, end
        steps = max(abs(x_end - x), abs(y_end - y), 1)
        for step in range(0, steps + 1, every):
            at = (round(x + (x_end - x) * step / steps), round(y + (y_end - y) * step / steps))
            self.dot(*at, text, style)

    def row(self, number: int) -> Line:
        joined: Line = []
        for text, style in self._texts[number]:
            if joined and joined[-1][1] == style:
                joined[-1] = (joined[-1][0] + text, style)
            else:
                joined.append((text, style))
        return joined


def chart(panel: Panel, width: int, rows: int, runs: Sequence[str], glyphs: Glyphs) -> list[Line]:
    """The lines of a plot.

    Args:
        panel: what is drawn.
        width: columns of the terminal.
        rows: of the plot itself, without its title, axis and legend.
        runs: all that are drawn in any panel: each has its colour and mark by its number here.
        glyphs: what it is drawn with.
    """
    strokes = [drawable(curve.points, panel.is_log) for curve in panel.curves]
    sides = [
        [
            stroke
            for band in curve.bands
            for side in band.sides()
            for stroke in drawable(side, panel.is_log)
        ]
        for curve in panel.curves
    ]
    points = [point for curve in (*strokes, *sides) for stroke in curve for point in stroke]
    head: Line = [(panel.title, "bold"), (", log scale" if panel.is_log else "", "")]
    if not points:
        return [head, [("nothing that can be drawn", "")], *_notes(panel)]
    x_scale = _Scale.around([x for x, _ in points], False)
    y_scale = _Scale.around([y for _, y in points], panel.is_log)
    y_marks = _y_ticks(y_scale, rows)
    texts = tick_texts(y_marks)
    margin = max(map(len, texts))
    canvas = _Canvas(max(_LEAST, width - margin - 3), max(_LEAST, rows))
    looks = looks_of(panel, runs, glyphs.marks)
    for curve, look in zip(sides, looks, strict=True):
        text = "" if glyphs.has_braille else glyphs.band
        _draw(canvas, curve, x_scale, y_scale, text, look[1], every=_DOTS_OF_BANDS)
    for curve, look in zip(strokes, looks, strict=True):
        _draw(canvas, curve, x_scale, y_scale, "" if glyphs.has_braille else look[0], look[1])
    for number, (curve, look) in enumerate(zip(strokes, looks, strict=True)):
        _mark(canvas, curve, x_scale, y_scale, *look, number / len(strokes))
    labels = {
        canvas.rows - 1 - _cell(y_scale.share(value), canvas.rows): text
        for value, text in zip(y_marks, texts, strict=True)
    }
    lines: list[Line] = [head]
    for number in range(canvas.rows):
        edge = glyphs.y_tick if number in labels else glyphs.vertical
        lines.append([(f"{labels.get(number, ''):>{margin}} {edge}", ""), *canvas.row(number)])
    lines += _x_axis(panel, x_scale, canvas.columns, margin, glyphs)
    return [*lines, *_legend(panel, looks, width), *_notes(panel)]


def _y_ticks(scale: _Scale, rows: int) -> list[float]:
    most = max(2, rows // _ROWS_A_TICK)
    return (log_ticks if scale.is_log else ticks)(scale.low, scale.high, most)


def _cell(share: float, count: int) -> int:
    return min(count - 1, int(share * count))


def looks_of(panel: Panel, runs: Sequence[str], marks: str) -> list[tuple[str, str]]:
    """The mark and the colour of each curve: those of its run, or a mark of its own where in doubt."""
    own = {curve.run: marks[runs.index(curve.run) % len(marks)] for curve in panel.curves}
    free = [mark for mark in reversed(marks) if mark not in own.values()] or list(marks)
    looks = []
    for curve in panel.curves:
        colour = COLOURS[runs.index(curve.run) % len(COLOURS)]
        mark = own[curve.run]
        if curve.doubt:
            mark = free.pop(0) if len(free) > 1 else free[0]
        looks.append((mark, DIVERGED if curve.doubt == "diverged" else colour))
    return looks


def _dots(
    canvas: _Canvas, x_scale: _Scale, y_scale: _Scale
) -> Callable[[float, float], tuple[int, int]]:
    wide, high = 2 * canvas.columns - 1, 4 * canvas.rows - 1
    return lambda x, y: (round(x_scale.share(x) * wide), round(y_scale.share(y) * high))


def _draw(
    canvas: _Canvas,
    strokes: Sequence[Sequence[tuple[float, float]]],
    x_scale: _Scale,
    y_scale: _Scale,
    text: str,
    style: str,
    *,
    every: int = 1,
) -> None:
    dots = _dots(canvas, x_scale, y_scale)
    for stroke in strokes:
        placed = [dots(x, y) for x, y in thinned(stroke, 2 * canvas.columns)]
        for start, end in zip(placed, placed[1:] or placed, strict=False):
            canvas.line(start, end, text, style, every)


def _mark(
    canvas: _Canvas,
    strokes: Sequence[Sequence[tuple[float, float]]],
    x_scale: _Scale,
    y_scale: _Scale,
    mark: str,
    style: str,
    shift: float,
) -> None:
    """Put the mark of a curve on it here and there, where those of others mostly do not stand."""
    dots = _dots(canvas, x_scale, y_scale)
    apart = max(8.0, 2 * canvas.columns / 5)
    placed = [dots(x, y) for stroke in strokes for x, y in stroke]
    due = shift * apart
    for number, (x, y) in enumerate(placed):
        if x >= due or (number == len(placed) - 1 and due == shift * apart):
            canvas.dot(x, y, mark, style)
            due = x + apart


def _x_axis(panel: Panel, scale: _Scale, columns: int, margin: int, glyphs: Glyphs) -> list[Line]:
    counts = "[" not in panel.x_title
    marks = ticks(scale.low, scale.high, max(2, columns // _COLUMNS_A_TICK), whole=counts)
    line, labels = [glyphs.horizontal] * columns, [" "] * (columns + margin + 3)
    free = 0
    for value, text in zip(marks, tick_texts(marks), strict=True):
        at = _cell(scale.share(value), columns)
        line[at] = glyphs.x_tick
        start = min(max(free, margin + 2 + at - len(text) // 2), len(labels) - len(text))
        if start >= free:
            labels[start : start + len(text)] = text
            free = start + len(text) + 1
    axis = f"{'':>{margin}} {glyphs.corner}{''.join(line)}"
    title = f"{panel.x_title:>{margin + 2 + columns}}"
    return [[(axis, "")], [("".join(labels).rstrip(), "")], [(title, "")]]


def _legend(panel: Panel, looks: Sequence[tuple[str, str]], width: int) -> list[Line]:
    lines: list[Line] = [[]]
    used = 0
    for curve, (mark, style) in zip(panel.curves, looks, strict=True):
        text = f"{mark} {curve.label}   "
        if used and used + len(text.rstrip()) > width:
            lines.append([])
            used = 0
        lines[-1] += [(mark, style), (text[1:], "")]
        used += len(text)
    return lines


def _notes(panel: Panel) -> list[Line]:
    return [[(text, "")] for text in panel.notes]
