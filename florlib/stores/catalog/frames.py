"""Values of the catalog as records for a data frame: a row a position, a column a name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from florlib.ground.layout import HomeLayout
from florlib.ground.values import Array, Other, decode_value
from florlib.stores.catalog import questions
from florlib.stores.catalog.connection import open_readonly
from florlib.stores.catalog.rows import ValueRow


def value_records(home: Path, names: Sequence[str], run: str | None) -> list[dict[str, Any]]:
    """One record for each run, position and occurrence at which one of the names was logged.

    A value that is not to be trusted stands there with its mark, under `NAME.mark`.

    Args:
        names: that were logged.
        home: FLOR_HOME; what was recorded after the last `flor` command is not in it yet.
        run: id or name of runs to keep, or None for all.
    """
    records: dict[tuple[Any, ...], dict[str, Any]] = {}
    connection = open_readonly(HomeLayout(home).catalog)
    try:
        for row in reversed(questions.runs(connection)):
            if run not in (None, row.run, row.name):
                continue
            for value in questions.values(connection, row.key, names):
                key = (row.run, value.position, value.occurrence)
                if key not in records:
                    records[key] = _places(row.run, row.name, value)
                records[key][value.name] = _plain(decode_value(value.value))
                if value.mark in ("diverged", "unverified"):
                    records[key][f"{value.name}.mark"] = value.mark
    finally:
        connection.close()
    return list(records.values())


def _places(run: str, name: str, value: ValueRow) -> dict[str, Any]:
    return {"run": run, "run_name": name, **dict(value.position)}


def _plain(value: Any) -> Any:
    """A value as notebooks like it; arrays become numpy's where their type is numpy's."""
    if isinstance(value, Other):
        return value.text
    if isinstance(value, Array) and value.dtype != "bfloat16":
        import numpy

        return numpy.frombuffer(value.data, dtype=value.dtype).reshape(value.shape)
    return value
