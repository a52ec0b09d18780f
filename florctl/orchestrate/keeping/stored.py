"""The checkpoints that a run still has, as its journals tell of them and its folder holds them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.answers.liveness import FRESH_S, touched_at
from florlib.ground.errors import FlorError
from florlib.ground.journal_format import Record
from florlib.ground.layout import RunLayout
from florlib.ground.position import Position, position_from_json
from florlib.ground.retention import Stored
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal
from florlib.stores.spooled import Spooled, read_spooled


@dataclass(slots=True)
class StoredProcess:
    """What one recording process of a run has left.

    Attributes:
        layout: of the run.
        journal: of the process.
        rank: in a distributed run.
        has_ended: its journal says so.
        checkpoints: that are there, in the order they were taken.
        positions: of all that the journal names, by file.
        steps: by file, the turn of its nested loop that a checkpoint stands before, if it does.
        lost: files that the journal names and that are nowhere.
        spooled: those that are not there, and lie in a spool.
        undead: files that are there although the journal calls them dropped.
    """

    layout: RunLayout
    journal: Path
    rank: int = 0
    has_ended: bool = False
    checkpoints: list[Stored] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    steps: dict[str, int | None] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    spooled: list[str] = field(default_factory=list)
    undead: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of the checkpoints."""
        return sum(one.bytes for one in self.checkpoints)

    def may_go_on(self, now: datetime) -> bool:
        """Whether the process may be recording at this moment."""
        touched = touched_at(self.journal.stat().st_mtime_ns)
        return not self.has_ended and (now - touched).total_seconds() < FRESH_S

    def with_references(self) -> list[Stored]:
        """The checkpoints with what each refers to, which their headers tell."""
        return [replace(one, refers_to=self._references(one.file)) for one in self.checkpoints]

    def _references(self, file: str) -> frozenset[str]:
        try:
            found = Checkpoint.open(self.layout.folder / file).references
        except (FlorError, OSError):
            return frozenset()  # damaged: it leads to nothing
        folder = file.rpartition("/")[0]
        return frozenset(f"{folder}/{name}" for name in found)


def read_stored(layout: RunLayout) -> list[StoredProcess]:
    """What the processes of a run have left.

    Raises:
        FlorError, OSError: a journal cannot be read.
    """
    found = []
    spooled = read_spooled(layout.spool_file)
    for path in layout.journals():
        records = read_journal(path).records
        if records:
            found.append(_process(layout, path, records, spooled))
    return found


def _process(
    layout: RunLayout, journal: Path, records: list[Record], spooled: Spooled
) -> StoredProcess:
    found = StoredProcess(layout, journal, int(records[0].get("rank", 0)))
    found.has_ended = any(record["kind"] == "end" for record in records)
    dropped = [record["file"] for record in records if record["kind"] == "dropped"]
    starts = _iteration_starts(records)
    for record in records:
        if record["kind"] != "checkpoint":
            continue
        file = record["file"]
        found.positions[file] = position_from_json(record["position"])
        found.steps[file] = record.get("step")
        size = _size(layout.folder / file)
        if file in dropped:
            found.undead += [file] if size is not None else []
        elif size is None:
            (found.spooled if spooled.file(file) else found.lost).append(file)
        else:
            found.checkpoints.append(_stored(record, size, starts))
    found.checkpoints.sort(key=lambda one: one.at_s)  # those of equal times stay as they came
    return found


def _stored(
    record: Record, size: int, starts: dict[tuple[int, int], tuple[float, float]]
) -> Stored:
    main, index, role = record["main"], record["index"], record["role"]
    turn_s, end_s = starts.get((main, index), starts[-1, -1])
    at_s = turn_s if role == "boundary" else end_s
    return Stored(
        record["file"],
        role,
        main,
        index,
        record.get("at_s", at_s),
        record.get("turn_s", turn_s),
        size,
    )


def _iteration_starts(records: Iterable[Record]) -> dict[tuple[int, int], tuple[float, float]]:
    """By (main loop, iteration), when it began and ended; for records without times of their own."""
    starts, now = {}, 0.0
    for record in records:
        if record["kind"] == "iteration":
            end = now + record["seconds"]
            starts[record["main"], record["index"]] = (now, end)
            now = end
    starts[-1, -1] = (now, now)
    return starts


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def folder_bytes(path: Path) -> int:
    """Bytes of all files below a folder, if there is one; links count for nothing."""
    total = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_symlink():
                    continue
                below = Path(entry.path)
                total += folder_bytes(below) if entry.is_dir() else entry.stat().st_size
    except OSError:  # it vanished meanwhile
        return total
    return total
