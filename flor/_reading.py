"""Reading what was recorded, in notebooks and scripts; nothing is loaded before the first call.

A short child brings the catalog up to date and finds the runs, as every `flor` command does first,
so that runs which ended a moment ago are seen. Nothing here records.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Selectors = str | Sequence[str] | None
"""`@`, `@~2`, NAME, NAME@3, a prefix of an id, a git revision; several of them; None for all runs."""


def runs(run: Selectors = None) -> list[dict[str, Any]]:
    """The runs, newest first, each as `flor log list --json` has it.

    Args:
        run: a selector as on the command line, or several; None for all runs.

    Raises:
        FlorError: no run answers, or several do.
    """
    return _asked(run)[1]


def dataframe(*names: str, run: Selectors = None) -> Any:
    """The values logged under these names, as a pandas DataFrame.

    Columns: run, run_name, one for each loop of the position, one for each name; a row a position.
    A value of a replay that is not verified has its mark in a column `NAME.mark`.

    Args:
        *names: that were logged; without one, all that the runs have logged.
        run: a selector as on the command line, or several; None for all runs.

    Raises:
        ImportError: pandas is not installed.
        FlorError: no run answers, or several do; or elements of a large array are not there.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("flor.dataframe needs pandas: pip install 'florctl[pandas]'") from error
    from florlib.ground.layout import RunLayout
    from florlib.stores.arrays import read_array
    from florlib.stores.catalog.frames import value_records

    home, found = _asked(run)

    def read(row: Any, stored: Any) -> bytes:
        return read_array(RunLayout(home / row.folder).all_arrays(), stored)

    return pandas.DataFrame(value_records(home, names, [one["run"] for one in found], read))


def query(sql: str) -> list[dict[str, Any]]:
    """What the catalog answers to one SELECT statement, as `flor query SQL --json` has it.

    `pandas.DataFrame(flor.query(sql))` is a table of it.

    Raises:
        FlorError: SQLite does not take it.
    """
    from florlib.stores.catalog.frames import query_records

    home, _ = _asked(())
    return query_records(home, sql)


def _asked(run: Selectors) -> tuple[Path, list[dict[str, Any]]]:
    """FLOR_HOME, and the runs that are meant, of a catalog that is up to date."""
    wanted = [run] if isinstance(run, str) else run if run is None else list(run)
    done = subprocess.run(
        [sys.executable, "-m", "florctl", "_read", json.dumps(wanted)],
        # A child of a process that is recorded reads like any other.
        env={name: value for name, value in os.environ.items() if name != "FLOR_LAUNCH"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise _error(done.stderr)
    sys.stderr.write(done.stderr)  # warnings on what could not be read
    content = json.loads(done.stdout)
    return Path(content["home"]), content["runs"]


def _error(told: str) -> Exception:
    """What the child told on its standard error, as an exception."""
    from florlib.ground.errors import FlorError

    lines = told.strip().splitlines() or ["flor could not be asked"]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    return FlorError(errors[-1] if errors else lines[-1], hint=hints[-1] if hints else None)
