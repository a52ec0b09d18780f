"""Views of logged values: the JSON contract, and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.orchestrate.answers.histograms import histogram_text
from florlib.ground.histogram import Histogram
from florlib.ground.position import Position
from florlib.ground.stored_array import FIGURES, StoredArray
from florlib.ground.values import Lost, decode_value, plain_json
from florlib.stores.catalog.rows import SHELL, NameRow, RunRow, ValueRow


def name_list(names: Sequence[NameRow]) -> View:
    """The names that a run has logged."""
    fields = ("name", "recorded", "replayed", SHELL)
    objects = [
        {
            "name": one.name,
            "recorded": one.recorded,
            "replayed": one.replayed,
            SHELL: one.typed,
        }
        for one in names
    ]
    columns = [Column("name"), *(Column(title, right=True) for title in fields[1:3])]
    rows = [[one.name, str(one.recorded), str(one.replayed or "")] for one in names]
    if any(one.typed for one in names):
        columns.append(Column(SHELL, right=True))
        rows = [[*row, str(one.typed or "")] for row, one in zip(rows, names, strict=True)]
    return View(
        lambda: [Table(tuple(columns), rows)],
        lambda: objects,
        fields,
        lambda: records_of(objects, fields),
    )


def value_list(run: RunRow, names: Sequence[str], values: Sequence[ValueRow]) -> View:
    """Logged values in the order of execution; several names stand side by side for people."""
    loops = _loop_columns(values)
    return View(
        lambda: [_one_name(names[0], values) if len(names) == 1 else _side_by_side(names, values)],
        lambda: [_value_object(run, value) for value in values],
        ("run", *_loop_titles(loops), "name", "value", "origin", "verified", "mark"),
        lambda: (_value_record(run, value, loops) for value in values),
    )


def _value_object(run: RunRow, value: ValueRow) -> dict[str, Any]:
    return {
        "run": run.run,
        "position": position_objects(value.position),
        "name": value.name,
        "value": plain_json(value.value),
        "origin": value.origin,
        "verified": value.verified,
        "mark": value.mark,
    }


def _value_record(run: RunRow, value: ValueRow, loops: Sequence[tuple[int, str]]) -> list[Any]:
    shown = plain_json(value.value)
    place = indices(value.position, loops)
    return [run.run, *place, value.name, shown, value.origin, value.verified, value.mark]


def _one_name(name: str, values: Sequence[ValueRow]) -> Table:
    loops = _loop_columns(values)
    columns = [*_position_columns(loops), _value_column(name, values)]
    cells = [[*indices(one.position, loops), value_text(one.value)] for one in values]
    if len({one.rank for one in values}) > 1:
        columns.append(Column("rank", right=True))
        cells = [[*row, str(one.rank)] for row, one in zip(cells, values, strict=True)]
    if any(one.origin != "record" for one in values):
        columns.append(Column("from"))
        cells = [[*row, _origin_text(one)] for row, one in zip(cells, values, strict=True)]
    if any(one.mark is not None for one in values):
        columns.append(Column("mark"))
        cells = [[*row, _mark_text(one)] for row, one in zip(cells, values, strict=True)]
    return Table(tuple(columns), cells)


def _side_by_side(names: Sequence[str], values: Sequence[ValueRow]) -> Table:
    """A row a position and occurrence, a column a name."""
    loops = _loop_columns(values)
    columns = [*_position_columns(loops)]
    for name in names:
        of_name = [one for one in values if one.name == name]
        is_late = all(one.origin not in ("record", SHELL) for one in of_name)
        columns.append(_value_column(f"{name} (replay)" if is_late else name, of_name))
    cells = [
        [*indices(position, loops), *(row.get(name, "") for name in names)]
        for (position, *_), row in _rows(values).items()
    ]
    return Table(tuple(columns), cells)


def across_runs(names: Sequence[str], runs: Sequence[tuple[str, Sequence[ValueRow]]]) -> Table:
    """A row a run, position and occurrence, a column a name.

    Args:
        names: the columns.
        runs: by what each is called, its values in the order of execution.
    """
    every = [one for _, values in runs for one in values]
    loops = _loop_columns(every)
    has_ranks = len({one.rank for one in every}) > 1
    columns = [Column("run"), *([Column("rank", right=True)] if has_ranks else [])]
    columns += _position_columns(loops)
    columns += [_value_column(name, [one for one in every if one.name == name]) for name in names]
    cells = []
    for run, values in runs:
        for (position, _, rank, *_), row in _rows(values).items():
            texts = [row.get(name, "") for name in names]
            ranks = [str(rank)] if has_ranks else []
            cells.append([run, *ranks, *indices(position, loops), *texts])
    return Table(tuple(columns), cells)


def _rows(values: Sequence[ValueRow]) -> dict[tuple[Any, ...], dict[str, str]]:
    """By position, process and occurrence, the texts of values by name; those of prompts apart."""
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for one in values:
        typed = one.origin == SHELL
        row = rows.setdefault((one.position, one.wave, one.rank, one.occurrence, typed), {})
        doubted = f" ({_mark_text(one)})" if one.mark in ("diverged", "unverified") else ""
        if typed:
            doubted = " (shell, altered)" if one.altered else " (shell)"
        row[one.name] = value_text(one.value) + doubted
    return rows


def position_objects(position: Position) -> list[dict[str, Any]]:
    """A position in the JSON contract's form."""
    return [{"loop": loop, "index": index} for loop, index in position]


