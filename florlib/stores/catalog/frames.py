"""The catalog as records for notebooks: values, a row a position, a column a name; and answers to SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from florlib.ground.errors import UsageError
from florlib.ground.layout import HomeLayout
from florlib.ground.position import Position
from florlib.ground.stored_array import StoredArray
from florlib.ground.values import Array, Other, decode_value
from florlib.stores.catalog import named_values, questions
from florlib.stores.catalog.connection import open_readonly
from florlib.stores.catalog.rows import SHELL, RunRow, ValueRow
from florlib.stores.catalog.schema import VIEWS
from florlib.stores.elements import NoElements, typed

Record = dict[str, Any]


Read = Callable[[RunRow, StoredArray], bytes]
"""Gives the elements of a large array of a run."""


def value_records(
    home: Path, names: Sequence[str], runs: Sequence[str], read: Read
) -> list[Record]:
    """One record for each run, position and occurrence at which one of the names was logged.

    A value that is not to be trusted stands there with its mark, under `NAME.mark`. What was
    recorded goes before what a replay came to; what was logged at the prompt of a shell is left out.

    Args:
        home: FLOR_HOME.
        names: that were logged; all of each run where there is none.
        runs: ids.
        read: for large arrays.
    """
    found: list[Record] = []
    with closing(open_readonly(HomeLayout(home).catalog)) as connection:
        rows = [row for row in questions.runs(connection) if row.run in set(runs)]
        for row in reversed(rows):
            wanted = names or [one.name for one in named_values.names(connection, row.key)]
            found += _of_run(row, named_values.values(connection, row.key, wanted), read)
    return found


def _of_run(run: RunRow, values: Sequence[ValueRow], read: Read) -> list[Record]:
    records: dict[tuple[Any, ...], Record] = {}
    recorded: set[tuple[Any, ...]] = set()
    has_ranks = len({value.rank for value in values}) > 1
    for value in values:
        key = (value.wave, value.rank, value.position, value.occurrence)
        if value.origin == SHELL or (*key, value.name) in recorded:
            continue
        if value.origin == "record":
            recorded.add((*key, value.name))
        if key not in records:
            rank = {"rank": value.rank} if has_ranks else {}
            records[key] = {
                "run": run.run,
                "run_name": run.name,
                **rank,
                **_indices(value.position),
            }
        record = records[key]
        column = value.name if value.name not in _indices(value.position) else f"{value.name}.value"
        record[column] = _plain(decode_value(value.value), run, read)
        record.pop(f"{column}.mark", None)
        if value.mark == "diverged" or (value.origin != "record" and value.mark != "verified"):
            record[f"{column}.mark"] = value.mark
    return list(records.values())


def _indices(position: Position) -> dict[str, int]:
    """By loop, the index; a loop inside another of the same name has its depth behind the name."""
    names = [name for name, _ in position]
    return {
        name if names.count(name) == 1 else f"{name}.{depth}": index
        for depth, (name, index) in enumerate(position)
    }


def _plain(value: Any, run: RunRow, read: Read) -> Any:
    """A value as notebooks like it: arrays are numpy's; what numpy has no type for, a wider one."""
    if isinstance(value, list):
        return [_plain(item, run, read) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item, run, read) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item, run, read) for key, item in value.items()}
    if isinstance(value, Other):
        return value.text
    if isinstance(value, StoredArray):
        value = Array(value.dtype, value.shape, read(run, value), value.library)
    if isinstance(value, Array):
        try:
            return typed(memoryview(value.data), value.dtype).reshape(value.shape)
        except NoElements:
            return value
    return value


def query_records(home: Path, sql: str) -> list[Record]:
    """The rows that SQL comes to, by the names of the columns.

    Raises:
        UsageError: SQLite does not take it.
    """
    with closing(open_readonly(HomeLayout(home).catalog)) as connection:
        try:
            cursor = connection.execute(sql)
            columns = [column[0] for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor]
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise UsageError(f"SQL: {error} (views: {', '.join(VIEWS)})") from error
