"""How far a script goes on before its prompt opens again."""

from __future__ import annotations

from typing import Protocol

from florlib.ground.position import Position


class Goal(Protocol):
    """Where the prompt opens again."""

    def turned(self) -> None:
        """A turn of an innermost training loop was executed."""

    def is_met(self, position: Position) -> bool:
        """Whether it opens here, from the main loop inwards."""


class Turns:
    """Behind a number of turns of the innermost training loop."""

    def __init__(self, count: int) -> None:
        self._left = count

    def turned(self) -> None:
        """One less is left."""
        self._left -= 1

    def is_met(self, position: Position) -> bool:
        """Whether none is left."""
        return self._left <= 0


class Reaching:
    """Before a turn, or at the first one behind it where that one does not come.

    >>> goal = Reaching((("epoch", 5), ("loop", 2)))
    >>> [goal.is_met(at) for at in ((("epoch", 5),), (("epoch", 5), ("loop", 2)))], goal.passed
    ([False, True], False)
    >>> goal.is_met((("epoch", 6),)), goal.passed
    (True, True)

    Attributes:
        position: that was asked for.
        passed: it did not come.
    """

    def __init__(self, position: Position) -> None:
        self.position = position
        self.passed = False

    def turned(self) -> None:
        """Turns are not counted."""

    def is_met(self, position: Position) -> bool:
        """Whether it is there, or behind."""
        for (name, index), (wanted_name, wanted) in zip(position, self.position, strict=False):
            if name != wanted_name or index < wanted:
                return False
            if index > wanted:
                self.passed = True
                return True
        return len(position) >= len(self.position)
