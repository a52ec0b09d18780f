"""Places: where in the execution of a run a logged value stands, so that origins can be merged.

A replay runs parts of a run, in another order, in other processes. Its values must be listed among
the recorded ones as the whole run would have logged them. Execution is a tree: below each position
stand single values and loops, one after another. Each gets a slot: a loop the odd number 2n - 1
when it is the n-th at its position, a value the even number 2n when n loops went before it. The path
of slots and indices from the root compares as execution goes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from florlib.ground.position import Position

HINDSIGHT = 1
"""Flag of a row that a statement added after the run has logged."""


@dataclass(slots=True)
class Frame:
    """What happened so far at one position that execution is inside of.

    Attributes:
        prefix: sort key of everything below this position, as hex.
        slots: the loops met here, with their slots.
        counts: how many values of each name stood here; hindsight ones apart, under "\\0name".
        turns: how many values that are not hindsight stood here since the last loop.
    """

    loop: str = ""
    index: int = 0
    prefix: str = ""
    slots: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    turns: int = 0

    def slot_of(self, loop: str) -> int:
        """The slot of a loop at this position; a new loop takes the next."""
        slot = self.slots.get(loop)
        if slot is None:
            slot = self.slots[loop] = 2 * len(self.slots) + 1
            self.turns = 0
        return slot


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one value stands.

    Attributes:
        sort: bytes that compare as execution goes.
        occurrence: the k-th value of its name at its position, from 0; hindsight counted apart.
        turn: order among the values with the same sort key.
    """

    sort: bytes
    occurrence: int
    turn: int


class Cursor:
    """Follows one journal from record to record; can be kept as text and taken up again."""

    def __init__(self, frames: list[Frame] | None = None, seq: int = 0) -> None:
        self.seq = seq
        self._frames = frames or [Frame()]

    def to_json(self) -> str:
        """Everything needed to go on with the next record."""
        return json.dumps({"seq": self.seq, "frames": [asdict(frame) for frame in self._frames]})

    @classmethod
    def from_json(cls, text: str | None) -> Cursor:
        """Take up where `to_json` stopped; without a text, begin."""
        if not text:
            return cls()
        content = json.loads(text)
        return cls([Frame(**frame) for frame in content["frames"]], content["seq"])

    def meet(self, parent: Position, loop: str) -> None:
        """A loop is entered, left or skipped at a position."""
        self._at(parent).slot_of(loop)

    def stand(self, position: Position, name: str, flags: int) -> Standing:
        """A value is logged.

        >>> cursor = Cursor()
        >>> before = cursor.stand((), "lr", 0)
        >>> inside = cursor.stand((("epoch", 300),), "loss", 0)
        >>> after = cursor.stand((), "lr", 0)
        >>> before.sort < inside.sort < after.sort, after.occurrence
        (True, 1)
        """
        frame = self._at(position)
        sort = bytes.fromhex(frame.prefix) + _ordered(2 * len(frame.slots))
        self.seq += 1
        if flags & HINDSIGHT:
            return Standing(sort, _count(frame.counts, f"\0{name}"), 2 * frame.turns)
        frame.turns += 1
        return Standing(sort, _count(frame.counts, name), 2 * frame.turns - 1)

    def _at(self, position: Position) -> Frame:
        """The frame of a position; frames of what execution has left are dropped.

        A position that was left does not come back, since indices only grow.
        """
        frames = self._frames
        depth = 0
        for pair, frame in zip(position, frames[1:], strict=False):
            if pair != (frame.loop, frame.index):
                break
            depth += 1
        del frames[depth + 1 :]
        for loop, index in position[depth:]:
            above = frames[-1]
            key = _ordered(above.slot_of(loop)) + _ordered(index)
            frames.append(Frame(loop, index, above.prefix + key.hex()))
        return frames[-1]


def _count(counts: dict[str, int], name: str) -> int:
    k = counts.get(name, 0)
    counts[name] = k + 1
    return k


def _ordered(number: int) -> bytes:
    """A natural number as bytes that compare as numbers do: how many follow, then these.

    >>> sorted([300, 2, 0, 70000], key=_ordered)
    [0, 2, 300, 70000]
    """
    length = (number.bit_length() + 7) // 8
    return bytes((length,)) + number.to_bytes(length, "big")
