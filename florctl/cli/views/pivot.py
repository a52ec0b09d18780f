"""The view of `flor log pivot`: the JSON contract, and a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from florctl.cli.views.render import View
from florctl.cli.views.values import across_runs, index_columns, indices, position_objects
from florlib.ground.values import plain_json
from florlib.stores.catalog.rows import RunRow, ValueRow

OfRuns = Sequence[tuple[RunRow, Sequence[ValueRow]]]
Row = tuple[RunRow, ValueRow, dict[str, ValueRow]]


def pivot_view(names: Sequence[str], runs: OfRuns) -> View:
    """Values of several runs: a row a run, position, rank and occurrence; a column a name."""
    loops, titles = index_columns(row for _, values in runs for row in values)
    labelled = [(f"{run.name}@{run.ordinal}", values) for run, values in runs]
    marked = [field for name in names for field in (name, f"{name}.mark")]
    return View(
        lambda: [across_runs(names, labelled)],
        lambda: [_object(*row) for row in _rows(runs)],
        ("run", "name", "ordinal", "rank", *titles, "occurrence", *marked),
        lambda: (_record(*row, names, loops) for row in _rows(runs)),
    )


def _rows(runs: OfRuns) -> Iterator[Row]:
    """A run, a value that tells the place, and the values there by name."""
    for run, values in runs:
        found: dict[tuple[Any, ...], dict[str, ValueRow]] = {}
        for one in values:
            key = (one.wave, one.rank, one.position, one.occurrence)
            found.setdefault(key, {})[one.name] = one
        for row in found.values():
            yield run, next(iter(row.values())), row


def _object(run: RunRow, at: ValueRow, row: dict[str, ValueRow]) -> dict[str, Any]:
    return {
        "run": run.run,
        "name": run.name,
        "ordinal": run.ordinal,
        "rank": at.rank,
        "position": position_objects(at.position),
        "occurrence": at.occurrence,
        "values": {
            name: {
                "value": plain_json(one.value),
                "origin": one.origin,
                "verified": one.verified,
                "mark": one.mark,
            }
            for name, one in row.items()
        },
    }


def _record(
    run: RunRow,
    at: ValueRow,
    row: dict[str, ValueRow],
    names: Sequence[str],
    loops: Sequence[tuple[int, str]],
) -> list[Any]:
    cells: list[Any] = [run.run, run.name, run.ordinal, at.rank]
    cells += [*indices(at.position, loops), at.occurrence]
    for name in names:
        one = row.get(name)
        cells += [None, None] if one is None else [plain_json(one.value), one.mark]
    return cells
