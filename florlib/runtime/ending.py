"""Ending a replay's process where its plan ends, without running what the script has behind."""

from __future__ import annotations

import contextlib
import sys

from florlib.runtime.guard import os


def end_process(status: int) -> None:
    """Leave at once: no `finally`, no atexit, so no "saving model" of the script's own.

    Worker processes of DataLoaders are ended first; they would wait for a parent that is gone.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        with contextlib.suppress(Exception):
            for child in multiprocessing.active_children():
                child.kill()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)
