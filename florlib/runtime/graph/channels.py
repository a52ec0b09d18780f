"""Ways out of the process: what lies in a socket, a queue or another process is in no checkpoint."""

from __future__ import annotations

import collections
import contextlib
import sys
from typing import Any

from florlib.runtime.guard import os

_DESCRIPTORS = "/proc/self/fd"

# (module, class): by name, as most scripts load none of them.
_CHANNELS = (
    ("socket", "socket"),
    ("subprocess", "Popen"),
    ("multiprocessing.connection", "_ConnectionBase"),
    ("multiprocessing.managers", "BaseManager"),
    ("multiprocessing.managers", "BaseProxy"),
    ("multiprocessing.process", "BaseProcess"),
    ("multiprocessing.queues", "Queue"),
    ("multiprocessing.queues", "SimpleQueue"),
)


def is_channel(cls: type) -> bool:
    """Whether instances lead to something outside of the process."""
    for module, name in _CHANNELS:
        base = getattr(sys.modules.get(module), name, None)
        if base is not None and issubclass(cls, base):
            return True
    return False


def open_channel(channel: Any) -> str | None:
    """What an open channel is, in words; None where nothing comes through it any more."""
    name = type(channel).__name__
    if hasattr(channel, "stdin") and hasattr(channel, "returncode"):
        return _talking_process(channel, name)
    if hasattr(channel, "_popen"):
        running = channel._popen is not None and channel._popen.returncode is None
        return f"a process ({name}) that is under way" if running else None
    if hasattr(channel, "fileno"):
        is_open = not channel.closed if hasattr(channel, "closed") else channel.fileno() >= 0
        return f"an open {name}" if is_open else None
    return f"a {name}, whose content is in other processes"


def _talking_process(process: Any, name: str) -> str | None:
    """A process without pipes has nothing to say to training, and one that has ended neither."""
    pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
    if all(pipe.closed for pipe in pipes):
        return None
    return f"a process ({name}) that is talked to"


def has_own_pipe() -> bool:
    """Whether both ends of some pipe are open in this process, so that something may lie in it."""
    ends: collections.Counter[str] = collections.Counter()
    try:
        numbers = os.listdir(_DESCRIPTORS)
    except OSError:  # not Linux: what is open cannot be told
        return True
    for number in numbers:
        with contextlib.suppress(OSError):
            ends[os.readlink(f"{_DESCRIPTORS}/{number}")] += 1
    return any(count > 1 and name.startswith("pipe:") for name, count in ends.items())
