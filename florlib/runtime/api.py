"""`__flor__`: what rewritten code calls; and the calls that the facade `flor` passes on."""

from __future__ import annotations

import contextlib
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from florlib.runtime.arguments import argument
from florlib.runtime.guard import degrade
from florlib.runtime.histograms import Bins, Sample, copied
from florlib.runtime.logbook import lost
from florlib.runtime.loops import Items, LoopBody, LoopCall, Turns, run_loop
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
        # By the frame that runs it: other threads, generators that wait and recursive calls may
        # all be within a `while` of their own, and each is to end by its own test.
        self._turns: weakref.WeakValueDictionary[tuple[int, str, int], Turns] = (
            weakref.WeakValueDictionary()
        )

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
        turns = self._turns[id(sys._getframe(1)), path, ordinal] = Turns()
        return self._begin(Items.of(turns), path, ordinal, turns)

    def _begin(
        self, items: Items, path: str, ordinal: int, turns: Turns | None = None
    ) -> Iterable[Any]:
        site = self.session.sources.site(path, ordinal)
        if not self.session.active or site is None:
            return items
        return run_loop(self.session, LoopCall(items, path, site, site.name, turns=turns))

    def finish(self, path: str, ordinal: int) -> None:
        """The test of a rewritten `while` came out false, in the calling frame."""
        self._turns[id(sys._getframe(1)), path, ordinal].finished = True

    def probe(self, pure: bool, path: str, line: int) -> Probe:
        """The guard of a hindsight statement."""
        session = self.session
        introduced = session.plan.introduced if isinstance(session, Replayer) else {}
        return Probe(session, pure, introduced, place=(path, line))

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
            try:
                self.session.log(name, value, sys._getframe(2))
            except Exception as error:  # noqa: BLE001  # no memory to copy a tensor, for one
                degrade("log a value", error)

    def histogram(self, values: Any, bins: Bins) -> Sample:
        """`flor.histogram(values)`: a copy of them, if anything is recorded."""
        if self.session.active:
            try:
                return Sample(copied(values), bins)
            except Exception as error:  # noqa: BLE001  # no memory for it
                degrade("copy the values of a histogram", error)
                return Sample(lost(error), bins)
        return Sample(None, bins)

    def argument(self, name: str, default: Any) -> Any:
        """`flor.arg(name, default)`."""
        return argument(self.session, name, default)

    def add_roots(self, objects: tuple[Any, ...], named: dict[str, Any]) -> None:
        """`flor.checkpoints(…)`: further objects whose state counts, found by name or not."""
        self.session.extra_roots.update(
            {f"checkpoints[{n}]": item for n, item in enumerate(objects)}, **named
        )

    @contextlib.contextmanager
    def iteration(self, name: str, index: int | None) -> Iterator[None]:
        """`with flor.iteration(name, index):` one turn of a loop that the script counts."""
        entry = self.session.enter(name, None, None, "passing")
        entry.index = entry.index + 1 if index is None else index
        try:
            yield
        finally:
            self.session.leave(entry)

    def guard(self) -> Probe:
        """`with flor.probe():`, written by the user."""
        return Probe(self.session, False, {}, self._caller())

    def _caller(self) -> types.FrameType | None:
        current: types.FrameType | None = sys._getframe(2)
        while current is not None:
            if self.session.project.relative(current.f_code.co_filename) is not None:
                return current
            current = current.f_back
        return None