def index_columns(values: Iterable[ValueRow]) -> tuple[list[tuple[int, str]], list[str]]:
    """The loops of the values' positions, and the title of the column of each."""
    loops = _loop_columns(values)
    return loops, _loop_titles(loops)


def _loop_columns(values: Iterable[ValueRow]) -> list[tuple[int, str]]:
    """The loops of the values' positions, outer before inner: (depth, name)."""
    met = {(depth, loop): None for one in values for depth, (loop, _) in enumerate(one.position)}
    return sorted(met, key=lambda at: at[0])


def _loop_titles(loops: Sequence[tuple[int, str]]) -> list[str]:
    """Column titles; a loop inside another of the same name gets its depth."""
    names = [name for _, name in loops]
    return [name if names.count(name) == 1 else f"{name}.{depth}" for depth, name in loops]


def _position_columns(loops: Sequence[tuple[int, str]]) -> list[Column]:
    return [Column(title, right=True) for title in _loop_titles(loops)]


def indices(position: Position, loops: Sequence[tuple[int, str]]) -> list[str]:
    """The index of each loop in a position, empty where it does not go through that loop."""
    at = {(depth, loop): str(index) for depth, (loop, index) in enumerate(position)}
    return [at.get(loop, "") for loop in loops]


def _value_column(title: str, values: Iterable[ValueRow]) -> Column:
    """Numbers stand at the right and whole; a long text gives way."""
    are_numbers = all(isinstance(one.value, (int, float)) for one in values)
    return Column(title, right=are_numbers, shrinks=not are_numbers)


def _mark_text(value: ValueRow) -> str:
    """The mark for people: of a recorded value, how the newest replay came out beside it."""
    if value.mark is None or value.origin != "record":
        return value.mark or ""
    return "equal" if value.verified else "differs"


def _origin_text(value: ValueRow) -> str:
    if value.origin in ("record", SHELL):
        return value.origin.replace("record", "")
    return f"replay {value.origin.rpartition('-')[2]}"


def value_text(value: Any) -> str:
    """A logged value, given as JSON of the journal, for people; floats in full.

    >>> value_text(0.1), value_text({"$array": ["torch", "float32", [2, 3], ""]})
    ('0.1', 'float32[2, 3]')
    """
    if isinstance(value, dict) and "$array" in value:
        return _array_text(value)
    known = decode_value(value) if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(known, StoredArray):
        return _figured(known.dtype, known.shape, known.figures)
    if isinstance(known, Histogram):
        return histogram_text(known)
    if isinstance(known, Lost):
        return f"lost: {known.reason}"
    plain = plain_json(value)
    return plain if isinstance(plain, str) else repr(plain)


def _array_text(value: Any) -> str:
    """A tensor or array in a line: what it is, and figures of its elements."""
    from florctl.orchestrate.answers.saving import elements_of_value
    from florlib.stores.elements import stats_of

    _, dtype, shape, _ = value["$array"]
    elements = elements_of_value(value)
    if elements is None or not elements.size:
        return _figured(dtype, shape, {})
    stats = stats_of(elements)
    return _figured(dtype, shape, {name: getattr(stats, name) for name in FIGURES})


def _figured(dtype: str, shape: Sequence[int], figures: Mapping[str, float | None]) -> str:
    """What an array is, and those of its figures that say most."""
    words = [f"{dtype}[{', '.join(map(str, shape))}]"]
    shown = ("norm",) if figures.get("mean") is None else ("mean", "std", "min", "max")
    known = {name: figures.get(name) for name in shown}
    words += [f"{name} {figure:.4g}" for name, figure in known.items() if figure is not None]
    return " ".join([*words, *(f"{n} {figures[n]}" for n in ("nan", "inf") if figures.get(n))])
