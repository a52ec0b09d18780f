"""Questions about all runs at once: arguments, last values, least and greatest ones, by run and name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any


def arguments(connection: sqlite3.Connection, names: Sequence[str]) -> dict[tuple[str, str], Any]:
    """By run and name, the arguments of these names, of all runs; as the lowest rank has them."""
    rows = connection.execute(
        "SELECT run, name, value FROM args WHERE name IN (SELECT value FROM json_each(?))"
        " ORDER BY rank DESC",
        (json.dumps(list(names)),),
    )
    return {(run, name): json.loads(value) for run, name, value in rows}


def last_recorded(
    connection: sqlite3.Connection, names: Sequence[str]
) -> dict[tuple[str, str], Any]:
    """By run and name, the last value that was recorded, of all runs; by the lowest rank."""
    rows = connection.execute(
        "SELECT run, name, last FROM series WHERE origin = 'record'"
        " AND name IN (SELECT value FROM json_each(?)) ORDER BY rank DESC",
        (json.dumps(list(names)),),
    )
    return {(run, name): json.loads(value) for run, name, value in rows}


def extremes(
    connection: sqlite3.Connection, names: Sequence[str]
) -> dict[tuple[str, str], tuple[float, float]]:
    """By run and name, the least and the greatest number that was recorded, of all runs."""
    rows = connection.execute(
        "SELECT run, name, min(min), max(max) FROM series WHERE origin = 'record' AND numbers > 0"
        " AND name IN (SELECT value FROM json_each(?)) GROUP BY run, name",
        (json.dumps(list(names)),),
    )
    return {(run, name): (least, greatest) for run, name, least, greatest in rows}


def replayed_names(connection: sqlite3.Connection, names: Sequence[str]) -> set[tuple[str, str]]:
    """Of these names, those that replays have logged: (run, name)."""
    rows = connection.execute(
        "SELECT DISTINCT run, name FROM series WHERE origin != 'record'"
        " AND name IN (SELECT value FROM json_each(?))",
        (json.dumps(list(names)),),
    )
    return set(rows)
