"""The process's audit events, for all of flor that listens to some (sys.addaudithook, PEP 578).

Functions that are called all the time (`id`, `sys._getframe`) have events too, and each hook is
called for each of them: 1.7 microseconds an `id()` where two hooks were classes' methods, 0.3 with
this one, which can never be taken away.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
_listeners: dict[str, tuple[Listener, ...]] = {}


def listen(events: Iterable[str], listener: Listener) -> None:
    """Call a function at each event of these names, with the name and the event's arguments.

    What it raises, the audited function raises.
    """
    if not _listeners:
        sys.addaudithook(_heard)
    for event in events:
        _listeners[event] = (*_listeners.get(event, ()), listener)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _listeners:
        for listener in _listeners[event]:
            listener(event, arguments)
