"""Histograms that a script asks for: a copy is taken at once, and counted when it is written.

Uses the torch and numpy that the user's process has loaded, and loads neither. All numbers are
taken as float64, so that torch, numpy and Python count the same.
"""

from __future__ import annotations

import math
import operator
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from florlib.ground.histogram import Histogram, even_edges
from florlib.ground.values import Lost
from florlib.runtime.held import Held, held
from florlib.runtime.widened import of_array, of_tensor

MOST_BINS = 10_000

Bins = int | tuple[float, ...]
"""How many, of one width; or their edges."""


@dataclass(frozen=True, slots=True, repr=False)
class Sample:
    """Numbers of which a histogram is to be made.

    Attributes:
        values: a copy that nothing changes: a tensor, an array, a list of such and of numbers;
            None where nothing is recorded, or nothing was there; Lost where it could not be had.
        bins: of the histogram.
    """

    values: Any
    bins: Bins

    def held(self) -> Sample:
        """The same, that is read once the devices of its tensors have come to them."""
        return Sample(_held(self.values), self.bins)

    def __repr__(self) -> str:
        bins = self.bins if isinstance(self.bins, int) else len(self.bins) - 1
        return f"<flor.histogram of {bins} bins>"


def checked_bins(bins: Any) -> Bins:
    """What the script says of bins, once it is known to make sense.

    Raises:
        ValueError: it does not.
    """
    try:
        count = operator.index(bins)
    except TypeError:
        edges = tuple(float(edge) for edge in bins)
        rising = all(low < high for low, high in pairwise(edges))
        if len(edges) < 2 or not rising or not all(map(math.isfinite, edges)):
            raise ValueError(f"flor.histogram: edges have to increase, not {bins!r}") from None
        return edges
    if not 1 <= count <= MOST_BINS:
        raise ValueError(f"flor.histogram: bins are 1 to {MOST_BINS}, not {bins!r}")
    return count


def copied(values: Any) -> Any:
    """Numbers as they are now; no device is waited for, and nothing is run through but lists."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(values, torch.Tensor):
        return values.detach().clone()
    if numpy is not None and isinstance(values, numpy.ndarray):
        return values.copy()
    if isinstance(values, (list, tuple)):
        return [copied(one) for one in values]
    return values


def _held(values: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return held(values)
    return [_held(one) for one in values] if isinstance(values, list) else values


def histogram_of(sample: Sample) -> Histogram | None:
    """Count a sample, waiting for the devices of its tensors; None of no values.

    Raises:
        TypeError: it holds what is no number.
        ValueError: it could not be copied.
        RuntimeError: a device has failed.
    """
    if sample.values is None:
        return None
    if isinstance(sample.values, Lost):
        raise ValueError(sample.values.reason)
    parts = [*_parts(sample.values)]
    edges = sample.bins
    if isinstance(edges, int):
        spans = [span for span in (part.span() for part in parts) if span is not None]
        low = min((span[0] for span in spans), default=0.0)
        high = max((span[1] for span in spans), default=1.0)
        edges = even_edges(low, high, edges)
    counts, strange = [0] * (len(edges) + 1), [0] * len(_STRANGE)
    for part in parts:
        counts = [*map(operator.add, counts, part.counts(edges))]
        strange = [*map(operator.add, strange, part.strange())]
    # Of the numbers from the last edge on, those on it belong to the last bin.
    on_edge = sum(part.equal(edges[-1]) for part in parts)
    below, *within, above = counts
    within[-1] += on_edge
    return Histogram(edges, tuple(within), below, above - on_edge, *strange)


class _Part(Protocol):
    """Some of the numbers."""

    def span(self) -> tuple[float, float] | None:
        """The least and the greatest finite one."""

    def strange(self) -> list[int]:
        """How many are NaN, and infinite of either sign."""

    def counts(self, edges: Sequence[float]) -> list[int]:
        """How many finite ones lie before the first edge, behind each and before the next, …."""

    def equal(self, edge: float) -> int:
        """How many are an edge."""


def _parts(values: Any) -> Iterator[_Part]:
    values = values.read() if isinstance(values, Held) else values
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(values, torch.Tensor):
        yield _Elements(torch, lambda: of_tensor(torch, values))
    elif numpy is not None and isinstance(values, numpy.ndarray):
        yield _Elements(numpy, lambda: of_array(numpy, values))
    elif isinstance(values, (list, range)):
        numbers: list[float] = []
        for one in values:
            if _is_number(one):
                numbers.append(_float(one))
            else:
                yield from _parts(one)
        yield _Numbers(numbers)
    else:
        raise TypeError(f"{type(values).__name__} holds no numbers that flor can count")


def _is_number(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.integer, numpy.floating, numpy.bool_))


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


@dataclass(frozen=True, slots=True)
class _Elements:
    """Those of a tensor or array: torch and numpy call what is needed here by the same names."""

    library: Any
    chunks: Callable[[], Iterator[Any]]

    def _finite(self) -> Iterator[Any]:
        for chunk in self.chunks():
            yield chunk[self.library.isfinite(chunk)]

    def span(self) -> tuple[float, float] | None:
        spans = [(float(one.min()), float(one.max())) for one in self._finite() if len(one)]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def strange(self) -> list[int]:
        tests = [getattr(self.library, name) for name in _STRANGE]
        each = [[int(test(chunk).sum()) for test in tests] for chunk in self.chunks()]
        return [sum(column) for column in zip(*each, strict=True)] or [0] * len(tests)

    def counts(self, edges: Sequence[float]) -> list[int]:
        library, found = self.library, [0] * (len(edges) + 1)
        at = library.asarray(edges, dtype=library.float64)
        for chunk in self._finite():
            bins = library.searchsorted(at, chunk, side="right")
            counts = library.bincount(bins, minlength=len(found)).tolist()
            found = [*map(operator.add, found, counts)]
        return found

    def equal(self, edge: float) -> int:
        return sum(int((chunk == edge).sum()) for chunk in self.chunks())


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Those of a list."""

    numbers: list[float]

    def _finite(self) -> Iterable[float]:
        return filter(math.isfinite, self.numbers)

    def span(self) -> tuple[float, float] | None:
        finite = [*self._finite()]
        return (min(finite), max(finite)) if finite else None

    def strange(self) -> list[int]:
        nan = sum(map(math.isnan, self.numbers))
        return [nan, self.numbers.count(-math.inf), self.numbers.count(math.inf)]

    def counts(self, edges: Sequence[float]) -> list[int]:
        found = [0] * (len(edges) + 1)
        for number in self._finite():
            found[bisect_right(edges, number)] += 1
        return found

    def equal(self, edge: float) -> int:
        return self.numbers.count(edge)


_STRANGE = ("isnan", "isneginf", "isposinf")
"""What torch and numpy call the tests for what no bin holds, as `Histogram` has its fields."""
