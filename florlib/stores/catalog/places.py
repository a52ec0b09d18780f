"""Places: where in the execution of a run a logged value stands, so that origins can be merged.

A replay runs parts of a run, in another order, in other processes. Its values must be listed among
the recorded ones as the whole run would have logged them. Execution is a tree: below each position
stand single values and loops, one after another. Each gets a slot: a loop the odd number 2n - 1
when it is the n-th at its position, a value the even number 2n when n loops went before it. Slots
and indices from the root, taken in turn, compare as execution goes.

A place is all of this but the first and the last index, which stand beside it in every row: so a
training of a million steps has a handful of places.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from florlib.ground.position import Position, position_from_json

HINDSIGHT = 1
"""Flag of a row that a statement added after the run has logged."""

NO_INDEX = -1
"""Stands for the iteration of what is in no loop, and for the step of what is in one or none."""

Pairs = Sequence[Sequence[Any]]
"""A position as JSON has it: [["epoch", 3], ["loop", 12]]."""


class Place(NamedTuple):
    """Where values stand, but for two indices.

    Attributes:
        path: the position as a template for printf, which the first and the last index go into.
        slots: of the loops from outside to inside, then of the values.
    """

    path: str
    slots: tuple[int, ...]

    def position(self, iteration: int, step: int) -> Position:
        """The position of a row that stands here.

        >>> Place('[["epoch",%d],["a %%",4],["step",%d]]', (1, 1, 1, 0)).position(3, 12)
        (('epoch', 3), ('a %', 4), ('step', 12))
        """
        indices = (iteration, step)[: len(self.slots) - 1]
        return position_from_json(json.loads(self.path % indices))

    def order(self, position: Position) -> tuple[int, ...]:
        """What compares as execution goes, of a row at a position here.

        >>> Place('[["epoch",%d]]', (1, 2)).order((("epoch", 7),))
        (1, 7, 2)
        """
        found = [
            number
            for slot, (_, index) in zip(self.slots, position, strict=False)
            for number in (slot, index)
        ]
        return (*found, self.slots[-1])


class Nest:
    """The loops around a position, shared by all iterations of the innermost."""

    __slots__ = ("_inner", "_places", "_slots", "_templates")

    def __init__(self, templates: tuple[str, ...] = (), slots: tuple[int, ...] = ()) -> None:
        self._templates = templates
        self._slots = slots
        self._inner: dict[tuple[str, int, int], Nest] = {}
        self._places: dict[int, Place] = {}

    def place(self, slot: int) -> Place:
        """The place of values with this slot."""
        found = self._places.get(slot)
        if found is None:
            path = f"[{','.join(self._templates)}]"
            found = self._places[slot] = Place(path, (*self._slots, slot))
        return found

    def inner(self, loop: str, slot: int, index: int) -> Nest:
        """The nest of a loop in here, at an index of the innermost so far."""
        # The first index stands beside the place; one that comes to be in the middle is part of it.
        key = (loop, slot, index if len(self._templates) > 1 else NO_INDEX)
        found = self._inner.get(key)
        if found is None:
            name = json.dumps(loop).replace("%", "%%")
            around = self._templates
            if len(around) > 1:
                around = (*around[:-1], around[-1] % index)
            found = self._inner[key] = Nest((*around, f"[{name},%d]"), (*self._slots, slot))
        return found


@dataclass(slots=True)
class Frame:
    """What happened so far at one position that execution is inside of.

    Attributes:
        slot: of this loop, at the position around it.
        slots: the loops met here, with their slots.
        counts: how many values of each name stood here; hindsight ones apart, under "\\0name".
        turns: how many values that are not hindsight stood here since the last loop.
    """

    nest: Nest
    loop: str = ""
    index: int = NO_INDEX
    slot: int = 0
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

    def place(self) -> Place:
        """Where values stand here at present."""
        return self.nest.place(2 * len(self.slots))

    def count(self, name: str, flags: int) -> tuple[int, int]:
        """A value is logged here: its occurrence and its turn (see `Standing`)."""
        if flags & HINDSIGHT:
            name = f"\0{name}"
            turn = 2 * self.turns
        else:
            self.turns += 1
            turn = 2 * self.turns - 1
        k = self.counts.get(name, 0)
        self.counts[name] = k + 1
        return k, turn

    def to_json(self) -> list[Any]:
        """All but the nest, which follows from the frames around."""
        return [self.loop, self.index, self.slot, self.slots, self.counts, self.turns]


class Standing(NamedTuple):
    """Where one value stands.

    Attributes:
        place: its own.
        occurrence: the k-th value of its name at its position, from 0; hindsight counted apart.
        turn: order among the values of one place and position.
    """

    place: Place
    occurrence: int
    turn: int


class Cursor:
    """Follows one journal from record to record; can be kept as text and taken up again."""

    def __init__(self) -> None:
        self.seq = 0
        self._frames = [Frame(Nest())]
        self._outer: Pairs | None = None  # of the position that the last frame is at
        self._loop = ""

    def to_json(self) -> str:
        """Everything needed to go on with the next record."""
        return json.dumps({"seq": self.seq, "frames": [one.to_json() for one in self._frames]})

    @classmethod
    def from_json(cls, text: str | None) -> Cursor:
        """Take up where `to_json` stopped; without a text, begin."""
        cursor = cls()
        if not text:
            return cursor
        content = json.loads(text)
        cursor.seq = content["seq"]
        root, *inner = content["frames"]
        frames = cursor._frames = [Frame(Nest(), *root)]
        for loop, index, slot, *rest in inner:
            nest = frames[-1].nest.inner(loop, slot, frames[-1].index)
            frames.append(Frame(nest, loop, index, slot, *rest))
        return cursor

    def meet(self, parent: Pairs, loop: str) -> None:
        """A loop is entered, left or skipped at a position."""
        self.at(parent).slot_of(loop)

    def stand(self, position: Pairs, name: str, flags: int) -> Standing:
        """A value is logged.

        >>> cursor = Cursor()
        >>> before = cursor.stand((), "lr", 0)
        >>> inside = cursor.stand((("epoch", 300),), "loss", 0)
        >>> after = cursor.stand((), "lr", 0)
        >>> before.place.slots, inside.place.slots, after.place.slots, after.occurrence
        ((0,), (1, 0), (2,), 1)
        """
        self.seq += 1
        frame = self.at(position)
        return Standing(frame.place(), *frame.count(name, flags))

    def turned(self, position: Pairs) -> Frame | None:
        """The frame of a position that is another turn of the loop that the last one was in; else None.

        It is the same frame, in which nothing has happened yet.
        """
        if not position:
            return None
        loop, index = position[-1]
        frame = self._frames[-1]
        if loop != self._loop or index == frame.index or position[:-1] != self._outer:
            return None
        frame.index, frame.turns = index, 0
        if frame.slots:
            frame.slots.clear()
        if frame.counts:
            frame.counts.clear()
        return frame

    def at(self, position: Pairs) -> Frame:
        """The frame of a position; frames of what execution has left are dropped.

        A position that was left does not come back, since indices only grow.
        """
        turned = self.turned(position)  # as nearly always
        if turned is not None:
            return turned
        frames = self._frames
        self._outer = position[:-1] if position else None
        self._loop = position[-1][0] if position else ""
        depth = 0
        for loop, index in position:
            below = depth + 1
            if below == len(frames):
                break
            frame = frames[below]
            if frame.loop != loop or frame.index != index:
                break
            depth = below
        del frames[depth + 1 :]
        for loop, index in position[depth:]:
            above = frames[-1]
            slot = above.slot_of(loop)
            frames.append(Frame(above.nest.inner(loop, slot, above.index), loop, index, slot))
        return frames[-1]
