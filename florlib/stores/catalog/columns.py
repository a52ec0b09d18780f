"""A record of logged values column by column, in which it is found how far turns of a loop are alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, count, cycle
from operator import ne
from typing import Any, NamedTuple

from florlib.ground.journal_format import Record
from florlib.stores.catalog.forms import forms_of
from florlib.stores.catalog.positions import Positions


class Logging(NamedTuple):
    """What is logged at a position: by value, its name, its site and its flags."""

    names: tuple[str, ...]
    sites: tuple[int, ...]
    flags: tuple[int, ...]


class Columns(NamedTuple):
    """The rows of a record.

    Attributes:
        positions: of the record.
        ats: by row, which of these it stands at.
        names: by row.
        sites: by row, which of the record's sites logged it.
        flags: by row.
        texts: by row, the value; see `forms_of`.
        numbers: by row, the value again.
    """

    positions: Positions
    ats: tuple[int, ...]
    names: tuple[str, ...]
    sites: tuple[int, ...]
    flags: tuple[int, ...]
    texts: Sequence[str]
    numbers: Sequence[float | None]

    @classmethod
    def of(cls, record: Record) -> Columns:
        """Those of a record that has rows.

        Raises:
            ValueError, TypeError: they are none of ours.
        """
        ats, names, values, sites, flags = zip(*record["rows"], strict=True)
        return cls(record["positions"], ats, names, sites, flags, *forms_of(values))

    def logging(self, row: int) -> Logging:
        """What a row logs, and those behind it that stand where it does."""
        at, stop = self.ats[row], row + 1
        while stop < len(self.ats) and self.ats[stop] == at:
            stop += 1
        return Logging(self.names[row:stop], self.sites[row:stop], self.flags[row:stop])

    def turns(self, row: int, logging: Logging, most: int) -> Sequence[int]:
        """The turns of a loop, from the one that begins at a row on, that all log the same.

        Args:
            row: the first at its position.
            logging: what they log.
            most: that are looked at.

        Returns:
            Their indices; none where the first one logs something else.
        """
        width, first = len(logging.names), self.ats[row]
        turns = _alike(self.names[row : row + most * width], cycle(logging.names)) // width
        indices = self.positions.turns(first, turns)
        turns = len(indices)
        stop, ats = row + turns * width, tuple(range(first, first + turns))
        if self.sites[row:stop] != logging.sites * turns:
            turns = _alike(self.sites[row:stop], cycle(logging.sites)) // width
        if self.flags[row:stop] != logging.flags * turns:
            turns = min(turns, _alike(self.flags[row:stop], cycle(logging.flags)) // width)
        for nth in range(row, row + width):
            if self.ats[nth:stop:width] != ats:
                turns = min(turns, _alike(self.ats[nth:stop:width], ats))
        return indices[:turns]


def _alike(found: Sequence[Any], wanted: Iterable[Any]) -> int:
    """How many of the first are equal, each to its like."""
    return next(compress(count(), map(ne, found, wanted)), len(found))
