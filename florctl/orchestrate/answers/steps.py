"""Steps: positions as the single whole numbers that other programs draw values over.

A value of `epoch 3, batch 17` stands at step 3 x 100 + 17 where the inner loop has 100 turns. The
numbers rest on positions alone, so a part of the values has the steps that all of them would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from florlib.ground.position import Position
from florlib.stores.catalog.rows import ValueRow

Chain = tuple[str, ...]
"""Names of loops, outermost first."""
Turns = Mapping[Chain, int]
"""How many iterations each loop went through, over all entries."""


def turns_per_entry(turns: Turns, values: Iterable[ValueRow]) -> dict[Chain, int]:
    """How many turns one entry of each loop has at most.

    Args:
        turns: as the loops were left; loops that were killed in their middle may be missing.
        values: of the run, whose indices are the least that there was.
    """
    found: dict[Chain, int] = {}
    for value in values:
        chain: Chain = ()
        for loop, index in value.position:
            chain = (*chain, loop)
            found[chain] = max(found.get(chain, 0), index + 1)
    for chain, seen in found.items():
        total, entries = turns.get(chain, 0), turns.get(chain[:-1], 1) if chain[:-1] else 1
        # Where entries were of different lengths, the mean would make steps collide.
        if entries and total % entries == 0:
            found[chain] = max(seen, total // entries)
    return found


@dataclass(slots=True)
class Steps:
    """The steps of the values of one name in one process, asked for in the order of execution.

    Attributes:
        per_entry: how many turns an entry of each loop has at most.
        at_once: how many values the name has at one position, at most.
    """

    per_entry: Mapping[Chain, int]
    at_once: int = 1
    _behind: dict[str, int] = field(default_factory=dict)
    _end: int = 0
    _outside: int = 0
    _chains: dict[Chain, None] = field(default_factory=dict)

    def of(self, position: Position, occurrence: int) -> int:
        """The step of a value.

        >>> steps = Steps({("epoch",): 3, ("epoch", "batch"): 100})
        >>> steps.of((("epoch", 2), ("batch", 17)), 0), steps.of((("epoch", 2),), 0)
        (217, 2)
        """
        chain = tuple(loop for loop, _ in position)
        self._chains[chain] = None
        if not position:
            self._outside += 1
            return self._end + self._outside - 1
        root = chain[0]
        if root not in self._behind:
            self._behind[root], self._outside = self._end, 0
        step = 0
        for depth, (_, index) in enumerate(position):
            step = step * self._radix(chain[: depth + 1]) + index
        step = step * self.at_once + (occurrence if self.at_once > 1 else 0)
        self._end = max(self._end, self._behind[root] + step + 1)
        return self._behind[root] + step

    def words(self) -> str:
        """What the steps mean that were asked for.

        >>> steps = Steps({("epoch",): 3, ("epoch", "batch"): 100})
        >>> _ = steps.of((("epoch", 2), ("batch", 17)), 0)
        >>> steps.words()
        'epoch * 100 + batch'
        """
        said = dict.fromkeys(self._chain_words(chain) for chain in self._chains)
        return "; ".join(said)

    def _chain_words(self, chain: Chain) -> str:
        if not chain:
            return "outside the loops, in the order of execution"
        text = chain[0]
        for depth in range(1, len(chain)):
            text = f"{_factor(text)} * {self._radix(chain[: depth + 1])} + {chain[depth]}"
        if self.at_once > 1:
            text = f"{_factor(text)} * {self.at_once} + k, the k-th of its position"
        behind = self._behind[chain[0]]
        return f"{behind} + {text}" if behind else text

    def _radix(self, chain: Chain) -> int:
        return max(1, self.per_entry.get(chain, 1))


def _factor(text: str) -> str:
    return f"({text})" if "+" in text else text
