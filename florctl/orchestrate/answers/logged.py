"""What runs have logged: names, and values."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from florctl.orchestrate.answers.lookup import catalog_of
from florlib.ground.errors import FlorError
from florlib.ground.meant import meant
from florlib.hindsight.standing import standing
from florlib.stores.catalog import named_values
from florlib.stores.catalog.rows import NameRow, RunRow, ValueRow


class NameNotFound(FlorError):
    """Nothing of that name was logged in the run, or stands in its state."""

    code, exit_status = "name-not-found", 3


def names_of(run: RunRow, home: Path) -> list[NameRow]:
    """The names that were logged in a run."""
    with catalog_of(home) as connection:
        return named_values.names(connection, run.key)


def values_of(run: RunRow, names: Sequence[str], home: Path) -> list[ValueRow]:
    """The values of some names in a run, in the order of execution.

    Raises:
        NameNotFound: a name was not logged.
    """
    with catalog_of(home) as connection:
        found = named_values.values(connection, run.key, names)
        missing = [name for name in names if name not in {row.name for row in found}]
        if missing:
            raise _no_name(connection, run, missing[0])
        return found


def standing_values(
    runs: Sequence[RunRow], names: Sequence[str], home: Path
) -> list[tuple[RunRow, list[ValueRow]]]:
    """Of each run, the one value that stands for each name and place, in the order of execution.

    Runs that have logged none of the names are left out.

    Raises:
        NameNotFound: no run has logged one of the names.
    """
    with catalog_of(home) as connection:
        found = [
            (run, standing(named_values.values(connection, run.key, names, every=True)))
            for run in runs
        ]
        logged = {row.name for _, rows in found for row in rows}
        missing = [name for name in names if name not in logged]
        if missing:
            raise _no_name(connection, runs[0], missing[0])
        return [(run, rows) for run, rows in found if rows]


def _no_name(connection: sqlite3.Connection, run: RunRow, name: str) -> NameNotFound:
    label = f"{run.name}@{run.ordinal}"
    known = [row.name for row in named_values.names(connection, run.key)]
    near = meant(name, known, most=3, cutoff=0.4)
    said = f"; it has {', '.join(near)}" if near else ""
    words = shlex.join([run.run, near[0]]) if near else run.run
    return NameNotFound(f"{label} has logged no {name}{said}", hint=f"flor log get {words}")
