"""Which parts of a replay this process executes: all that is planned, or what it takes on in turn.

A worker goes through the run as any replay does, from its start on, and only forward. At each main
loop it takes on the next part that nobody has yet, until there is none; then it goes on to what
follows, if there is something left to take on, and ends where there is not. What a probe logs
outside of its own pieces is another worker's to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from florlib.ground.pieces import Piece, pieces
from florlib.ground.plan import Plan, Segment
from florlib.stores.claims import Claims


class Share(Protocol):
    """What a process executes of a plan."""

    def begins(self, phase: int) -> bool:
        """Whether what lies before the main loop of this number is asked for here."""

    def parts(self, main: int, goes_anywhere: Callable[[], bool]) -> Iterator[tuple[str, Segment]]:
        """(name of the piece, iterations) of a main loop, in order; each taken on when asked for.

        Args:
            main: number of the loop.
            goes_anywhere: whether the loop can go on at any later iteration; where it cannot, a
                process that has executed some goes on with the next alone.
        """

    def within(self, main: int, index: int) -> tuple[str, Segment] | None:
        """The next part of an iteration that is divided, taken on; None where there is none."""

    def is_over(self, main: int) -> bool:
        """Whether nothing is left to do behind a main loop."""


class Everything:
    """The share of a replay's only worker."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def begins(self, phase: int) -> bool:
        """Everything is."""
        return True

    def parts(self, main: int, goes_anywhere: Callable[[], bool]) -> Iterator[tuple[str, Segment]]:
        """The plan's segments, wherever they lie."""
        for segment in self._plan.segments:
            if segment.main == main:
                yield "", segment

    def within(self, main: int, index: int) -> tuple[str, Segment] | None:
        """Nothing is divided."""
        return None

    def is_over(self, main: int) -> bool:
        """By the plan."""
        later = any(segment.main > main for segment in self._plan.segments)
        return not later and not self._plan.epilogue


class Claimed:
    """The share of one of several workers.

    Args:
        plan: that is divided.
        mains: how many main loops the run has.
        claims: of all workers.
        worker: number of this one.
    """

    def __init__(self, plan: Plan, mains: int, claims: Claims, worker: int) -> None:
        self._pieces = pieces(plan, mains)
        self._claims = claims
        self._worker = worker
        self._at = 0  # no piece before it can be reached any more
        self._held: Piece | None = None  # taken on, and not begun

    def begins(self, phase: int) -> bool:
        """Whether it is taken on by this worker."""
        held = self._held
        if held is not None and held.part is None and held.phase == phase:
            self._held = None
            return True
        return self._take_on(lambda piece: piece.part is None and piece.phase == phase) is not None

    def parts(self, main: int, goes_anywhere: Callable[[], bool]) -> Iterator[tuple[str, Segment]]:
        """Parts that nobody has, one at a time."""
        behind = 0  # no iteration is gone through twice

        def fits(piece: Piece) -> bool:
            if piece.part is None or piece.phase != main or piece.part.start < behind:
                return False
            return not behind or piece.part.start == behind or goes_anywhere()

        piece = self._held if self._held is not None and fits(self._held) else self._take_on(fits)
        while piece is not None and piece.part is not None:
            self._held, behind = None, piece.part.stop
            yield piece.name, piece.part
            piece = self._take_on(fits)

    def within(self, main: int, index: int) -> tuple[str, Segment] | None:
        """Turns that nobody has."""

        def fits(piece: Piece) -> bool:
            part = piece.part
            return (
                part is not None
                and part.turns is not None
                and (part.main, part.start) == (main, index)
            )

        piece = self._take_on(fits)
        return None if piece is None or piece.part is None else (piece.name, piece.part)

    def is_over(self, main: int) -> bool:
        """Takes on the next piece behind a main loop, if there is one."""
        if self._held is None:
            self._held = self._take_on(lambda piece: piece.phase > main)
        return self._held is None

    def _take_on(self, fits: Callable[[Piece], bool]) -> Piece | None:
        """The first piece ahead that fits and that nobody has."""
        for number in range(self._at, len(self._pieces)):
            piece = self._pieces[number]
            if fits(piece) and self._claims.take(piece.name, self._worker):
                self._at = number + 1
                return piece
        return None
