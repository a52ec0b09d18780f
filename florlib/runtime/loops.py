"""What recording and replaying loops share: who plays which role, and how a loop was left.

Loops are generators, never classes with `__next__`: those cost four times as much a turn
(benchmarks/runtime.py).
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.session import Entry, Session
from florlib.source.exits import exit_kind
from florlib.source.loops import LoopSite


@dataclass(slots=True)
class Items:
    """What a loop goes over: an iterable, or a call that would make one.

    The call (`enumerate(loader)`, `tqdm(loader)`) is made only when the loop really starts, so
    that a skipped loop never starts its DataLoader.
    """

    call: Callable[..., Iterable[Any]]
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, iterable: Iterable[Any]) -> Items:
        """The items of an iterable that is there already."""
        return cls(lambda: iterable)

    def evaluate(self) -> Iterable[Any]:
        """The iterable."""
        return self.call(*self.arguments, **self.keywords)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.evaluate())


class Turns:
    """The turns of a `while` loop, by their numbers; they end when its test came out false.

    Attributes:
        finished: the test came out false, so that the turn under way is none.
    """

    def __init__(self) -> None:
        self.finished = False

    def __iter__(self) -> Iterator[int]:
        number = 0
        while not self.finished:
            yield number
            number += 1


@dataclass(frozen=True, slots=True)
class LoopCall:
    """One entry into a wrapped loop, before it is known what role it plays.

    Attributes:
        path, site: where the loop stands; None where the sources do not tell.
        name: without "#k".
        probed: what the script says of it: step into it, skip it, or None.
        explicit: the script itself called `flor.loop`.
        turns: of a `while` loop.
    """

    items: Items
    path: str | None
    site: LoopSite | None
    name: str
    probed: bool | None = None
    explicit: bool = False
    turns: Turns | None = None

    @property
    def is_alone(self) -> bool:
        """Whether nothing around it counts its items as well, as `enumerate(flor.loop(xs))` does.

        Such a count goes on from where it is, also where the loop goes on from elsewhere.
        """
        return not self.explicit or (self.site is not None and not self.site.surrounded)

    @property
    def finished(self) -> bool:
        """Whether the turn under way is none, as the test of a `while` came out false."""
        return self.turns is not None and self.turns.finished


LoopBody = Generator[Any, None, None]


def run_loop(session: Session, call: LoopCall) -> LoopBody:
    """The generator a wrapped loop goes over; the role is found when it starts."""
    frame = sys._getframe(1)
    if not session.active or not _followed(session, call):
        return (yield from call.items)
    if call.explicit:
        frame = _outward(frame, session)
    session.loop_begins()
    role = _role(session, call)
    if role == "main":
        return (yield from session.run_main(call, frame))
    if role == "nested":
        return (yield from session.run_nested(call, frame))
    return (yield from _positions_only(session, call))


def _followed(session: Session, call: LoopCall) -> bool:
    """Whether this thread's loops count: those of the thread that trains do."""
    me = threading.get_ident()
    if session.thread != me and session.main is None and _may_be_main(session, call):
        session.thread = me
    return session.thread == me and not session.in_probe


def _may_be_main(session: Session, call: LoopCall) -> bool:
    chosen = session.sources.chosen
    if chosen is not None:
        return call.site is not None and (call.path, call.site.line) == chosen
    if session.sources.explicit:
        return call.explicit
    return call.site is not None and call.site.training


def _role(session: Session, call: LoopCall) -> str:
    if session.main is None:
        return "main" if _may_be_main(session, call) else "passing"
    trains = call.explicit or (call.site is not None and call.site.training)
    return "nested" if trains else "passing"


def _positions_only(session: Session, call: LoopCall) -> LoopBody:
    entry = session.enter(call.name, call.path, call.site, "passing")
    entry.index = 0
    try:
        for item in call.items:
            yield item
            if call.finished:
                return
            entry.index += 1
            if entry.counts:
                entry.counts = {}
    finally:
        session.leave(entry)


def _outward(frame: types.FrameType, session: Session) -> types.FrameType:
    """The user's frame: a Python generator such as tqdm may stand in between."""
    current: types.FrameType | None = frame
    while current is not None:
        if session.project.relative(current.f_code.co_filename) is not None:
            return current
        current = current.f_back
    return frame


def way_out(session: Session, entry: Entry, frame: types.FrameType) -> str:
    """How a loop is being left whose generator is closed: break, return or raise.

    The frame stands at the statement that left. Where the frame has gone on, as when a stored
    iterator is closed late, the answer is "raise": such a loop is never skipped.
    """
    if entry.path is None or entry.site is None or not session.active:
        return "raise"  # also where the interpreter is ending and takes what was left behind
    tree = session.sources.trees.get(entry.path)
    if tree is None:
        return "raise"
    hindsight = session.sources.hindsight.get(entry.path, frozenset())
    kind = exit_kind(tree, entry.site.ordinal, frame.f_lineno, hindsight)
    return kind or "raise"
