"""Views of spools: what was sent, and what lies where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from florctl.cli.render import Column, Table, View, records_of
from florctl.cli.summary import counted
from florctl.cli.views import copy_object, place, size
from florctl.orchestrate.spool_status import SpooledRun
from florctl.orchestrate.spooling import Sent, Spooling
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


def label(run: RunRow) -> str:
    """What a run is called in tables."""
    return f"{run.name}@{run.ordinal}"
