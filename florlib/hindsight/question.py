"""A recorded run and what is asked of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from florlib.ground.recorded import MainMark, RecordedProcess
from florlib.hindsight.probes import Comparison, Probe


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a run.

    Attributes:
        comparisons: by path, recorded source against present source.
        added: by path, texts of files that only probes import.
        iterations: indices of the main loop that are wanted; None for all.
        turns: indices of the innermost loops that are wanted; None for all.
        verify: execute everything, to check the record itself.
        part: (i, n): only the i-th of n parts of the iterations, from 1; what follows the main
            loops belongs to the last.
        forced: the code has changed by more than probes, and is to be run all the same.
        tolerance: relative difference of numbers that still passes.
    """

    comparisons: Mapping[str, Comparison]
    iterations: frozenset[int] | None = None
    turns: frozenset[int] | None = None
    verify: bool = False
    part: tuple[int, int] | None = None
    forced: bool = False
    added: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.0

    @property
    def probes(self) -> tuple[Probe, ...]:
        """All probes, in all files."""
        return tuple(probe for item in self.comparisons.values() for probe in item.probes)


@dataclass(slots=True)
class Run:
    """What planning needs to know of a recorded run.

    Attributes:
        run: its id.
        processes: its recorded processes, by the order of starting.
        seconds: that it took, as far as is known.
        errors_repeat: whether an error that left a loop came from the script, and from nothing outside.
        left: by the number of a main loop, the files that the project still has as the loop left
            them, and whether they are there.
    """

    run: str
    processes: Sequence[RecordedProcess]
    seconds: float
    errors_repeat: bool = False
    left: Mapping[int, Mapping[str, bool]] = field(default_factory=dict)
    trees: dict[str, ast.Module] = field(init=False)

    def __post_init__(self) -> None:
        self.trees = {path: ast.parse(text) for path, text in sources_of(self.processes).items()}

    @property
    def mains(self) -> list[list[MainMark]]:
        """By their number: the main loops that the processes have gone through."""
        most = max((len(process.mains) for process in self.processes), default=0)
        return [
            [process.mains[number] for process in self.processes if number < len(process.mains)]
            for number in range(most)
        ]

    @property
    def iterations(self) -> int:
        """Of the longest main loop."""
        return max((self.turns(mark) for marks in self.mains for mark in marks), default=0)

    @property
    def steps(self) -> int:
        """Turns of the longest innermost loop within the main loops."""
        return max(
            (
                block.iterations
                for marks in self.mains
                for mark in marks
                for block in mark.blocks.values()
                if (block.path, block.ordinal) in mark.innermost
            ),
            default=0,
        )

    def turns(self, mark: MainMark) -> int:
        """Iterations of a main loop, with one that an error cut short."""
        return mark.iterations + (self.errors_repeat and mark.how == "raise")


def sources_of(processes: Iterable[RecordedProcess]) -> dict[str, str]:
    """The recorded sources of all processes, by path."""
    sources: dict[str, str] = {}
    for process in processes:
        for path, text in process.sources.items():
            sources.setdefault(path, text)
    return sources
