"""Histograms of numbers: how many lie in each bin, and how many in none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the numbers of a tensor, array or list are spread, each taken as a float64.

    Attributes:
        edges: of the bins, one more than there are; they increase.
        counts: numbers of each bin, `edges[n] <= x < edges[n + 1]`; the last one has its right
            edge as well.
        below, above: finite numbers outside of the edges.
        nan, negative_infinity, positive_infinity: how many are none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0
    nan: int = 0
    negative_infinity: int = 0
    positive_infinity: int = 0

    @property
    def infinities(self) -> int:
        """How many are infinite, of either sign."""
        return self.negative_infinity + self.positive_infinity

    @property
    def finite(self) -> int:
        """How many are finite."""
        return sum(self.counts) + self.below + self.above

    def quantile(self, share: float) -> float:
        """The number below which this share of the finite ones lies, as far as the bins tell.

        Within a bin they are taken to be spread evenly; those outside of the edges, to lie on
        them. NaN where there are none.

        >>> Histogram((0.0, 1.0, 2.0), (2, 2)).quantile(0.75)
        1.5
        """
        if not self.finite:
            return math.nan
        left = share * self.finite - self.below
        if self.below and left <= 0:
            return self.edges[0]
        for low, high, count in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if count and left <= count:
                part = left / count
                return low * (1 - part) + high * part
            left -= count
        return self.edges[-1]


def even_edges(low: float, high: float, bins: int) -> tuple[float, ...]:
    """Edges of bins of one width, the same bits as those of `numpy.histogram` of float64.

    Args:
        low: the first edge; of a span of no width, half a unit more on each side is taken.
        high: the last edge.
        bins: how many.

    >>> even_edges(0.0, 1.0, 4)
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    low, high = low + 0.0, high + 0.0  # of the two zeros, which one is the least is left to chance
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / bins
    if math.isinf(width):  # numpy refuses a span that no float64 holds
        return tuple(low * (1 - n / bins) + high * (n / bins) for n in range(bins + 1))
    # One that is next to nothing is rounded to nothing, or to more than it is.
    steps = (n * width if width else n / bins * (high - low) for n in range(bins))
    return (*(min(step + low, high) for step in steps), high)


def merged(counts: Sequence[int], most: int) -> list[int]:
    """Counts of no more than so many bins, each made of several neighbours.

    >>> merged([1, 2, 3, 4, 5], 3)
    [3, 7, 5]
    """
    each = -(-len(counts) // most)
    return [sum(counts[at : at + each]) for at in range(0, len(counts), each)]
