"""Ending a replay's process where its plan ends, without running what the script has behind."""

from __future__ import annotations

import contextlib
import gc
import io
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from florlib.runtime.event_files import EVENT_MODULES
from florlib.runtime.guard import os


def end_process(status: int) -> NoReturn:
    """Leave at once: no `finally`, no atexit, so no "saving model" of the script's own.

    Worker processes of DataLoaders are ended first; they would wait for a parent that is gone.
    What was written so far reaches its files, as it does in a script that ends by itself.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        with contextlib.suppress(Exception):
            # torch's handler would take our kill for a worker's failure, and raise before the end.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(Exception):
            for child in multiprocessing.active_children():
                child.kill()
    for stream in (*_open_streams(), sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    leave: Callable[[int], NoReturn] = os._exit
    leave(status)


def _open_streams() -> Iterator[Any]:
    """Everything with a buffer or a queue that nobody would empty any more.

    By type, as asking an instance for its class runs the code of proxies.
    """
    for thing in gc.get_objects():
        kind = type(thing)
        if issubclass(kind, io.IOBase):
            yield thing
        elif kind.__qualname__ == "EventFileWriter" and kind.__module__ in EVENT_MODULES:
            yield thing
