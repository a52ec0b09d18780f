"""Views of what is stored: the room that runs take, what a sweep deletes, what is damaged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, records_of
from florctl.cli.views.summary import counted
from florctl.cli.views.texts import duration, size
from florctl.cli.views.values import position_objects
from florctl.orchestrate.keeping.checking import Checked
from florctl.orchestrate.keeping.sweep import Deletion, Leftover, Sweep
from florctl.orchestrate.keeping.usage import RunUsage, Usage
from florlib.ground.position import describe
from florlib.stores.catalog.rows import RunRow

USAGE_FIELDS = (
    "run",
    "name",
    "ordinal",
    "status",
    "checkpoints",
    "checkpoint_bytes",
    "journal_bytes",
    "array_bytes",
    "replay_bytes",
    "bytes",
    "pinned",
    "spooled_bytes",
)
SWEEP_FIELDS = ("run", "file", "position", "what", "bytes", "longer_s")
FAULT_FIELDS = ("run", "file", "code", "text")
_WORDS = {
    "unfinished": "a file that its writer did not finish",
    "dropped": "a checkpoint that was dropped already",
    "replay": "files that a replay wrote",
    "removed": "files of a run that was removed",
}


def usage_table(usage: Usage) -> View:
    """Runs with the bytes of their files, and what they share."""
    columns = (
        Column("run", shrinks=True),
        Column("id"),
        Column("status"),
        Column("checkpoints", right=True),
        Column("their size", right=True),
        Column("journals", right=True, wide=True),
        Column("arrays", right=True, wide=True),
        Column("replays", right=True, wide=True),
        Column("in all", right=True),
        Column("in a spool", right=True, wide=True),
        Column("pinned", wide=True),
    )
    objects = [_usage_object(one) for one in usage.runs]
    content = {
        "runs": objects,
        "checkpoint_bytes": sum(one.checkpoint_bytes for one in usage.runs),
        "bytes": sum(one.bytes for one in usage.runs),
        "exports_bytes": usage.exports_bytes,
        "catalog_bytes": usage.catalog_bytes,
        "spooled_bytes": sum(one.spooled_bytes for one in usage.runs),
        "free_bytes": usage.free_bytes,
    }
    return View(
        lambda: [Table(columns, [_usage_cells(one) for one in usage.runs]), _totals(usage)],
        lambda: content,
        USAGE_FIELDS,
        lambda: records_of(objects, USAGE_FIELDS),
    )


def _usage_object(one: RunUsage) -> dict[str, Any]:
    return {
        "run": one.run.run,
        "name": one.run.name,
        "ordinal": one.run.ordinal,
        "status": one.run.status,
        "checkpoints": one.checkpoints,
        "checkpoint_bytes": one.checkpoint_bytes,
        "journal_bytes": one.journal_bytes,
        "array_bytes": one.array_bytes,
        "replay_bytes": one.replay_bytes,
        "bytes": one.bytes,
        "pinned": one.pinned,
        "spooled_bytes": one.spooled_bytes,
    }


def _usage_cells(one: RunUsage) -> list[str]:
    return [
        _label(one.run),
        one.run.run.rpartition("-")[2],
        one.run.status,
        str(one.checkpoints),
        size(one.checkpoint_bytes),
        size(one.journal_bytes),
        size(one.array_bytes),
        size(one.replay_bytes),
        size(one.bytes),
        size(one.spooled_bytes) if one.spooled_bytes else "",
        one.pinned,
    ]


def _totals(usage: Usage) -> Table:
    facts = {
        "checkpoints": sum(one.checkpoint_bytes for one in usage.runs),
        "all runs": sum(one.bytes for one in usage.runs),
        "exports": usage.exports_bytes,
        "catalog": usage.catalog_bytes,
        "free": usage.free_bytes,
    }
    rows = [[name, size(count)] for name, count in facts.items()]
    return Table((Column(""), Column("", right=True)), rows)


def sweep_table(sweep: Sweep, *, done: bool) -> View:
    """What goes, in the order in which it is dropped, and what that costs."""
    columns = (
        Column("run", shrinks=True),
        Column("checkpoint", shrinks=True),
        Column("size", right=True),
        Column("replays behind it", right=True),
    )
    deletions = [_deletion_object(one) for one in sweep.deletions]
    leftovers = [_leftover_object(one) for one in sweep.leftovers]
    content = {
        "done": done,
        "bytes": sweep.bytes,
        "kept_bytes": sweep.kept_bytes,
        "deletions": deletions,
        "leftovers": leftovers,
        "left_alone": [{"run": run.run, "reason": reason} for run, reason in sweep.left_alone],
        "over": list(sweep.over),
    }
    cells = [*map(_deletion_cells, sweep.deletions), *map(_leftover_cells, sweep.leftovers)]
    return View(
        lambda: [Table(columns, cells)],
        lambda: content,
        SWEEP_FIELDS,
        lambda: records_of([*deletions, *leftovers], SWEEP_FIELDS),
    )


def _deletion_object(one: Deletion) -> dict[str, Any]:
    return {
        "run": one.run.run,
        "file": one.file,
        "position": position_objects(one.position),
        "what": "checkpoint",
        "bytes": one.bytes,
        "longer_s": one.longer_s,
    }


def _leftover_object(one: Leftover) -> dict[str, Any]:
    return {
        "run": one.run.run if one.run is not None else None,
        "file": _inside(one),
        "position": None,
        "what": one.what,
        "bytes": one.bytes,
        "longer_s": 0.0,
    }


def _inside(one: Leftover) -> str:
    """The path below the run's folder; that of a removed run is its folder."""
    if one.run is None:
        return one.path.name
    parts = one.path.parts
    return os.path.join(*parts[parts.index(one.run.run) + 1 :])


