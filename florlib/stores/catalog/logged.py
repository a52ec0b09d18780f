"""Logged values on their way into the catalog, gathered in blocks without a database.

Of all that a harvest does, this alone is done for each value. Most turns of a loop log the same as the
one before, in the same order: such are taken in together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from florlib.ground.journal_format import Record
from florlib.stores.catalog.blocks import Block, Head, summary_of
from florlib.stores.catalog.columns import Columns, Logging
from florlib.stores.catalog.compared import Again
from florlib.stores.catalog.places import HINDSIGHT, NO_INDEX, Cursor, Frame, Pairs, Place

_Row = tuple[int, int, int, int, int, str, "float | None"]
"""Iteration, step, seq, occurrence, turn, value and number."""

MOST_TURNS = 256
"""That are looked at together; what was looked at behind one that differs is looked at again."""


class _Member(NamedTuple):
    """One value of each turn.

    Attributes:
        head: of its block.
        rows: of its block; None of a value that a replay came to again.
        occurrence: see `Standing`.
        turn: see `Standing`.
    """

    head: Head
    rows: list[Any] | None
    occurrence: int
    turn: int


class _Turn(NamedTuple):
    """What is logged at a position where nothing was logged before.

    Attributes:
        logging: the values, one after the other.
        members: the same.
        most: turns that may be taken in together. Where values of one block are among them, their
            order is that of the turns.
        counts: of the frame afterwards.
        turns: of the frame afterwards.
    """

    logging: Logging
    members: Sequence[_Member]
    most: int
    counts: dict[str, int]
    turns: int

    def repeat(self, frame: Frame, index: int) -> None:
        """Log such values in a frame that fits, as of another turn."""
        frame.index = index
        frame.counts.update(self.counts)
        frame.turns = self.turns


class Logged:
    """Gathers the values of one journal.

    Attributes:
        reached: by the outermost loop, the last iteration in which something was logged.
        again: values that a replay came to again, to be held against the recorded ones.

    Args:
        is_replay: whether it is the journal of a replay.
    """

    def __init__(self, *, is_replay: bool) -> None:
        self.reached: dict[str, int] = {}
        self.again: list[Again] = []
        self._is_replay = is_replay
        self._blocks: dict[Head, list[Any]] = {}
        self._sites: Sequence[Sequence[Any]] = []
        self._turns: dict[Place, _Turn] = {}  # the last one at each

    def take(self, record: Record, cursor: Cursor) -> None:
        """Take in one record; the cursor moves on."""
        if not record["rows"]:
            return
        if record["sites"] != self._sites:
            self._sites, self._turns = record["sites"], {}
        columns, row = Columns.of(record), 0
        while row < len(columns.ats):
            position = columns.positions.position(columns.ats[row])
            turn, indices = self._next(columns, row, cursor.at(position))
            self._reach(position, indices)
            seq = cursor.seq + 1
            if len(indices) == 1:
                self._put(columns, row, turn.members, position, seq)
            else:
                self._put_turns(columns, row, turn.members, position, indices, seq)
            row += len(indices) * len(turn.members)
        cursor.seq += row

    def _next(self, columns: Columns, row: int, frame: Frame) -> tuple[_Turn, Sequence[int]]:
        """What is logged in a frame, from a row on, and the indices of the turns that do so."""
        place = frame.place()
        is_whole = not frame.counts
        turn = self._turns.get(place) if is_whole else None
        indices = columns.turns(row, turn.logging, turn.most) if turn else ()
        if turn and indices:
            turn.repeat(frame, indices[-1])
            return turn, indices
        logging = columns.logging(row)
        members = self._log(frame, place, logging)
        most = 1 if len({head for head, *_ in members}) < len(members) else MOST_TURNS
        turn = _Turn(logging, members, most, frame.counts.copy(), frame.turns)
        if is_whole:
            self._turns[place] = turn
        return turn, [frame.index]

    def _log(self, frame: Frame, place: Place, logging: Logging) -> Sequence[_Member]:
        """Log values in a frame."""
        members = []
        for name, site, flags in zip(*logging, strict=True):
            head = (name, place, *self._sites[site], flags)
            stands_for_itself = flags & HINDSIGHT or not self._is_replay
            rows = self._blocks.setdefault(head, []) if stands_for_itself else None
            members.append(_Member(head, rows, *frame.count(name, flags)))
        return members

    def _reach(self, position: Pairs, indices: Sequence[int]) -> None:
        """Note the index of the outermost loop."""
        if position:
            loop, index = position[0]
            last = max(indices) if len(position) == 1 else index
            if last > self.reached.get(loop, NO_INDEX):
                self.reached[loop] = last

    def _put(
        self, columns: Columns, row: int, members: Sequence[_Member], position: Pairs, seq: int
    ) -> None:
        """Take in the values of one turn.

        Args:
            columns: of the record.
            row: the first of these.
            members: of the turn.
            position: of the turn.
            seq: of the first value of the record.
        """
        iteration = position[0][1] if position else NO_INDEX
        step = position[-1][1] if len(position) > 1 else NO_INDEX
        texts, numbers = columns.texts, columns.numbers
        for at, (head, rows, occurrence, turn) in enumerate(members, row):
            cells = (iteration, step, seq + at, occurrence, turn, texts[at], numbers[at])
            if rows is None:
                self._meet_again(head, [cells])
            else:
                rows.extend(cells)

    def _put_turns(
        self,
        columns: Columns,
        row: int,
        members: Sequence[_Member],
        position: Pairs,
        indices: Sequence[int],
        seq: int,
    ) -> None:
        """Take in the values of turns that are alike, of which each goes into a block of its own.

        Args:
            columns: of the record.
            row: the first of these.
            members: of each turn.
            position: of the first turn.
            indices: of the turns.
            seq: of the first value of the record.
        """
        many, width = len(indices), len(members)
        stop = row + many * width
        is_nested = len(position) > 1
        iterations = [position[0][1]] * many if is_nested else indices
        steps = indices if is_nested else [NO_INDEX] * many
        for at, (head, rows, occurrence, turn) in enumerate(members, row):
            cells = zip(
                iterations,
                steps,
                range(seq + at, seq + stop, width),
                repeat(occurrence),
                repeat(turn),
                columns.texts[at:stop:width],
                columns.numbers[at:stop:width],
                strict=False,
            )
            if rows is None:
                self._meet_again(head, cells)
            else:
                rows.extend(chain.from_iterable(cells))

    def _meet_again(self, head: Head, cells: Iterable[_Row]) -> None:
        name, place, _, line, flags = head
        for iteration, step, _, occurrence, _, text, _ in cells:
            self.again.append((place, name, (iteration, step, occurrence), text, flags, line))

    def blocks(self) -> list[Block]:
        """The values that stand for themselves."""
        return [(head, rows, summary_of(rows)) for head, rows in self._blocks.items()]
