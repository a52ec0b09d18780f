"""Journals read piece by piece, each digested for the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from florlib.ground.journal_format import Record
from florlib.stores.catalog.digest import Digest, digest
from florlib.stores.catalog.loading import load
from florlib.stores.catalog.places import Cursor
from florlib.stores.journal import walk_records

PIECE_BYTES = 4 << 20
"""Of a journal, taken in at once: some 100,000 values, half a second."""


class Piece(NamedTuple):
    """A piece of a journal.

    Attributes:
        start: its offset.
        end: the offset behind it.
        is_last: whether there is no further one yet.
        cursor: where in the loops it ends; what `Cursor.to_json` says.
        digest: what it says.
    """

    start: int
    end: int
    is_last: bool
    cursor: str
    digest: Digest


def read_piece(path: str, start: int, cursor: str | None, *, is_replay: bool) -> Piece:
    """The piece of a journal at an offset.

    Args:
        path: of the journal.
        start: where the piece before it ended; 0 at first.
        cursor: of that piece; None at first.
        is_replay: whether it is the journal of a replay.

    Raises:
        OSError, JournalDamaged, FormatTooNew: it cannot be read.
        ValueError, KeyError, TypeError, IndexError: its records are none of ours.
    """
    reading = _Reading(path, start)
    follower = Cursor.from_json(cursor)
    found = digest(reading.records(), follower, is_replay=is_replay)
    return Piece(start, reading.end, reading.is_last, follower.to_json(), found)


def read_pieces(path: str, *, is_replay: bool) -> Iterator[Piece]:
    """All pieces of a journal from its beginning (see `read_piece`)."""
    piece = read_piece(path, 0, None, is_replay=is_replay)
    yield piece
    while not piece.is_last:
        piece = read_piece(path, piece.end, piece.cursor, is_replay=is_replay)
        yield piece


class _Reading:
    """Goes through as many records as make a piece.

    Attributes:
        end: offset behind the last one so far.
        is_last: whether no further one stands there.
    """

    def __init__(self, path: str, start: int) -> None:
        self.end = start
        self.is_last = False
        self._path = path

    def records(self) -> Iterator[Record]:
        """Give them, one after the other."""
        start = self.end
        for record, end in walk_records(self._path, after=start, load=load):
            self.end = end
            yield record
            if end - start > PIECE_BYTES:
                return
        self.is_last = True
