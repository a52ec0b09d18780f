"""Ticks of an axis: round numbers, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round numbers between two, at most so many; `whole` for axes that count.

    >>> ticks(0.0, 9.0, 5), ticks(0.13, 0.19, 4)
    ([0.0, 2.0, 4.0, 6.0, 8.0], [0.14, 0.16, 0.18])
    """
    rough = (high - low) / max(most, 1)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * one for one in _ROUND if scale * one >= rough * (1 - 1e-9))
    if (whole and step < 1) or (whole and step == 2.5):
        step = 1.0 if step < 1 else 5.0
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, digits) + 0.0 for n in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten between two numbers above 0, and parts of them where that gives too few.

    >>> log_ticks(0.002, 30.0, 6), log_ticks(2.0, 30.0, 6)
    ([0.01, 0.1, 1.0, 10.0], [2.0, 5.0, 10.0, 20.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for parts in ((1,), (1, 2, 5)):
        every = max(1, (last - first) // max(most, 1) + 1) if len(parts) == 1 else 1
        found = [
            float(f"{part}e{power}")
            for power in range(first, last + 1)
            if power % every == 0
            for part in parts
            if low * (1 - 1e-9) <= float(f"{part}e{power}") <= high * (1 + 1e-9)
        ]
        if len(found) > 2:
            return found
    return found if len(found) > 1 else ticks(low, high, most)


def tick_texts(values: Sequence[float]) -> list[str]:
    """Numbers of one axis, all with as many decimals.

    >>> tick_texts([0.0, 0.25, 0.5]), tick_texts([1e-7, 2e-7])
    (['0.00', '0.25', '0.50'], ['1e-07', '2e-07'])
    """
    short = [f"{value:g}" for value in values]
    if any("e" in text for text in short) or not values:
        return short
    decimals = max(len(text.partition(".")[2]) for text in short)
    spread = max(values) / max(min(values), 1e-300) if min(values) > 0 else 0.0
    return short if spread >= 100 else [f"{value:.{decimals}f}" for value in values]
