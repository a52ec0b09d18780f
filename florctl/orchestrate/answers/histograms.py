"""A logged histogram in one line, for tables of the terminal and of the page."""

from __future__ import annotations

from florlib.ground.histogram import Histogram, merged

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 15


def histogram_text(value: Histogram) -> str:
    """A histogram in a line: a bar a bin or a few, the span of its edges, and what lies in none.

    >>> histogram_text(Histogram((-1.0, 0.0, 1.0), (1, 4), nan=2))
    '▃█ -1 to 1, 5 values nan 2'
    """
    bars = merged(value.counts, _MOST_BARS)
    most = max(bars)
    drawn = "".join(_BARS[-(-(len(_BARS) - 1) * bar // most)] if most else _BARS[0] for bar in bars)
    outside = {
        "nan": value.nan,
        "inf": value.infinities,
        "below": value.below,
        "above": value.above,
    }
    words = [f"{drawn} {value.edges[0]:.4g} to {value.edges[-1]:.4g}, {value.finite} values"]
    return " ".join([*words, *(f"{name} {count}" for name, count in outside.items() if count)])
