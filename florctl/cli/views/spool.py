"""Views of spools: what was sent, and what lies where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.cli.views.runs import copy_object, place
from florctl.cli.views.summary import counted
from florctl.cli.views.texts import size
from florctl.orchestrate.keeping.fetching import Fetched
from florctl.orchestrate.keeping.spool_status import SpooledRun
from florctl.orchestrate.keeping.spooling import Sent, Spooling
from florlib.ground.spool_format import Manifest
from florlib.stores.catalog.rows import RunRow

SENT_FIELDS = (
    "run",
    "name",
    "ordinal",
    "files",
    "bytes",
    "stored_bytes",
    "sent_objects",
    "sent_bytes",
    "there_objects",
    "dropped",
    "freed_bytes",
)
FETCHED_FIELDS = (
    "run",
    "name",
    "ordinal",
    "status",
    "new",
    "files",
    "bytes",
    "checkpoints_absent",
    "project",
    "laid_out",
)
LISTED_FIELDS = (
    "run",
    "name",
    "ordinal",
    "status",
    "started",
    "checkpoints",
    "bytes",
    "stored_bytes",
)
STATUS_FIELDS = (
    "run",
    "name",
    "ordinal",
    "url",
    "endpoint_url",
    "at",
    "manifest",
    "files",
    "bytes",
    "stored_bytes",
    "checkpoints",
    "checkpoints_absent",
    "absent_bytes",
)


def sent_table(spooling: Spooling, url: str, *, pretend: bool) -> View:
    """What was sent, a run a line."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("files", right=True),
        Column("size", right=True),
        Column("there as", right=True),
        Column("would send" if pretend else "sent", right=True),
        Column("would go here" if pretend else "gone here", right=True),
    )
    objects = [_sent_object(one) for one in spooling.sent]
    content = {
        "url": url,
        "done": not pretend,
        "runs": objects,
        "left_alone": [{"run": run.run, "reason": reason} for run, reason in spooling.left_alone],
    }
    return View(
        lambda: [Table(columns, [_sent_cells(one) for one in spooling.sent])],
        lambda: content,
        SENT_FIELDS,
        lambda: records_of(objects, SENT_FIELDS),
    )


def _sent_object(one: Sent) -> dict[str, Any]:
    return {
        "run": one.run.run,
        "name": one.run.name,
        "ordinal": one.run.ordinal,
        "files": len(one.files),
        "bytes": sum(file.bytes for file in one.files),
        "stored_bytes": sum(file.stored_bytes for file in one.files),
        "sent_objects": one.traffic.sent,
        "sent_bytes": one.traffic.sent_bytes,
        "there_objects": one.traffic.there,
        "dropped": one.dropped,
        "freed_bytes": one.freed_bytes,
        "problems": list(one.problems),
    }


def _sent_cells(one: Sent) -> list[str]:
    gone = f"{counted(one.dropped, 'checkpoint')}, {size(one.freed_bytes)}" if one.dropped else ""
    return [
        label(one.run),
        one.run.run.rpartition("-")[2],
        str(len(one.files)),
        size(sum(file.bytes for file in one.files)),
        size(sum(file.stored_bytes for file in one.files)),
        size(one.traffic.sent_bytes),
        gone,
    ]


def sent_lines(spooling: Spooling, url: str, *, pretend: bool) -> list[str]:
    """What came of it, for stderr."""
    alone = [f"flor: {label(run)} {why}; it is left alone" for run, why in spooling.left_alone]
    problems = [
        f"warning: {label(one.run)}: {text}" for one in spooling.sent for text in one.problems
    ]
    if not spooling.sent:
        return [*alone, "flor: nothing is to be sent"]
    sent = size(sum(one.traffic.sent_bytes for one in spooling.sent))
    freed = sum(one.freed_bytes for one in spooling.sent)
    runs = counted(len(spooling.sent), "run")
    where = place(url)
    if pretend:
        gone = f", and {size(freed)} would go here" if freed else ""
        return [*alone, *problems, f"flor: would send {sent} of {runs} to {where}{gone}"]
    gone = f"; {size(freed)} are free here" if freed else ""
    return [*alone, *problems, f"flor: {runs} in {where}, {sent} sent{gone}"]


