"""The boundary between flor and the user's process: our errors are told once, and stay ours.

Also our own copies of what users mock or replace (coverage.py's habit): os, open, time.
"""

from __future__ import annotations

import contextlib
import os as _os
import sys
import time as _time
import types
from collections.abc import Callable


def _private_copy(module: types.ModuleType) -> types.ModuleType:
    """The module with functions that call each other in the copy, not in what was replaced."""
    copy = types.ModuleType(module.__name__)
    names = vars(copy)
    names.update(vars(module))
    for name, item in vars(module).items():
        if isinstance(item, types.FunctionType) and item.__globals__ is vars(module):
            names[name] = types.FunctionType(
                item.__code__, names, name, item.__defaults__, item.__closure__
            )
            names[name].__kwdefaults__ = item.__kwdefaults__
    return copy


os = _private_copy(_os)
_path = _private_copy(_os.path)
vars(_path)["os"] = os
vars(os)["path"] = _path
open_file = open
monotonic = _time.perf_counter
process_cpu = _time.process_time
thread_cpu = _time.thread_time
write_stderr = sys.__stderr__.write if sys.__stderr__ is not None else None

_PYTHON_FUNCTIONS = (types.FunctionType, types.MethodType)
_told: set[str] = set()
_listeners: list[Callable[[str, str], None]] = []


def on_degraded(listener: Callable[[str, str], None]) -> None:
    """Have (where, what) of each failure of flor told to a listener, once a place."""
    _listeners.append(listener)


def say(line: str) -> None:
    """Write one line of flor's own to the real standard error, whatever the script replaced."""
    stream = sys.__stderr__
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        text = line + "\n"
        # Not the stream's own `write`: that one records what the script prints.
        type(stream).write(stream, text)
        stream.flush()


class guarded:  # used as a statement, like contextlib.suppress
    """Run flor's own code; an error in it is told once and training goes on.

    KeyboardInterrupt and SystemExit are the user's and pass through.

    Args:
        place: what is being done, "take a checkpoint".
    """

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        """Nothing is needed before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        degrade(self._place, error)
        return True


class unobserved:  # used as a statement, like `guarded`
    """Keep a profile function of the script's from seeing what flor calls.

    One that appends to a list would lengthen it for each item of it that is captured. A profiler
    written in C, which cannot be put back from here, goes on looking.
    """

    def __enter__(self) -> None:
        profile = sys.getprofile()
        self._profile = profile if isinstance(profile, _PYTHON_FUNCTIONS) else None
        if self._profile is not None:
            sys.setprofile(None)

    def __exit__(self, *raised: object) -> None:
        if self._profile is not None:
            sys.setprofile(self._profile)


def degrade(place: str, error: BaseException) -> None:
    """Report a failure of flor's, once a place."""
    if place in _told:
        return
    _told.add(place)
    text = f"{type(error).__name__}: {error}"
    say(f"warning: flor could not {place} ({text}); training goes on")
    if "FLOR_DEBUG" in os.environ:
        import traceback

        say("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    for listener in _listeners:
        with contextlib.suppress(Exception):
            listener(place, text)
