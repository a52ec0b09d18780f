"""The positions of a record, kept as text: most are the next turn of a loop, which their texts tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import ne
from typing import NamedTuple

import orjson

from florlib.stores.catalog.places import NO_INDEX, Pairs

_BETWEEN = "]],[["


class Positions(NamedTuple):
    """The positions of a record.

    Attributes:
        texts: of each, its JSON without the brackets at both ends: `"epoch",3],["step",12`.
    """

    texts: list[str]

    @classmethod
    def of(cls, positions: Iterable[Pairs]) -> Positions:
        """Those of a list."""
        return cls([json.dumps(one, separators=(",", ":"))[2:-2] for one in positions])

    @classmethod
    def of_text(cls, text: str) -> Positions:
        """Those of a list in JSON without blanks.

        >>> Positions.of_text('[[["epoch",0],["step",0]],[["epoch",0]]]').texts
        ['"epoch",0],["step",0', '"epoch",0']

        Raises:
            ValueError: the text does not tell where one ends. Some are in no loop, or the name of a
                loop has brackets or a backslash.
        """
        texts = text[3:-3].split(_BETWEEN)
        # Each pair of name and index has two quotes, and brackets; so have each position, and the list.
        brackets = text.count('"') / 2 + len(texts) + 1
        if "\\" in text or not brackets == text.count("[") == text.count("]"):
            raise ValueError(f"cannot be divided: {text[:80]}")
        return cls(texts)

    def position(self, at: int) -> Pairs:
        """One of them."""
        text = self.texts[at]
        if not text:
            return []
        # Half of a surrogate pair is what orjson refuses.
        loads = json.loads if "\\" in text else orjson.loads
        found: Pairs = loads(f"[[{text}]]")
        return found

    def turns(self, at: int, most: int) -> Sequence[int]:
        """Indices of turns of one loop at even distances, from a position on.

        >>> positions = [["epoch", 1]], [["epoch", 2], ["step", 0]], [["epoch", 2], ["step", 10]]
        >>> Positions.of(positions).turns(1, 9)
        range(0, 20, 10)

        Args:
            at: the first position.
            most: that are looked at.
        """
        texts = self.texts[at : at + most]
        if not texts or not texts[0]:
            return (NO_INDEX,) if texts else ()
        loop, _, index = texts[0].rpartition(",")
        start, step = int(index), 1
        if len(texts) > 1:
            other, _, index = texts[1].rpartition(",")
            step = int(index) - start if loop == other else 0
        if not step:
            return (start,)
        likely = range(start, start + step * len(texts), step)
        wanted = map(f"{loop},".__add__, map(str, likely))
        return likely[: next(compress(count(), map(ne, texts, wanted)), len(texts))]
