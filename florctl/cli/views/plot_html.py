"""Plots as pages that load nothing: one file, with plotly's script in it."""

from __future__ import annotations

import html as html_module
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from florctl.cli.views.plot_png import BAND_SHADE, COLOURS, DIVERGED, with_gaps
from florctl.orchestrate.answers.curves import Curve, Panel
from florlib.ground.errors import UsageError

_DASHES = {"": "solid", "unverified": "dash", "diverged": "dot"}
_MARKS = ("circle", "triangle-up", "square", "diamond", "triangle-down", "star", "x", "cross")
_BUTTONS = ("toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d")
_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [list(_BUTTONS)]}
"""Named one by one: plotly's own choice has a button that sends the data to its makers."""
_HEIGHT_PX = 460  # of a panel
_MARKED_UP_TO = 60  # points; a longer curve is a line alone


def write_html(path: Path, panels: Sequence[Panel], runs: Sequence[str]) -> None:
    """Write a page with panels, one below the other; see `write_png`.

    Raises:
        UsageError: there is no plotly, or the page cannot be written.
    """
    try:
        from plotly.graph_objects import Figure
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise UsageError(
            "--html needs plotly, which is not installed", hint="pip install 'florctl[plot]'"
        ) from error

    parts = []
    for panel in panels:
        figure = Figure([trace for curve in panel.curves for trace in _traces(curve, panel, runs)])
        figure.update_layout(**_layout(panel))
        parts.append(figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG))
        parts += [f"<p>{html_module.escape(note)}</p>" for note in panel.notes]
    names = html_module.escape(", ".join(panel.name for panel in panels))
    page = _PAGE.format(title=names, policy=_POLICY, script=get_plotlyjs(), body="\n".join(parts))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror})",
            hint="flor log plot @ loss --html loss.html",
        ) from error


_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""Browsers then load nothing from anywhere, whatever plotly's script knows the addresses of."""
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title} - flor</title>
<style>body {{ font-family: sans-serif; max-width: 1200px; margin: 1em auto; }}</style>
<script>{script}</script>
</head>
<body>
{body}
</body>
</html>
"""


def _traces(curve: Curve, panel: Panel, runs: Sequence[str]) -> list[Any]:
    from plotly.graph_objects import Scatter

    number = runs.index(curve.run)
    colour = DIVERGED if curve.doubt == "diverged" else COLOURS[number % len(COLOURS)]
    traces = [
        Scatter(
            x=[x for x, *_ in drawn] + [x for x, *_ in reversed(drawn)],
            y=[low for _, low, _ in drawn] + [high for *_, high in reversed(drawn)],
            mode="lines",
            line={"color": colour, "width": 0},
            fill="toself",
            opacity=BAND_SHADE,
            legendgroup=curve.label,
            showlegend=False,
            hoverinfo="skip",
        )
        for drawn in (band.drawn(panel.is_log) for band in curve.bands)
    ]
    if curve.raw:
        xs, ys = with_gaps(curve.raw, panel.is_log)
        faint = {"color": colour, "width": 1}
        traces.append(
            Scatter(
                x=xs,
                y=ys,
                mode="lines",
                line=faint,
                opacity=0.25,
                legendgroup=curve.label,
                showlegend=False,
                hoverinfo="skip",
            )
        )
    xs, ys = with_gaps(curve.points, panel.is_log)
    traces.append(
        Scatter(
            x=xs,
            y=ys,
            name=curve.label,
            mode="lines+markers" if len(xs) <= _MARKED_UP_TO else "lines",
            line={"color": colour, "width": 2, "dash": _DASHES[curve.doubt]},
            marker={"symbol": _MARKS[number % len(_MARKS)], "size": 8},
            legendgroup=curve.label,
        )
    )
    return traces


def _layout(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "template": "plotly_white",
        "height": _HEIGHT_PX,
        "margin": {"t": 60, "b": 60},
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis_title": panel.x_title,
        "yaxis_title": panel.name,
        "yaxis_type": "log" if panel.is_log else "linear",
    }
