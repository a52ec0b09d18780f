"""Reading every journal, checkpoint and large array of runs, to see whether they are as they were written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from florctl.orchestrate.keeping.stored import read_stored
from florlib.ground.errors import FlorError, JournalDamaged
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.stored_array import StoredArray
from florlib.ground.values import stored_arrays
from florlib.stores.arrays import read_array
from florlib.stores.catalog.rows import RunRow
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal, walk_records


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that is not as it was written.

    Attributes:
        file: relative to the run's folder.
        code: of the error that says so.
    """

    run: RunRow
    file: str
    code: str
    text: str


@dataclass(slots=True)
class Checked:
    """What was read.

    Attributes:
        checkpoints: how many were, good or bad.
        tensors: in the good ones.
        spooled: checkpoints that lie in a spool alone, and were not read.
        arrays: large logged ones, good or bad.
    """

    checkpoints: int = 0
    tensors: int = 0
    spooled: int = 0
    arrays: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def check(home: Path, runs: Iterable[RunRow]) -> Checked:
    """Read the journals, checkpoints and large arrays of runs and hold them against their digests."""
    found = Checked()
    for run in runs:
        layout = RunLayout(home / run.folder)
        try:
            processes = read_stored(layout)
        except FlorError as error:
            found.faults.append(Fault(run, "", error.code, error.message))
            continue
        for process in processes:
            _check_journal(found, run, layout, process.journal)
            found.spooled += len(process.spooled)
            for file in [*(one.file for one in process.checkpoints), *process.lost]:
                _check(found, run, layout, file)
        _check_arrays(found, run, layout)
    return found


def _check_arrays(found: Checked, run: RunRow, layout: RunLayout) -> None:
    """Those that the journals of a run and of its replays name."""
    replays = sorted(layout.replays.iterdir()) if layout.replays.is_dir() else []
    parts: list[RunLayout | ReplayLayout] = [layout, *map(ReplayLayout, replays)]
    for part in parts:
        for digest, told in _named_arrays(part.journals()).items():
            found.arrays += 1
            try:
                found.bytes += len(read_array([part.arrays, layout.arrays], told))
            except FlorError as error:
                file = (part.arrays / digest).relative_to(layout.folder).as_posix()
                found.faults.append(Fault(run, file, error.code, error.message))


def _named_arrays(journals: Iterable[Path]) -> dict[str, StoredArray]:
    return {
        one.digest: one
        for path in journals
        for record, _ in walk_records(path)
        if record["kind"] == "log"
        for row in record["rows"]
        for one in stored_arrays(row[2])
    }


def _check(found: Checked, run: RunRow, layout: RunLayout, file: str) -> None:
    found.checkpoints += 1
    path = layout.folder / file
    try:
        found.tensors += Checkpoint.open(path).verify()
        found.bytes += path.stat().st_size
    except FlorError as error:
        found.faults.append(Fault(run, file, error.code, error.message))


def _check_journal(found: Checked, run: RunRow, layout: RunLayout, path: Path) -> None:
    damage = read_journal(path).damage(path)
    if damage is not None:
        file = path.relative_to(layout.folder).as_posix()
        found.faults.append(Fault(run, file, JournalDamaged.code, damage))
