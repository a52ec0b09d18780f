"""Signal handlers that the script has set: functions of its own, so objects and no plain switches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from florlib.runtime.project import Project

PREFIX = "signal "
_NUMBERS = {f"{PREFIX}{int(number)}": int(number) for number in signal.valid_signals()}
_handler_of = getattr(signal.getsignal, "__wrapped__", signal.getsignal)  # looks for no enum member


def _handlers() -> dict[str, Any]:
    """By "signal NUMBER", all handlers that Python knows."""
    found = {name: _handler_of(number) for name, number in _NUMBERS.items()}
    return {name: handler for name, handler in found.items() if handler is not None}


_start = _handlers()


def set_handlers(project: Project) -> Iterator[tuple[str, Any]]:
    """(name, handler) of the signals that the script handles in another way than at the start.

    Handlers of libraries (asyncio and DataLoaders have some) come and go with what they are for.
    """
    for name, number in _NUMBERS.items():
        handler = _handler_of(number)
        if handler is None or handler == _start.get(name):
            continue
        if _is_of_script(handler, project):
            yield name, handler


def restore_handlers(wanted: Mapping[str, Any], project: Project) -> None:
    """Handle signals as `set_handlers` told, and others of the script's as at the start.

    Outside of the main thread Python allows no change, nor does it run handlers there.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    usual = {name: _start[name] for name, _ in set_handlers(project) if name in _start}
    for name, handler in {**usual, **wanted}.items():
        number = int(name.removeprefix(PREFIX))
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _is_of_script(handler: Any, project: Project) -> bool:
    function = getattr(handler, "func", handler)  # of a partial
    module = getattr(function, "__module__", None) or type(function).__module__
    return isinstance(handler, int) or project.owns_module(module)
