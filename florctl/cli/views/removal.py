"""The view of `flor log rm`: what goes with each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.cli.views.summary import counted
from florctl.cli.views.texts import local_time, size
from florctl.orchestrate.keeping.removal import Removal

FIELDS = (
    "run",
    "name",
    "ordinal",
    "status",
    "checkpoints",
    "checkpoint_bytes",
    "replays",
    "values",
    "bytes",
    "spooled",
    "removed",
    "obstacle",
)


def removal_table(removals: Sequence[Removal], *, done: bool) -> View:
    """Runs with what goes with them, and why some stay."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("status"),
        Column("started", wide=True),
        Column("checkpoints", right=True),
        Column("replays", right=True),
        Column("values", right=True),
        Column("in all", right=True),
    )
    objects = [_object(one, done) for one in removals]
    return View(
        lambda: [Table(columns, [_cells(one) for one in removals if one.obstacle is None])],
        lambda: objects,
        FIELDS,
        lambda: records_of(objects, FIELDS),
    )


def _object(one: Removal, done: bool) -> dict[str, Any]:
    return {
        "run": one.run.run,
        "name": one.run.name,
        "ordinal": one.run.ordinal,
        "status": one.run.status,
        "checkpoints": one.run.checkpoints,
        "checkpoint_bytes": one.run.bytes,
        "replays": one.replays,
        "values": one.values,
        "bytes": one.bytes,
        "spooled": list(one.copies),
        "removed": done and one.obstacle is None,
        "obstacle": one.obstacle,
    }


def _cells(one: Removal) -> list[str]:
    return [
        f"{one.run.name}@{one.run.ordinal}",
        one.run.run.rpartition("-")[2],
        one.run.status,
        local_time(one.run.started),
        f"{one.run.checkpoints}, {size(one.run.bytes)}",
        str(one.replays),
        str(one.values),
        size(one.bytes),
    ]


def counts(removals: Sequence[Removal]) -> str:
    """How many runs, and their room.

    >>> counts([])
    '0 runs, 0 B'
    """
    return f"{counted(len(removals), 'run')}, {size(sum(one.bytes for one in removals))}"
