"""An imported run's folder, as a recorded one's: run.json and a journal."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

from florctl.orchestrate.importing.foreign import ForeignRun, ForeignValue
from florctl.orchestrate.recording.ordinals import last_ordinal, numbering
from florctl.orchestrate.recording.script import clean_name
from florlib.ground.ids import run_id
from florlib.ground.journal_format import Record
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.ground.position import Position
from florlib.stores.atomic import sync_folder, write_json
from florlib.stores.journal import JournalWriter
from florlib.stores.removed import note_removed

POSITIONS = 500
"""That share a log record: some 50 kB, of which a reader holds one at a time."""


def id_of(run: ForeignRun) -> str:
    """The id of an imported run: the same content has the same id, whenever it is imported."""
    digest = hashlib.sha256(run.origin.encode() + b"\0" + run.content)
    # Twice the digits of a recorded run's, as nothing else tells it from another of that second.
    return run_id(run.started.astimezone(timezone.utc), digest.hexdigest()[:12])


def write_run(run: ForeignRun, home: HomeLayout, name: str | None, now: datetime) -> RunLayout:
    """Make the run's folder, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    layout = home.run(clean_name(name or run.name), id_of(run))
    parent = layout.folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    aside = RunLayout(parent / f".{layout.run}.import")
    shutil.rmtree(aside.folder, ignore_errors=True)
    aside.folder.mkdir()
    try:
        writer = JournalWriter(aside.journal(0, 0))
        for record in _records(run, layout.run):
            writer.append(record)
        writer.close()
        with numbering(parent):
            content = _run_json(run, layout, parent.name, 1 + last_ordinal(parent), now)
            write_json(aside.run_file, content)
            # Its id is an old one, and the number has to be found among those of the newest.
            note_removed(home.removed_file(parent.name), content["ordinal"])
            aside.folder.rename(layout.folder)
        sync_folder(parent)
    finally:
        shutil.rmtree(aside.folder, ignore_errors=True)
    return layout


def _run_json(
    run: ForeignRun, layout: RunLayout, name: str, ordinal: int, now: datetime
) -> dict[str, Any]:
    version: dict[str, Any] | None = None
    if run.version is not None:
        version = {
            "commit": run.version.commit,
            "work_commit": run.version.commit,
            "tree": run.version.tree,
            "base": run.version.base,
            "branch": None,
            "dirty": 0,
            "store": "repository",
            "skipped": [],
        }
    return {
        "format": 1,
        "run": layout.run,
        "name": name,
        "ordinal": ordinal,
        "project": str(run.project.resolve()),
        "cwd": str(run.project.resolve()),
        "command": ["python", run.script] if run.script else [],
        "script": run.script,
        "loop": None,
        "tags": {},
        "version": version,
        "environment": {},
        "budget": None,
        "checkpoint_bytes": 0,
        "started": run.started.isoformat(),
        "pid": None,
        "pid_start": None,
        "host": None,
        "boot": None,
        "ended": run.ended.isoformat(),
        # None of these programs tells how a run ended.
        "exit_status": None,
        "signal": None,
        "imported": {
            "from": run.origin,
            "place": str(run.place.absolute()),
            "at": now.isoformat(),
        },
        "warnings": [],
    }


def _records(run: ForeignRun, id_: str) -> Iterator[Record]:
    yield {
        "kind": "process",
        "format": 1,
        "run": id_,
        "mode": "import",
        "replay": None,
        "rank": 0,
        "pid": 0,
        "script": run.script,
        "argv": [run.script] if run.script else [],
        "cwd": str(run.project.resolve()),
        "checkpoints": "checkpoints",
        "python": None,
        "torch": None,
        "started": run.started.isoformat(),
    }
    for name, value in run.arguments.items():
        yield {"kind": "arg", "name": name, "value": value, "source": run.origin}
    loops = _Loops()
    batch = _Batch()
    for position, values in groupby(run.values, key=lambda value: value.position):
        moved = list(loops.go(position))
        if moved or len(batch.positions) >= POSITIONS:
            yield from batch.taken()
        yield from moved
        batch.add(position, values)
    yield from batch.taken()
    yield from loops.go(())


@dataclass(slots=True)
class _Batch:
    """Values on their way into one log record."""

    positions: list[list[list[Any]]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)

    def add(self, position: Position, values: Iterator[ForeignValue]) -> None:
        at = len(self.positions)
        self.positions.append([list(pair) for pair in position])
        self.rows += [[at, value.name, value.value, 0, value.flags] for value in values]

    def taken(self) -> Iterator[Record]:
        if self.rows:
            sites = [[None, 0]]
            yield {"kind": "log", "positions": self.positions, "sites": sites, "rows": self.rows}
        self.positions, self.rows = [], []


# None of these programs tells in which line of which file a loop begins.
_NO_LINE = {"path": None, "ordinal": None, "line": None, "length": None}
_NO_BLOCK = {"skippable": False, "checkpoint": None, "block": None, "index": None}


@dataclass(slots=True)
class _Loops:
    """The loops that positions tell of, as they are entered and left."""

    _within: list[tuple[str, int]] = field(default_factory=list)
    _mains: int = 0

    def go(self, position: Position) -> Iterator[Record]:
        """Move to a position: what is left and what is entered on the way."""
        depth = 0
        for (loop, index), (now, before) in zip(position, self._within, strict=False):
            if loop != now:
                break
            depth += 1
            if index != before:
                break
        while len(self._within) > depth:
            yield self._left()
        if depth and self._within[depth - 1] != position[depth - 1]:
            self._within[depth - 1] = position[depth - 1]
        for loop, index in position[depth:]:
            yield self._entered(loop)
            self._within.append((loop, index))

    def _entered(self, loop: str) -> Record:
        role = "nested" if self._within else "main"
        self._mains += role == "main"
        where = [list(pair) for pair in self._within]
        main = self._mains - 1
        return {
            **_NO_LINE,
            "kind": "enter",
            "position": where,
            "loop": loop,
            "role": role,
            "main": main,
        }

    def _left(self) -> Record:
        loop, index = self._within.pop()
        role = "nested" if self._within else "main"
        where = [list(pair) for pair in self._within]
        about = {"position": where, "loop": loop, "role": role, "main": self._mains - 1}
        about |= {**_NO_LINE, **_NO_BLOCK}
        return {"kind": "exit", **about, "how": None, "iterations": index + 1}


def is_there(run: ForeignRun, home: Path) -> bool:
    """Whether the run has been imported before, under whatever name."""
    return any(home.glob(f"*/{id_of(run)}/run.json"))