def _deletion_cells(one: Deletion) -> list[str]:
    longer = f"+{duration(one.longer_s)}"
    return [_label(one.run), describe(one.position), size(one.bytes), longer]


def _leftover_cells(one: Leftover) -> list[str]:
    label = one.path.parent.name if one.run is None else _label(one.run)
    return [label, f"{_WORDS[one.what]}: {_inside(one)}", size(one.bytes), ""]


def sweep_lines(sweep: Sweep, *, done: bool) -> list[str]:
    """What came of it, for stderr."""
    alone = [f"flor: {_label(run)} {reason}; it is left alone" for run, reason in sweep.left_alone]
    over = [f"warning: {text}" for text in sweep.over]
    gone = [
        counted(len(found), noun)
        for found, noun in ((sweep.deletions, "checkpoint"), (sweep.leftovers, "leftover"))
        if found
    ]
    stay = f"checkpoints of {size(sweep.kept_bytes)} stay"
    if not gone:
        return [*alone, *over, f"flor: nothing is to be swept: {stay}"]
    words = "deleted" if done else "would delete"
    line = f"flor: {words} {' and '.join(gone)}, {size(sweep.bytes)}; {stay}"
    hint = [] if done else ["hint: the same command with --yes does it"]
    return [*alone, *over, line, *hint]


def checked_table(checked: Checked) -> View:
    """The files that are not as they were written."""
    columns = (Column("run"), Column("file"), Column("what is wrong", shrinks=True))
    faults = [
        {"run": one.run.run, "file": one.file, "code": one.code, "text": one.text}
        for one in checked.faults
    ]
    content = {
        "checkpoints": checked.checkpoints,
        "tensors": checked.tensors,
        "spooled": checked.spooled,
        "arrays": checked.arrays,
        "bytes": checked.bytes,
        "faults": faults,
    }
    rows = [[_label(one.run), one.file, one.text] for one in checked.faults]
    return View(
        lambda: [Table(columns, rows)],
        lambda: content,
        FAULT_FIELDS,
        lambda: records_of(faults, FAULT_FIELDS),
    )


def checked_lines(checked: Checked) -> list[str]:
    """What came of it, for stderr."""
    arrays = f" and {counted(checked.arrays, 'array')}" if checked.arrays else ""
    read = f"{counted(checked.checkpoints, 'checkpoint')}{arrays} read, {size(checked.bytes)}"
    if checked.spooled:
        read += f"; {checked.spooled} in a spool, not looked at"
    if not checked.faults:
        return [f"flor: {read}: all as written"]
    return [f"flor: {read}: {_damaged(checked.faults)}"]


def _damaged(faults: Sequence[object]) -> str:
    return f"{len(faults)} {'is' if len(faults) == 1 else 'are'} damaged or missing"


def _label(run: RunRow) -> str:
    return f"{run.name}@{run.ordinal}"
