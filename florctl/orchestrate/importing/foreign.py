"""A run as another program has recorded it, in flor's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florlib.ground.position import Position, instance_name
from florlib.stores.versions import Committed

VOLATILE = 2
"""Flag of a value that a clock went into (docs/formats/journal.md)."""


@dataclass(frozen=True, slots=True)
class ForeignValue:
    """A logged value, as JSON of the journal has it (`florlib.ground.values`)."""

    position: Position
    name: str
    value: Any
    flags: int = 0


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run of another program's.

    Attributes:
        origin: one of FORMATS in flow.py.
        place: the file or folder that tells of it.
        content: all bytes that tell of it, which the run's id is made of.
        name: for the run; letters that no name can have are replaced.
        project: the folder that it was started in, as far as is known.
        values: in the order of execution; along each loop, indices only grow.
        version: the commit that holds its code, where that is known.
    """

    origin: str
    place: Path
    content: bytes
    name: str
    project: Path
    started: datetime
    ended: datetime
    script: str | None
    arguments: dict[str, Any]
    values: Sequence[ForeignValue]
    version: Committed | None = None


@dataclass(slots=True)
class Found:
    """What was found in a place.

    Attributes:
        problems: one line each on what could not be read.
    """

    runs: list[ForeignRun] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Unrolled:
    """Makes positions of which none comes back: a loop that begins anew is another one beside it."""

    _last: dict[tuple[Position, str], tuple[int, int]] = field(default_factory=dict)

    def place(self, told: Sequence[tuple[str, int]]) -> Position:
        """The position for the loops and indices that were told.

        >>> unrolled = Unrolled()
        >>> [unrolled.place([("epoch", index)]) for index in (0, 1, 0)][-1]
        (('epoch#2', 0),)
        """
        position: Position = ()
        for loop, index in told:
            ordinal, last = self._last.get((position, loop), (1, 0))
            ordinal += index < last
            self._last[position, loop] = (ordinal, index)
            position = (*position, (instance_name(loop, ordinal), index))
        return position
