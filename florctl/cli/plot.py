"""`flor log plot`: curves of logged values, in the terminal or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption, WhereOption, WordsArgument, runs_and_names
from florctl.cli.present import harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.orchestrate.answers.curves import Panel

_EXAMPLE = "flor log plot @ loss"
_ROWS = 16  # of a plot, where nobody says how high the terminal is


def plot(
    words: WordsArgument = None,
    where: WhereOption = None,
    x: Annotated[
        str,
        typer.Option("--x", metavar="iteration|step|time", help="What stands on the x axis."),
    ] = "iteration",
    smooth: Annotated[
        float,
        typer.Option(
            "--smooth",
            min=0.0,
            max=0.9999,
            metavar="W",
            help="A moving average in which what went before weighs W, such as 0.9.",
        ),
    ] = 0.0,
    log: Annotated[bool, typer.Option("--log", help="A logarithmic y axis.")] = False,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Write a picture instead.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page to zoom and hover in instead."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Plot logged numbers or histograms: a plot a name, a curve a run.

    A histogram is drawn as its median, with bands around it. A recorded value goes before what replays came to; what diverged or was not
    verified is a curve of its own, and called so. --png and --html need the
    extra: pip install 'florctl[plot]'.

    Example: flor log plot @,@~1 loss --log --smooth 0.9
    """
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.axes import Axis
    from florctl.orchestrate.answers.curves import panels_of
    from florlib.ground.errors import UsageError

    if x not in set(Axis):
        known = ", ".join(axis.value for axis in Axis)
        raise UsageError(f"--x {x} is none of {known}", hint=f"{_EXAMPLE} --x step")
    settings = present_settings()
    harvest_now(settings.home)
    runs, names = runs_and_names(words, where, settings, _EXAMPLE)
    axis = Axis(x)
    panels = panels_of(runs, names, settings.home, axis=axis, smooth=smooth, is_log=log)
    shown = {curve.run for panel in panels for curve in panel.curves}
    labels = [label for run in runs if (label := f"{run.name}@{run.ordinal}") in shown]
    if png is not None:
        from florctl.cli.views.plot_png import write_png

        write_png(png, panels, labels)
        tell(f"flor: wrote {png}")
    if html is not None:
        from florctl.cli.views.plot_html import write_html

        write_html(html, panels, labels)
        tell(f"flor: wrote {html}")
    if json:
        _print_json(panels)
    elif png is None and html is None:
        _print_charts(panels, labels)


def _print_json(panels: Sequence[Panel]) -> None:
    import json

    from florlib.ground.values import encode_value, plain_json

    content = [
        {
            "name": panel.name,
            "x": panel.x_title,
            "log": panel.is_log,
            "smooth": panel.smooth,
            "curves": [
                {
                    "run": curve.run,
                    "mark": curve.doubt or None,
                    "points": [[x, plain_json(encode_value(y))] for x, y in curve.points],
                    "bands": [{"span": band.span, "points": band.points} for band in curve.bands],
                }
                for curve in panel.curves
            ],
            "notes": list(panel.notes),
        }
        for panel in panels
    ]
    typer.echo(json.dumps(content))


def _print_charts(panels: Sequence[Panel], labels: Sequence[str]) -> None:
    import shutil
    import sys

    from florctl.cli.views.chart import ASCII, UNICODE, chart
    from florctl.cli.views.render import on_terminal, show_lines

    takes_braille = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf8")
    glyphs = UNICODE if takes_braille else ASCII
    size = shutil.get_terminal_size((80, 24))
    rows = max(8, min(_ROWS, size.lines - 6)) if on_terminal() else _ROWS
    for number, panel in enumerate(panels):
        if number:
            typer.echo()
        show_lines(chart(panel, size.columns, rows, labels, glyphs))
