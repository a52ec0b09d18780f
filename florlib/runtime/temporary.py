"""Temporary files and folders: each process has its own, and a replay's stand for the record's.

Their names are drawn by `tempfile` from the system, and they are gone when the process has ended.
Which of a replay's stands for which is known by where it was made (PEP 578, tempfile.mkdtemp and
tempfile.mkstemp).
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

from florlib.runtime.audit import listen
from florlib.runtime.frames import user_frame
from florlib.runtime.guard import os
from florlib.runtime.session import Session

_EVENTS = frozenset({"tempfile.mkdtemp", "tempfile.mkstemp"})
_MOST = 1_000  # told of a process, which may make one in each step


class TemporaryPaths:
    """Tells a session of what the script's thread makes of temporary files and folders."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._left = _MOST
        listen(_EVENTS, self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        session = self._session
        if not session.active or get_ident() != session.thread:
            return
        if session.in_probe or not self._left:
            return
        try:
            frame = user_frame(session.project)
            inside = None if frame is None else session.project.relative(frame.f_code.co_filename)
            if frame is not None and inside is not None:
                self._left -= 1
                path = os.fsdecode(arguments[0])
                spelt = dict.fromkeys((os.path.abspath(path), os.path.normpath(path), path))
                session.makes_temporary(list(spelt), inside, frame.f_code.co_name)
        except Exception:  # noqa: BLE001  # an audit hook that raises would fail what is made
            self._left = 0
