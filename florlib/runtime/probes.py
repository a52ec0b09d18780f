"""The guard around hindsight statements: what they do to the state of training is undone."""

from __future__ import annotations

import sys
import types
from typing import Any

from florlib.runtime import states
from florlib.runtime.graph.generators import global_states, set_global_states
from florlib.runtime.guard import guarded
from florlib.runtime.introduced import Introduced, introduced_roots
from florlib.runtime.session import Session, now_s
from florlib.runtime.underway import Underway


class Probe:
    """Context of one statement that was added after the recorded run.

    A statement that only reads is let through. Any other has everything that training can reach
    captured before and put back after it, generators included; only the names that probes alone
    store keep what it did to them.

    Args:
        pure: whether the statement is known to change nothing.
        introduced: the names that only hindsight statements store, as the plan has them.
        frame: the user's; by default the one that enters the context.
        place: (path, line) of a statement that was added; None where the script says `flor.probe()`.
    """

    def __init__(
        self,
        session: Session,
        pure: bool,
        introduced: Introduced,
        frame: types.FrameType | None = None,
        place: tuple[str, int] | None = None,
    ) -> None:
        self._frame = frame
        self._place = place
        self._session = session
        self._pure = pure
        self._introduced = introduced
        self._before: states.StoredState | None = None
        self._generators: dict[str, Any] = {}
        self._underway: Underway | None = None
        self._held_s = 0.0

    def __enter__(self) -> None:
        self._session.in_probe += 1
        if self._session.in_probe == 1 and self._pure:
            with guarded("protect the generators from a probe"):
                self._generators = global_states()
        elif self._session.in_probe == 1:
            began_s = now_s()
            with guarded("protect the state from a probe"):
                frame = self._frame or sys._getframe(1)
                captured = states.capture(frame, self._session.project, graphs=True)
                self._before = states.in_memory(captured)
                self._underway = Underway(captured.missing)
            self._held_s = now_s() - began_s

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self._session.in_probe -= 1
        moved = self._underway.moved() if self._underway is not None else []
        if self._generators:
            # A property may draw random numbers where the text shows none.
            with guarded("put the generators back"):
                set_global_states(self._generators)
        began_s, is_held = now_s(), self._before is not None
        if self._before is not None:
            with guarded("undo what a probe did"):
                frame, project = self._frame or sys._getframe(1), self._session.project
                states.restore(
                    self._before,
                    frame,
                    project,
                    dead=lambda root: True,
                    without=introduced_roots(self._introduced, frame, project),
                )
        self._before = self._underway = None
        if self._place is None or self._session.in_probe:
            return
        path, line = self._place
        if is_held:
            self._session.probe_held(path, line, self._held_s + now_s() - began_s)
        if isinstance(error, (Exception, SystemExit)):
            line = trace.tb_lineno if trace is not None else line
            self._session.probe_raised(path, line, error)
        elif moved:
            self._session.probe_moved(path, line, moved)
