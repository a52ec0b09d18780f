"""The main loop whose boundaries `benchmarks/checkpoint.py` times; not a script of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flor

TURNS = 1 << 30


def turns(net: Any, optimizer: Any) -> Iterator[tuple[int, Any, Any]]:
    """A turn each time it is asked, and before it the boundary, which holds both arguments."""
    for turn in flor.loop("turn", range(TURNS)):
        yield turn, net, optimizer
