"""Signal handlers that the script has set: functions of its own, so objects and no plain switches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "signal "


def _handlers() -> dict[str, Any]:
    """By "signal NUMBER", all handlers that Python knows."""
    found = {
        f"{PREFIX}{int(number)}": signal.getsignal(number) for number in signal.valid_signals()
    }
    return {name: handler for name, handler in found.items() if handler is not None}


_start = _handlers()


def set_handlers() -> Iterator[tuple[str, Any]]:
    """(name, handler) of the signals that are handled in another way than at the start."""
    for name, handler in _handlers().items():
        if handler is not _start.get(name) and handler != _start.get(name):
            yield name, handler


def restore_handlers(wanted: Mapping[str, Any]) -> None:
    """Handle signals as `set_handlers` told, and all others as at the start.

    Outside of the main thread Python allows no change, nor does it run handlers there.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name, handler in _handlers().items():
        new = wanted.get(name, _start.get(name))
        if new is not None and new is not handler and new != handler:
            signal.signal(int(name.removeprefix(PREFIX)), new)
