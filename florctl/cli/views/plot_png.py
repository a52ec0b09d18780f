"""Plots as pictures, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from florctl.orchestrate.answers.curves import Panel, drawable, thinned
from florlib.ground.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#666666")
"""Of runs, by their number: told apart by people who see few colours (Okabe and Ito, 2008)."""
DIVERGED = "#cc0000"
BAND_SHADE = 0.2  # of a band of histograms; where two lie on each other it is darker
_DASHES = {"": "solid", "unverified": "dashed", "diverged": "dotted"}
_MARKS = "o^sDv*XP"
_WIDTH_IN, _HEIGHT_IN, _DPI = 10.0, 4.5, 120
_BUCKETS = 1200  # of x: about as many as the picture has pixels
_MARKED = 8  # marks on a curve


def write_png(path: Path, panels: Sequence[Panel], runs: Sequence[str]) -> None:
    """Draw panels, one below the other.

    Args:
        path: of the picture.
        panels: what is drawn.
        runs: all runs in them; the number of one is that of its colour.

    Raises:
        UsageError: there is no matplotlib, or the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "--png needs matplotlib, which is not installed", hint="pip install 'florctl[plot]'"
        ) from error

    figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN * len(panels)), layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw(axes, panel, runs)
    try:
        figure.savefig(path, format="png", dpi=_DPI)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror})",
            hint="flor log plot @ loss --png loss.png",
        ) from error


def _draw(axes: Axes, panel: Panel, runs: Sequence[str]) -> None:
    for curve in panel.curves:
        number = runs.index(curve.run)
        colour = DIVERGED if curve.doubt == "diverged" else COLOURS[number % len(COLOURS)]
        for band in curve.bands:
            drawn = band.drawn(panel.is_log)
            lows, highs = [low for _, low, _ in drawn], [high for *_, high in drawn]
            places = [x for x, *_ in drawn]
            axes.fill_between(places, lows, highs, color=colour, alpha=BAND_SHADE, linewidth=0)
        if curve.raw:
            axes.plot(*with_gaps(curve.raw, panel.is_log), color=colour, alpha=0.25, linewidth=0.8)
        xs, ys = with_gaps(curve.points, panel.is_log)
        apart = max(1, len(xs) // _MARKED)
        axes.plot(
            xs,
            ys,
            color=colour,
            linestyle=_DASHES[curve.doubt],
            linewidth=1.6,
            marker=_MARKS[number % len(_MARKS)],
            markevery=(number * apart // max(len(runs), 1), apart),
            label=curve.label,
        )
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.x_title)
    axes.set_ylabel(f"{panel.name}{' (log scale)' if panel.is_log else ''}")
    if panel.is_log:
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False)
    if panel.notes:
        text = "\n".join(panel.notes)
        axes.text(0.0, -0.16, text, transform=axes.transAxes, va="top", fontsize="small")


def with_gaps(
    points: Sequence[tuple[float, float]], is_log: bool
) -> tuple[list[float], list[float]]:
    """The numbers of x and of y, with NaN between the strokes of a curve."""
    xs: list[float] = []
    ys: list[float] = []
    for stroke in drawable(points, is_log):
        if xs:
            xs.append(xs[-1])
            ys.append(math.nan)
        for x, y in thinned(stroke, _BUCKETS):
            xs.append(x)
            ys.append(y)
    return xs, ys
