"""Ratios of what was measured side by side: their median, how sure it is, and tables of them."""

from __future__ import annotations

import os
import platform
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A median and the bounds between which it lies in 95 of 100 resamples (bootstrap)."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Of one sample; the same sample has the same interval.

        >>> Interval.of([1.0, 1.0, 1.0])
        Interval(median=1.0, low=1.0, high=1.0)
        """
        return cls.over([values])

    @classmethod
    def over(cls, samples: Sequence[Sequence[float]]) -> Interval:
        """Of the median of several samples' medians, each resampled by itself."""
        chance = random.Random(0)
        found = sorted(
            _middle([chance.choices(sample, k=len(sample)) for sample in samples])
            for _ in range(RESAMPLES)
        )
        low, high = found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES)]
        return cls(_middle(samples), low, high)

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def _middle(samples: Sequence[Sequence[float]]) -> float:
    return statistics.median(statistics.median(sample) for sample in samples)


def quotients(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, one divided by the other.

    >>> quotients([2.0, 9.0], [1.0, 3.0])
    [2.0, 3.0]
    """
    return [one / other for one, other in zip(above, below, strict=True)]


def means(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Round by round, the mean of both."""
    return [(first + second) / 2 for first, second in zip(one, other, strict=True)]


def machine() -> str:
    """What the figures were measured with."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{versions}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Rows under their head: for a terminal, or for results.md.

    >>> print(table(["a", "b"], [["1", "2"]], markdown=True))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    if markdown:
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *rows)
    )
