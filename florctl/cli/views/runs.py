"""Views of runs: the JSON contract, and tables for people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.listing import run_object
from florctl.cli.views.overhead import (
    cost_words,
    overhead_object,
    reach_object,
    reach_of_run,
    reach_words,
)
from florctl.cli.views.render import View, on_terminal
from florctl.cli.views.texts import duration, local_time, size
from florctl.cli.views.values import position_objects, value_text
from florlib.ground.position import describe
from florlib.ground.values import plain_json
from florlib.stores.catalog.rows import NameRow, RunDetails, RunRow

if TYPE_CHECKING:  # formats of spools, which a list of runs does without
    from florctl.orchestrate.keeping.spool_status import SpooledRun
    from florlib.stores.spooled import Copy

TERMINAL_NAMES = 20
"""Captured names or files that a terminal shows of a run; into a pipe go all."""


def run_page(run: RunRow, more: RunDetails, names: Sequence[NameRow], spooled: SpooledRun) -> View:
    """One run with all that is known of it."""
    content: dict[str, Any] = {
        **run_object(run),
        "arguments": {name: plain_json(value) for name, value in more.arguments.items()},
        "environment": more.environment,
        "loops": [
            {
                "name": loop.name,
                "kind": loop.kind,
                "file": loop.file,
                "line": loop.line,
                "iterations": loop.iterations,
            }
            for loop in more.loops
        ],
        "names": [
            {"name": one.name, "recorded": one.recorded, "replayed": one.replayed} for one in names
        ],
        "captured": list(more.captured),
        "not_captured": [
            {"name": one.name, "file": one.file, "line": one.line, "reason": one.reason}
            for one in more.not_captured
        ],
        "checkpoints": [
            {"position": position_objects(one.position), "bytes": one.bytes, "stall_s": one.stall_s}
            for one in more.checkpoints
        ],
        "dropped_checkpoints": more.dropped,
        "spooled": [copy_object(spooled, copy) for copy in spooled.copies],
        "overhead": overhead_object(run, more),
        "reach": reach_object(more),
        "files": {"read": list(more.read), "written": list(more.written)},
        "warnings": [{"code": code, "text": text} for code, text in more.warnings],
        "replays": [
            {"replay": one.replay, "status": one.status, "seconds": one.seconds}
            for one in more.replays
        ],
    }
    return View(
        lambda: _page_tables(run, more, names, spooled),
        lambda: content,
        ("field", "value"),
        content.items,
    )


def _page_tables(
    run: RunRow, more: RunDetails, names: Sequence[NameRow], spooled: SpooledRun
) -> list[Table]:
    ending = "" if run.signal is None else f", signal {run.signal}"
    if run.exit_status is not None:
        ending = f", exit status {run.exit_status}{ending}"
    reach = reach_of_run(more)
    facts = {
        "run": f"{run.name}@{run.ordinal}  {run.run}",
        "status": f"{run.status}{ending}",
        "started": f"{local_time(run.started)}, took {duration(run.seconds) or '?'}",
        "command": shlex.join(_spoken(run.command)),
        "project": run.project,
        "version": _version_words(run, more),
        "arguments": _pairs(more.arguments),
        "tags": _pairs(run.tags),
        "note": run.note or "",
        "environment": _environment_words(more.environment),
        "logged": _listed([_name_words(name) for name in names]),
        "checkpoints": _checkpoint_words(more),
        "spool": spool_words(spooled),
        "cost": cost_words(run, more),
        "reach": "" if reach is None else reach_words(reach),
        "captured": _listed(more.captured),
        "read": _listed(more.read),
        "written": _listed(more.written),
    }
    loops = [
        [
            loop.name,
            loop.kind,
            f"{loop.file}:{loop.line}" if loop.file else "",
            str(loop.iterations),
        ]
        for loop in more.loops
    ]
    missing = [
        [one.name, f"{one.file}:{one.line}" if one.file else "", one.reason]
        for one in more.not_captured
    ]
    listed = "not-captured" if missing else None  # said above, with the line
    warnings = [pair for pair in more.warnings if pair[0] != listed]
    replays = [[one.replay, one.status, duration(one.seconds)] for one in more.replays]
    return [
        Table(
            (Column(""), Column("", shrinks=True)),
            [row for key, text in facts.items() if text for row in _fact_rows(key, text)],
        ),
        Table(
            (Column("loop"), Column("kind"), Column("line"), Column("iterations", right=True)),
            loops,
        ),
        Table(
            (Column("not captured"), Column("line"), Column("reason", shrinks=True, folds=True)),
            missing,
        ),
        Table((Column("replay"), Column("status"), Column("took", right=True)), replays),
        Table((Column("warning"), Column("text", shrinks=True, folds=True)), warnings),
    ]


def _listed(names: Sequence[str]) -> str:
    """Names in a row; a terminal shows the first of many."""
    shown = names[:TERMINAL_NAMES] if on_terminal() else names
    more = f" and {len(names) - len(shown)} more (--json)" if len(shown) < len(names) else ""
    return f"{', '.join(shown)}{more}"


def _version_words(run: RunRow, more: RunDetails) -> str:
    if not run.version:
        return "none saved"
    changed = f", {run.dirty} changed file{'s' if run.dirty != 1 else ''}" if run.dirty else ""
    base = f", on {more.branch or 'no branch'} at {more.base[:12]}" if more.base else ""
    return f"{run.version[:12]}{base}{changed}"


def _checkpoint_words(more: RunDetails) -> str:
    if not more.checkpoints:
        return "none"
    total = size(sum(one.bytes for one in more.checkpoints))
    last = describe(more.checkpoints[-1].position)
    gone = f"; {more.dropped} dropped to save room" if more.dropped else ""
    return f"{len(more.checkpoints)}, {total}, the last at {last}{gone}"


def copy_object(spooled: SpooledRun, copy: Copy) -> dict[str, Any]:
    """What one spool holds of a run, and what of that is not here."""
    absent = spooled.absent_in(copy)
    return {
        "url": copy.url,
        "endpoint_url": copy.endpoint_url,
        "at": copy.at,
        "manifest": copy.number,
        "files": len(copy.manifest.files),
        "bytes": sum(one.bytes for one in copy.manifest.files),
        "stored_bytes": sum(one.stored_bytes for one in copy.manifest.files),
        "checkpoints": len(copy.manifest.checkpoints),
        "checkpoints_absent": len(absent),
        "absent_bytes": sum(one.bytes for one in absent),
    }


def place(url: str) -> str:
    """Where a spool lies: a folder by its path.

    >>> place("s3://bucket/prefix"), place("file:///mnt/my%20runs")
    ('s3://bucket/prefix', '/mnt/my runs')
    """
    from urllib.parse import unquote  # seldom, and it takes as long to import as a table to show

    return unquote(url.removeprefix("file://")) if url.startswith("file://") else url


def spool_words(spooled: SpooledRun) -> str:
    """Where else a run lies, and what of it lies there alone."""
    if not spooled.copies:
        return ""
    places = ", ".join(place(copy.url) for copy in spooled.copies)
    absent = len(spooled.absent)
    if not absent:
        return f"all of it also in {places}"
    return f"{absent} of its checkpoints, {size(spooled.absent_bytes)}, in {places} alone"


def _fact_rows(key: str, text: str) -> list[list[str]]:
    """A fact in a row for each of its lines."""
    first, *others = text.split("\n")
    return [[key, first], *(["", line] for line in others)]


def _spoken(command: Sequence[str]) -> list[str]:
    """A command as people say it: without the path of the interpreter, which --json has."""
    program = command[0].rpartition("/")[2] if command else ""
    return [program, *command[1:]] if program.startswith("python") else list(command)


def _name_words(name: NameRow) -> str:
    late = f" and {name.replayed} in replays" if name.replayed else ""
    return f"{name.name} ({name.recorded}{late})"


def _environment_words(environment: dict[str, Any]) -> str:
    """What of the environment results depend on most; --json has all of it."""
    versions = [
        f"{title} {environment[name]}"
        for name, title in (("python", "Python"), ("torch", "torch"), ("numpy", "numpy"))
        if environment.get(name)
    ]
    machine = [
        str(environment[name]) for name in ("processor", "hostname") if environment.get(name)
    ]
    if environment.get("cores"):
        machine[:1] = [f"{machine[0]} with {environment['cores']} cores"] if machine else []
    devices = [str(device) for device in environment.get("devices") or []]
    variables = [
        f"{name}={value}"
        for name, value in (environment.get("variables") or {}).items()
        if name != "PYTHONHASHSEED"  # set for each run
    ]
    return ", ".join([*versions, *machine, *devices, *variables])


def _pairs(content: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value_text(value)}" for key, value in content.items())
