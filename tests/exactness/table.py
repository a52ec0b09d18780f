"""Prints the matrix as a table: what was compared, what ran, and whether it was exact.

    python -m tests.exactness.table [--jobs 2] [--workers 4] [NAME…]

With several workers the work of each replay is divided at random, and nothing is expected of how
much is executed.

Exit status 1 where a line is neither exact nor refused as it should be; what was wrong stands
below the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.exactness.cases import Case, load_cases
from tests.exactness.harness import Divided, Outcome, record, replay

HEADINGS = ("script", "probe", "values", "executed", "expected", "outcome")


@dataclass(frozen=True, slots=True)
class Line:
    """A script and a kind of probe, with what came of it."""

    case: Case
    kind: str
    outcome: Outcome

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts below HEADINGS."""
        executed = "-" if self.outcome.executed is None else str(self.outcome.executed)
        bounds = str(self.case.bounds.get(self.kind, "-"))
        values = str(self.outcome.values)
        return (self.case.name, self.kind, values, executed, bounds, self.verdict)

    @property
    def verdict(self) -> str:
        """exact, refused: why, or WRONG."""
        if self.outcome.problems:
            return "WRONG"
        if self.outcome.refused is not None:
            return f"refused: {self.outcome.refused}"
        named = ", ".join(dict.fromkeys(name.text for name in self.case.named))
        return f"exact, names {named}" if named else "exact"


def lines_of(case: Case, workers: str | None) -> list[Line]:
    """Record the case in a folder of its own and replay each kind of probe."""
    words = () if workers is None else ("--workers", workers)
    with tempfile.TemporaryDirectory(prefix="exactness-") as folder:
        recording = record(case, Path(folder), really=Divided)
        # Of an unseeded script that is refused, the parts that can be verified are no refusal.
        kinds = [kind for kind in case.kinds if workers is None or kind not in case.refusals]
        lines = [Line(case, kind, replay(recording, kind, *words)) for kind in kinds]
    for line in lines:
        print(f"{case.name}, {line.kind}: {line.verdict}", file=sys.stderr, flush=True)
    return lines


def markdown(lines: list[Line]) -> Iterator[str]:
    """The table in Markdown, which reads well on a terminal too."""
    rows = [HEADINGS, *(line.cells for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in (rows[0], tuple("-" * width for width in widths), *rows[1:]):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "| " + " | ".join(cells) + " |"


def main() -> int:
    """Run the named cases, or all, and print the table."""
    parser = argparse.ArgumentParser(description="Print the exactness matrix as a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scripts to run; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="scripts at a time")
    parser.add_argument("--workers", help="of each replay, whose work is divided at random")
    words = parser.parse_args()
    cases = [case for case in load_cases() if not words.names or case.name in words.names]
    with ThreadPoolExecutor(words.jobs) as pool:
        groups = pool.map(partial(lines_of, workers=words.workers), cases)
        lines = [line for group in groups for line in group]
    print("\n".join(markdown(lines)))
    wrong = [line for line in lines if line.outcome.problems]
    for line in wrong:
        print(f"\n{line.case.name}, {line.kind}:", *line.outcome.problems, sep="\n  ")
    values = sum(line.outcome.values for line in lines if line.verdict.startswith("exact"))
    refused = sum(line.verdict.startswith("refused") for line in lines)
    exact = len(lines) - len(wrong) - refused
    print(
        f"\n{len(cases)} scripts, {len(lines)} probes: {exact} exact ({values} values), "
        f"{refused} refused by name, {len(wrong)} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
