"""Values as tables: a row a value, or a row a position with a column a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from florctl.orchestrate.export.chosen import Chosen, ChosenRun
from florlib.ground.values import decode_value, plain_json
from florlib.stores.catalog.rows import ValueRow

Loop = tuple[int, str]
"""Depth and name of a loop."""
MARK = "mark"
_RUN = ("run", "run_name", "ordinal", "rank", "process")
_VALUE = ("name", "occurrence", "value", "origin", MARK)
_TEXTS = ("run", "run_name", "name", "origin", MARK)


@dataclass(slots=True)
class Kinds:
    """What a column holds, for formats whose columns have types.

    Attributes:
        met: types of its cells.
        large: whether there is an integer among them that no float64 holds.
    """

    met: set[type] = field(default_factory=set)
    large: bool = False

    def meet(self, content: Any) -> None:
        """Take note of a cell."""
        if content is not None:
            self.met.add(type(content))
            self.large |= type(content) is int and abs(content) > 1 << 53


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table whose rows are made as they are asked for.

    Attributes:
        columns: their titles, each once.
        kinds: what the columns hold, by title.
    """

    columns: tuple[str, ...]
    kinds: dict[str, Kinds]
    _rows: Iterable[list[Any]]

    def rows(self) -> Iterator[list[Any]]:
        """Every row."""
        return iter(self._rows)


@dataclass(slots=True)
class Tally:
    """What was exported: runs, values, and how many of them are not to be trusted."""

    runs: int = 0
    values: int = 0
    marked: int = 0


def long_table(chosen: Chosen, tally: Tally) -> ExportTable:
    """A row a value, in the order of execution."""
    loops: dict[Loop, None] = {}
    kinds = Kinds()
    for run in chosen.runs():
        for value in run.values:
            loops |= dict.fromkeys(_loops_of(value))
            kinds.meet(cell_of(value.value))
    ordered = _ordered(loops)
    titles = _titles(ordered, (*_RUN, *_VALUE))
    columns = (*_RUN, *titles, *_VALUE)
    of_columns = {**_fixed_kinds(columns), "value": kinds}
    return ExportTable(columns, of_columns, _long_rows(chosen, ordered, tally))


def _long_rows(chosen: Chosen, loops: Sequence[Loop], tally: Tally) -> Iterator[list[Any]]:
    for run in _counted(chosen, tally):
        for one in run.values:
            cells = [one.name, one.occurrence, cell_of(one.value), one.origin, one.mark]
            yield [*_place(run, one), *_indices(one, loops), *cells]


def wide_table(chosen: Chosen, tally: Tally) -> ExportTable:
    """A row a position and occurrence, a column a name, and one for marks where there are some."""
    loops: dict[Loop, None] = {}
    kinds: dict[str, Kinds] = {}
    marked: set[str] = set()
    for run in chosen.runs():
        for value in run.values:
            loops |= dict.fromkeys(_loops_of(value))
            kinds.setdefault(value.name, Kinds()).meet(cell_of(value.value))
            if value.mark is not None:
                marked.add(value.name)
    ordered = _ordered(loops)
    head = (*_RUN, *_titles(ordered, (*_RUN, "occurrence")), "occurrence")
    names = [name for name in chosen.names or sorted(kinds) if name in kinds]
    cells = [(name, is_mark) for name in names for is_mark in (False, True)]
    cells = [(name, is_mark) for name, is_mark in cells if not is_mark or name in marked]
    titles = _distinct([f"{name}.{MARK}" if is_mark else name for name, is_mark in cells], head)
    of_columns = _fixed_kinds(head)
    for title, (name, is_mark) in zip(titles, cells, strict=True):
        of_columns[title] = Kinds({str}) if is_mark else kinds[name]
    return ExportTable((*head, *titles), of_columns, _wide_rows(chosen, ordered, cells, tally))


def _wide_rows(
    chosen: Chosen, loops: Sequence[Loop], cells: Sequence[tuple[str, bool]], tally: Tally
) -> Iterator[list[Any]]:
    for run in _counted(chosen, tally):
        rows: dict[tuple[Any, ...], dict[str, ValueRow]] = {}
        for value in run.values:
            key = (value.wave, value.rank, value.position, value.occurrence)
            # An added line may log under a name that stands there already: it has a row of its own.
            extra = 0
            while value.name in rows.get((*key, extra), {}):
                extra += 1
            rows.setdefault((*key, extra), {})[value.name] = value
        for row in rows.values():
            first = next(iter(row.values()))
            found = [_wide_cell(row.get(name), is_mark) for name, is_mark in cells]
            yield [*_place(run, first), *_indices(first, loops), first.occurrence, *found]


def _wide_cell(value: ValueRow | None, is_mark: bool) -> Any:
    if value is None:
        return None
    return value.mark if is_mark else cell_of(value.value)


def cell_of(content: Any) -> Any:
    """A logged value, given as JSON of the journal, as a cell: a plain value, or a tree of JSON.

    >>> cell_of({"$float": "NaN"}), cell_of({"$tuple": [1, 2]})
    (nan, [1, 2])
    """
    if isinstance(content, dict) and content.keys() == {"$float"}:
        return decode_value(content)
    return plain_json(content)


def _fixed_kinds(columns: Sequence[str]) -> dict[str, Kinds]:
    return {title: Kinds({str if title in _TEXTS else int}) for title in columns}


def _counted(chosen: Chosen, tally: Tally) -> Iterator[ChosenRun]:
    for run in chosen.runs():
        tally.runs += 1
        tally.values += len(run.values)
        tally.marked += sum(not one.is_trusted for one in run.values)
        yield run


def _place(run: ChosenRun, value: ValueRow) -> list[Any]:
    return [run.row.run, run.row.name, run.row.ordinal, value.rank, value.wave]


def _loops_of(value: ValueRow) -> list[Loop]:
    return [(depth, loop) for depth, (loop, _) in enumerate(value.position)]


def _indices(value: ValueRow, loops: Sequence[Loop]) -> list[int | None]:
    at = {(depth, loop): index for depth, (loop, index) in enumerate(value.position)}
    return [at.get(loop) for loop in loops]


def _ordered(loops: Iterable[Loop]) -> list[Loop]:
    """Outer loops before inner ones, otherwise as they were met."""
    return sorted(loops, key=lambda loop: loop[0])


def _titles(loops: Sequence[Loop], taken: Sequence[str]) -> list[str]:
    """Names of loops; one inside another of its name gets its depth."""
    names = [name for _, name in loops]
    titles = [name if names.count(name) == 1 else f"{name}.{depth}" for depth, name in loops]
    return _distinct(titles, taken)


def _distinct(titles: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Titles of which none is another's or taken.

    >>> _distinct(["epoch", "rank"], ["run", "rank"])
    ['epoch', 'rank_']
    """
    found: list[str] = []
    for title in titles:
        free = title
        while free in taken or free in found:
            free += "_"
        found.append(free)
    return found
