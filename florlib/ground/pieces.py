"""The pieces that the work of a replay is divided into, and their order, which is that of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from florlib.ground.plan import Plan, Segment


@dataclass(frozen=True, slots=True)
class Piece:
    """What one worker takes on at a time.

    Attributes:
        name: that no other piece has.
        phase: how many main loops lie before it.
        part: iterations of the next main loop; None for what lies between main loops.
    """

    name: str
    phase: int
    part: Segment | None = None


def pieces(plan: Plan, mains: int) -> tuple[Piece, ...]:
    """The pieces of a divided plan, in the order of the run.

    Args:
        plan: whose parts are to be executed.
        mains: how many main loops the run has.

    >>> plan = Plan("r", "inner", parts=(Segment(0, 0, 2), Segment(0, 2, 5)), epilogue=True)
    >>> [piece.name for piece in pieces(plan, 1)]
    ['part.0', 'part.1', 'phase.1']
    """
    return tuple(_pieces(plan, mains))


def _pieces(plan: Plan, mains: int) -> Iterator[Piece]:
    numbered = list(enumerate(plan.parts or ()))
    for phase in range(mains + 1):
        if plan.epilogue if phase == mains else plan.prelude:
            yield Piece(f"phase.{phase}", phase)
        for number, part in numbered:
            if part.main == phase:
                yield Piece(f"part.{number}", phase, part)
