"""The view of `flor log list`: the JSON contract, and a table for people."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View
from florctl.cli.views.texts import duration, local_time, percent, size
from florctl.orchestrate.answers.listing import Listing
from florlib.stores.catalog.rows import RunRow

if TYPE_CHECKING:
    from florctl.orchestrate.answers.facts import Fact, Facts

RUN_FIELDS = (
    "run",
    "name",
    "ordinal",
    "status",
    "started",
    "seconds",
    "exit_status",
    "signal",
    "version",
    "dirty",
    "command",
    "iterations",
    "checkpoints",
    "bytes",
    "overhead",
    "project",
    "tags",
    "note",
)


def run_object(run: RunRow) -> dict[str, Any]:
    """A run in the JSON contract's form."""
    content = {name: getattr(run, name) for name in RUN_FIELDS}
    return {**content, "command": list(run.command)}


def run_list(listing: Listing) -> View:
    """Runs, a line each, with the values that were chosen."""
    marked = [field for name in listing.columns for field in (name, f"{name}.mark")]
    return View(
        lambda: [_table(listing)],
        lambda: [_object(run, listing) for run in listing.runs],
        (*RUN_FIELDS, *marked),
        lambda: [_record(run, listing) for run in listing.runs],
    )


def _object(run: RunRow, listing: Listing) -> dict[str, Any]:
    return {**run_object(run), "values": _values(listing.facts[run.key], listing.columns)}


def _values(facts: Facts, columns: Sequence[str]) -> dict[str, Any]:
    if not columns:
        return {}
    from florlib.ground.values import plain_json

    return {
        name: {"value": plain_json(fact.value), "source": fact.source, "mark": fact.mark}
        for name in columns
        if (fact := facts.get(name)) is not None
    }


def _record(run: RunRow, listing: Listing) -> list[Any]:
    content = run_object(run)
    values = _values(listing.facts[run.key], listing.columns)
    chosen = [values.get(name) or {} for name in listing.columns]
    marked = [one.get(field) for one in chosen for field in ("value", "mark")]
    return [*(content[name] for name in RUN_FIELDS), *marked]


def _table(listing: Listing) -> Table:
    runs = listing.runs
    facts = [listing.facts[run.key] for run in runs]
    chosen = [
        _chosen_column(name, [of_run.get(name) for of_run in facts]) for name in listing.columns
    ]
    has_tags, has_notes = any(run.tags for run in runs), any(run.note for run in runs)
    columns = (
        Column("run", shrinks=True),
        Column("id", wide=bool(chosen)),
        Column("status"),
        Column("started", wide=bool(chosen)),
        Column("took", right=True, wide=bool(chosen)),
        Column("iters", right=True, wide=bool(chosen)),
        *chosen,
        *([Column("note", wide=True, shrinks=True)] if has_notes else []),
        *([Column("tags", wide=True, shrinks=True)] if has_tags else []),
        Column("checkpoints", right=True, wide=True),
        Column("size", right=True, wide=True),
        Column("cost", right=True, wide=True),
        Column("version", wide=True),
        Column("command", shrinks=True, wide=bool(chosen)),
    )
    rows = []
    for run, of_run in zip(runs, facts, strict=True):
        values = [_fact_text(of_run.get(name)) for name in listing.columns]
        notes = [(run.note or "").partition("\n")[0]] if has_notes else []
        tags = [", ".join(f"{key}={value}" for key, value in run.tags.items())] if has_tags else []
        rows.append([*_head(run), *values, *notes, *tags, *_tail(run)])
    return Table(columns, rows)


def _chosen_column(name: str, facts: Sequence[Fact | None]) -> Column:
    from florlib.ground.values import decode_value

    values = [decode_value(fact.value) for fact in facts if fact is not None]
    are_numbers = all(isinstance(value, (int, float)) for value in values)
    return Column(name, right=are_numbers, shrinks=not are_numbers)


def _fact_text(fact: Fact | None) -> str:
    """A value, shortened where it is a float: the table is to be compared in, not copied from."""
    if fact is None or fact.value is None:
        return ""
    from florctl.cli.views.values import value_text
    from florlib.ground.values import decode_value

    value = decode_value(fact.value)
    is_short = isinstance(value, float) and math.isfinite(value)
    text = f"{value:.6g}" if is_short else value_text(fact.value)
    return f"{text} ({fact.mark})" if fact.mark in ("diverged", "unverified") else text


def _head(run: RunRow) -> list[str]:
    return [
        f"{run.name}@{run.ordinal}",
        run.run.rpartition("-")[2],
        run.status,
        local_time(run.started),
        duration(run.seconds),
        str(run.iterations),
    ]


def _tail(run: RunRow) -> list[str]:
    return [
        str(run.checkpoints),
        size(run.bytes),
        percent(run.overhead),
        f"{run.version[:7]}{'+' if run.dirty else ''}" if run.version else "",
        _without_interpreter(run.command),
    ]


@cache
def _without_interpreter(command: tuple[str, ...]) -> str:
    """A command for a narrow column, where nearly every one begins with python."""
    is_python = len(command) > 1 and command[0].rpartition("/")[2].startswith("python")
    return shlex.join(command[1:] if is_python else command)
