"""TensorBoard's event files in a replay: none goes where the user's own are kept."""

from __future__ import annotations

import importlib.machinery
import types
from collections.abc import Callable
from typing import Any

from florlib.runtime.guard import guarded, os

# The modules whose EventFileWriter makes every event file, of torch's writers too.
EVENT_MODULES = frozenset(
    {"tensorboard.summary.writer.event_file_writer", "tensorboardX.event_file_writer"}
)


class EventFileLoader(importlib.machinery.SourceFileLoader):
    """Loads one of EVENT_MODULES; its writers get their folder from `placed`."""

    def __init__(self, name: str, path: str, placed: Callable[[str], str]) -> None:
        super().__init__(name, path)
        self._placed = placed

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the module, and then change how its writers begin."""
        super().exec_module(module)
        with guarded("keep event files apart"):
            place_writers(module.EventFileWriter, self._placed)


def place_writers(writer: Any, placed: Callable[[str], str]) -> None:
    """Have a class of writers ask where the files for a folder go."""
    original = writer.__init__

    def __init__(opened: Any, logdir: Any, *rest: Any, **keywords: Any) -> None:
        original(opened, placed(os.fspath(logdir)), *rest, **keywords)

    writer.__init__ = __init__


def place_below(folder: str, inside: str, logdir: str) -> str:
    """The folder itself where it lies inside; else one below `folder`, by its whole path.

    A link that leads out of a sandbox leads to the user's own files, as does an address.
    """
    if "://" in logdir:
        return str(os.path.join(folder, logdir.replace("://", "/")))
    real = os.path.realpath(logdir)
    if real.startswith(os.path.realpath(inside) + os.sep):
        return logdir
    return str(os.path.join(folder, real.lstrip(os.sep)))
