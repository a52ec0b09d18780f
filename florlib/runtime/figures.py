"""Figures of large logged arrays, so that nobody has to read them to see what they are.

They are to be looked at and are not compared; the digest of the elements is.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

from florlib.ground.values import Array
from florlib.runtime.graph.memory import view_of
from florlib.runtime.widened import of_array, of_tensor

_AT_ONCE = 1 << 15  # of more elements, torch would share the work among threads of the script's


def figures_of(array: Array) -> dict[str, float]:
    """Those of `stored_array.FIGURES` that an array has; none where it holds no real numbers."""
    library = sys.modules.get(array.library)
    if library is None:
        return {}
    try:
        return _figures(library, _chunks(library, array))
    except (TypeError, RuntimeError):
        return {}  # a type of elements that the library itself can only hold


def _chunks(library: Any, array: Array) -> Callable[[], Iterator[Any]]:
    if array.library == "numpy":
        elements = library.frombuffer(array.data, array.dtype)
        return lambda: of_array(library, elements, _AT_ONCE)
    address = ctypes.cast(ctypes.c_char_p(array.data), ctypes.c_void_p).value or 0
    raw = library.frombuffer(view_of(address, len(array.data), array.data), dtype=library.uint8)
    tensor = raw.view(getattr(library, array.dtype))
    return lambda: of_tensor(library, tensor, _AT_ONCE)


def _figures(library: Any, chunks: Callable[[], Iterator[Any]]) -> dict[str, float]:
    def finite() -> Iterator[Any]:
        for chunk in chunks():
            yield chunk[library.isfinite(chunk)]

    nan = sum(int(library.isnan(chunk).sum()) for chunk in chunks())
    inf = sum(int(library.isinf(chunk).sum()) for chunk in chunks())
    parts = [(len(one), float(one.sum()), *_span(one)) for one in finite() if len(one)]
    found: dict[str, float] = {"nan": nan, "inf": inf}
    if not parts:
        return found
    counts, sums, lows, highs = zip(*parts, strict=True)
    count = sum(counts)
    mean = sum(sums) / count
    found |= {"mean": mean, "min": min(lows), "max": max(highs)}
    if count > 1:
        spread = sum(float(((one - mean) ** 2).sum()) for one in finite())
        found["std"] = math.sqrt(spread / (count - 1))
    squares = math.nan if nan else math.inf if inf else sum(float((c * c).sum()) for c in finite())
    return {**found, "norm": math.sqrt(squares)}


def _span(chunk: Any) -> tuple[float, float]:
    return float(chunk.min()), float(chunk.max())
