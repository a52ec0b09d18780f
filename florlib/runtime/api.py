"""`__flor__`: what rewritten code calls; and the calls that the facade `flor` passes on."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from florlib.runtime.loops import Items, LoopBody, LoopCall, run_loop
from florlib.runtime.probes import Probe
from florlib.runtime.replayer import Replayer
from florlib.runtime.session import Session


class Runtime:
    """The calls that loops and guards of rewritten code make.

    Attributes:
        session: of this process.
        turn: target of rewritten `while` loops; nothing reads it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.turn: Any = None

    # ------------------------------------------------------------------ rewritten code

    def loop(self, iterable: Iterable[Any], path: str, ordinal: int) -> Iterable[Any]:
        """`for x in iterable:` of a source file."""
        return self._begin(Items.of(iterable), path, ordinal)

    def loop_over(
        self, path: str, ordinal: int, call: Callable[..., Any], /, *args: Any, **keywords: Any
    ) -> Iterable[Any]:
        """`for x in enumerate(…):`, whose call is made when the loop starts."""
        return self._begin(Items(call, args, keywords), path, ordinal)

    def turns(self, path: str, ordinal: int) -> Iterable[Any]:
        """`while …:`, a turn at a time; the test is evaluated in the user's frame."""
        return self._begin(Items.turns(), path, ordinal)

    def _begin(self, items: Items, path: str, ordinal: int) -> Iterable[Any]:
        site = self.session.sources.site(path, ordinal)
        if not self.session.active or site is None:
            return items
        return run_loop(self.session, LoopCall(items, path, site, site.name))

    def finish(self) -> None:
        """The test of the innermost rewritten `while` came out false."""
        if self.session.path:
            self.session.path[-1].finished = True

    def probe(self, pure: bool, path: str, line: int) -> Probe:
        """The guard of a hindsight statement."""
        session = self.session
        without = session.without if isinstance(session, Replayer) else frozenset()
        return Probe(session, pure, without)

    # ------------------------------------------------------------------ facade

    def explicit_loop(
        self, iterable: Iterable[Any], name: str | None, probed: bool | None
    ) -> LoopBody:
        """`flor.loop(iterable)`, called by the script itself."""
        frame = self._caller()
        path = self.session.project.relative(frame.f_code.co_filename) if frame else None
        site = None
        if frame is not None and path is not None:
            site = self.session.sources.site_at(path, frame.f_lineno)
        label = name or (site.name if site else "loop")
        call = LoopCall(Items.of(iterable), path, site, label, probed, explicit=True)
        return run_loop(self.session, call)

    def log(self, name: str, value: Any) -> None:
        """`flor.log(name, value)`."""
        if self.session.active:
            self.session.log(name, value, sys._getframe(2))

    def _caller(self) -> types.FrameType | None:
        current: types.FrameType | None = sys._getframe(2)
        while current is not None:
            if self.session.project.relative(current.f_code.co_filename) is not None:
                return current
            current = current.f_back
        return None
