"""Generators and iterators that nothing can put back: whether a probe has moved them on."""

from __future__ import annotations

import contextlib
import operator
import sys
import types
from collections.abc import Iterable
from typing import Any

from florlib.runtime.graph.captured import Missing

_DEPTH = 4  # iterators inside iterators, as in enumerate(zip(map(…)))
_COUNTERS = ("line_num", "_num_yielded")  # csv.reader, a DataLoader's iterator


class Underway:
    """Watches what a capture could not take, from before a probe until after it.

    Resuming a generator is seen by a profile function, unless the script has one of its own;
    then by the place where the generator stands. Iterators tell how far they are.

    Args:
        missing: what was not captured.
    """

    def __init__(self, missing: Iterable[Missing]) -> None:
        self._items = [item for item in missing if item.value is not None]
        self._before = {id(item): _standing(item.value) for item in self._items}
        self._frames = {
            id(item.value.gi_frame): item
            for item in self._items
            if isinstance(item.value, types.GeneratorType) and item.value.gi_frame is not None
        }
        self._resumed: set[int] = set()
        self._profiles = bool(self._frames) and sys.getprofile() is None
        if self._profiles:
            sys.setprofile(self._called)

    def _called(self, frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "call" and id(frame) in self._frames:
            self._resumed.add(id(self._frames[id(frame)]))

    def moved(self) -> list[str]:
        """Names of what the probe has moved on; the watch ends."""
        if self._profiles:
            sys.setprofile(None)
        return [
            item.path
            for item in self._items
            if id(item) in self._resumed or _standing(item.value) != self._before[id(item)]
        ]


def _standing(value: Any, depth: int = 0) -> Any:
    """Something that changes as an iterator goes on."""
    if isinstance(value, types.GeneratorType):
        frame = value.gi_frame
        return None if frame is None else (frame.f_lasti, *map(id, frame.f_locals.values()))
    found: list[Any] = [getattr(value, name, None) for name in _COUNTERS]
    with contextlib.suppress(Exception):
        found.append(operator.length_hint(value, -1))
    with contextlib.suppress(Exception):
        found.append(value.tell())
    if depth < _DEPTH:
        with contextlib.suppress(Exception):
            found += [_part(part, depth) for part in value.__reduce__()[1:]]
    return found


def _part(part: Any, depth: int) -> Any:
    if isinstance(part, tuple):
        return [_part(one, depth) for one in part]
    if isinstance(part, (int, str, type(None))):
        return part
    return _standing(part, depth + 1) if hasattr(part, "__next__") else None
