"""What else is under way in the user's code while a loop turns: threads and tasks.

Where they stand is in no checkpoint, and what they do to training comes at moments of their own.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator

from florlib.runtime.graph.captured import Missing
from florlib.runtime.project import Project

_WAITING = frozenset({"join", "_wait_for_tstate_lock", "_shutdown"})


def under_way(project: Project) -> list[Missing]:
    """The threads and tasks of the script's own, but for this one, that have not ended."""
    return [*_threads(project), *_tasks(project)]


def _threads(project: Project) -> Iterator[Missing]:
    frames = sys._current_frames()
    # This very frame would hold itself, and with it all that its callers do.
    frames.pop(threading.get_ident(), None)
    for frame in frames.values():
        if not _waits_for_thread(frame):
            code = _outermost(frame, project)
            if code is not None:
                yield _missing("thread", code, project)


def _waits_for_thread(frame: types.FrameType) -> bool:
    """Whether a thread does nothing until another one ends, as the one that started ours may."""
    code = frame.f_code
    return code.co_filename == threading.__file__ and code.co_name in _WAITING


def _outermost(frame: types.FrameType | None, project: Project) -> types.CodeType | None:
    found = None
    while frame is not None:
        if project.relative(frame.f_code.co_filename) is not None:
            found = frame.f_code
        frame = frame.f_back
    return found


def _tasks(project: Project) -> Iterator[Missing]:
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if asyncio is None or loop is None:
        return
    current = asyncio.current_task(loop)
    for task in asyncio.all_tasks(loop):
        code = getattr(task.get_coro(), "cr_code", None)
        if task is not current and code is not None and project.relative(code.co_filename):
            yield _missing("task", code, project)


def _missing(kind: str, code: types.CodeType, project: Project) -> Missing:
    name = f"{kind} {code.co_name}"
    path = project.relative(code.co_filename)
    place = None if path is None else (path, code.co_firstlineno)
    return Missing(kind, name, name, f"a {kind} of the script's own that is under way", place=place)
