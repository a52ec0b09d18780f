"""The limits of a run and of FLOR_HOME, brought about when a recording has ended.

While it goes on, each process keeps to the run's limit by itself; several may have recorded, and
the home's limit is about all runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.answers.lookup import find_run, runs_of
from florctl.orchestrate.keeping.sweep import Limits, Sweep, carry_out, plan_sweep
from florctl.orchestrate.run_json import read_run_json
from florctl.orchestrate.settings import NO_LIMIT
from florlib.ground.layout import RunLayout
from florlib.stores.catalog.rows import RunRow


def keep_within_limits(home: Path, run: str, home_bytes: int, *, now: datetime) -> list[Sweep]:
    """Drop what is over a limit, as of the last harvest.

    Args:
        home: FLOR_HOME.
        run: id, or the end of it, of the run that has ended.
        home_bytes: that the checkpoints of all runs may take.
        now: the present.

    Returns:
        What was dropped, for the run's limit and for the home's.

    Raises:
        FlorError, OSError: files cannot be read or deleted.
    """
    row = find_run(run, home, None)
    content = read_run_json(RunLayout(home / row.folder))
    run_bytes = content.get("checkpoint_bytes")
    limits = Limits(run_bytes=NO_LIMIT if run_bytes is None else run_bytes)
    done = [_swept(home, [row], limits, now)] if row.bytes > limits.run_bytes else []
    if home_bytes < NO_LIMIT:
        runs = runs_of(home, name=None, project=None, limit=None)
        if sum(one.bytes for one in runs) > home_bytes:
            done.append(_swept(home, runs, Limits(all_bytes=home_bytes), now))
    return done


def _swept(home: Path, runs: Sequence[RunRow], limits: Limits, now: datetime) -> Sweep:
    found = plan_sweep(home, runs, limits, now=now)
    found.leftovers.clear()  # those are for a sweep that was asked for
    found.over += carry_out(home, found)
    return found