def status_table(runs: Sequence[SpooledRun]) -> View:
    """Where runs lie, a line for each copy."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("where", shrinks=True),
        Column("checkpoints", right=True),
        Column("size", right=True, wide=True),
        Column("there as", right=True),
        Column("there alone", right=True),
        Column("sent", wide=True),
    )
    pairs = [(one, copy_object(one, copy)) for one in runs for copy in one.copies]
    objects = [
        {"run": one.run.run, "name": one.run.name, "ordinal": one.run.ordinal, **copy}
        for one, copy in pairs
    ]
    content = {
        "copies": objects,
        "saved_bytes": sum(one.absent_bytes for one in runs),
        "not_spooled": [one.run.run for one in runs if not one.copies],
    }
    return View(
        lambda: [Table(columns, [_status_cells(one, copy) for one, copy in pairs])],
        lambda: content,
        STATUS_FIELDS,
        lambda: records_of(objects, STATUS_FIELDS),
    )


def _status_cells(one: SpooledRun, copy: dict[str, Any]) -> list[str]:
    absent = f"{copy['checkpoints_absent']}, {size(copy['absent_bytes'])}"
    return [
        label(one.run),
        one.run.run.rpartition("-")[2],
        place(copy["url"]),
        str(copy["checkpoints"]),
        size(copy["bytes"]),
        size(copy["stored_bytes"]),
        absent if copy["checkpoints_absent"] else "",
        copy["at"][:16].replace("T", " "),
    ]


def status_lines(runs: Sequence[SpooledRun]) -> list[str]:
    """What it comes to, for stderr."""
    spooled = [one for one in runs if one.copies]
    if not runs:
        return ["flor: no runs recorded yet", "hint: flor record train.py"]
    if not spooled:
        return [
            f"flor: none of {counted(len(runs), 'run')} is in a spool",
            "hint: flor spool --help",
        ]
    saved = sum(one.absent_bytes for one in spooled)
    left = len(runs) - len(spooled)
    words = f"flor: {counted(len(spooled), 'run')} in a spool, which saves {size(saved)} here"
    return [f"{words}; {left} are here alone" if left else words]


def fetched_table(pairs: Sequence[tuple[RunRow, Fetched]], url: str) -> View:
    """Runs that came from elsewhere, a line each."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("status"),
        Column("files", right=True),
        Column("size", right=True),
        Column("checkpoints there", right=True),
        Column("project", shrinks=True),
    )
    objects = [
        {
            "run": row.run,
            "name": row.name,
            "ordinal": row.ordinal,
            "status": row.status,
            "new": one.is_new,
            "files": one.files,
            "bytes": one.bytes,
            "checkpoints_absent": one.absent,
            "project": one.project,
            "laid_out": one.is_laid_out,
            "problems": list(one.problems),
        }
        for row, one in pairs
    ]
    cells = [
        [
            label(row),
            row.run.rpartition("-")[2],
            row.status,
            str(one.files),
            size(one.bytes),
            str(one.absent),
            one.project,
        ]
        for row, one in pairs
    ]
    return View(
        lambda: [Table(columns, cells)],
        lambda: {"url": url, "runs": objects},
        FETCHED_FIELDS,
        lambda: records_of(objects, FETCHED_FIELDS),
    )


def fetched_lines(pairs: Sequence[tuple[RunRow, Fetched]], url: str) -> list[str]:
    """What came of it, for stderr."""
    if not pairs:
        return [f"flor: {place(url)} has no runs"]
    lines = [f"warning: {label(row)}: {text}" for row, one in pairs for text in one.problems]
    for row, one in pairs:
        if one.is_laid_out:
            lines.append(f"flor: the code of {label(row)} was laid out in {one.project}")
        elif not os.path.isdir(one.project):
            lines.append(f"warning: the project of {label(row)} is not here: no {one.project}")
    new = sum(one.is_new for _, one in pairs)
    here = f", {len(pairs) - new} of which were here" if new < len(pairs) else ""
    return [*lines, f"flor: fetched {counted(len(pairs), 'run')} from {place(url)}{here}"]


def listed_table(manifests: Sequence[Manifest]) -> View:
    """Runs that a spool has, a line each."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("status"),
        Column("started"),
        Column("checkpoints", right=True, wide=True),
        Column("size", right=True),
        Column("there as", right=True),
    )
    objects = [
        {
            "run": one.run,
            "name": one.name,
            "ordinal": one.ordinal,
            "status": one.status,
            "started": one.started,
            "checkpoints": len(one.checkpoints),
            "bytes": sum(file.bytes for file in one.files),
            "stored_bytes": sum(file.stored_bytes for file in one.files),
        }
        for one in manifests
    ]
    cells = [
        [
            f"{one['name']}@{one['ordinal']}",
            str(one["run"]).rpartition("-")[2],
            str(one["status"]),
            str(one["started"])[:16].replace("T", " "),
            str(one["checkpoints"]),
            size(int(str(one["bytes"]))),
            size(int(str(one["stored_bytes"]))),
        ]
        for one in objects
    ]
    return View(
        lambda: [Table(columns, cells)],
        lambda: objects,
        LISTED_FIELDS,
        lambda: records_of(objects, LISTED_FIELDS),
    )


def label(run: RunRow) -> str:
    """What a run is called in tables."""
    return f"{run.name}@{run.ordinal}"
