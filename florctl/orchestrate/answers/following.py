"""Following a run while it is recorded: what its journals say that they did not say before."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.liveness import ending, touched_at
from florctl.orchestrate.answers.processes import boot_id, host_name
from florlib.ground.errors import JournalDamaged
from florlib.ground.journal_format import Record
from florlib.ground.layout import RunLayout
from florlib.ground.position import Position, position_from_json
from florlib.stores.catalog.runs import Ending, ProcessEnd
from florlib.stores.journal import read_records

UNASKED = frozenset({"stderr"})
"""Names that are shown only where they are asked for: progress bars fill it."""


@dataclass(frozen=True, slots=True)
class Told:
    """A value as a journal tells of it.

    Attributes:
        value: JSON as in the journal.
    """

    rank: int
    position: Position
    name: str
    value: Any


@dataclass(slots=True)
class _Journal:
    """How far a journal was read, and whose it is."""

    offset: int = 0
    rank: int = 0
    pid: int = 0
    started: str = ""
    end: Record | None = None


@dataclass(slots=True)
class Follower:
    """Reads what is new in the journals of a run.

    Args:
        layout: of the run.
        names: that are told of; none for all but UNASKED.
    """

    layout: RunLayout
    names: Collection[str] = ()
    _journals: dict[Path, _Journal] = field(default_factory=dict)

    def last(self, count: int) -> list[Told]:
        """The last values that are there at first, so many of each rank.

        Raises:
            JournalDamaged, FormatTooNew: see `read_journal`.
        """
        found: dict[int, deque[Told]] = {}
        for told in self.look():
            found.setdefault(told.rank, deque(maxlen=count)).append(told)
        return [told for rank in sorted(found) for told in found[rank]]

    def look(self) -> Iterator[Told]:
        """The values that were written since the last look, a process after the other."""
        read = [(path, *self._read(path)) for path in self.layout.journals()]
        for _, journal, records in sorted(read, key=lambda one: one[1].started):
            for record in records:
                if record["kind"] == "log":
                    yield from self._values(journal.rank, record)

    def _read(self, path: Path) -> tuple[_Journal, list[Record]]:
        journal = self._journals.setdefault(path, _Journal())
        is_cut = path.stat().st_size < journal.offset
        # A run that is resumed: what is left was told of, and what was cut comes again.
        records, journal.offset = read_records(path, after=0 if is_cut else journal.offset)
        for record in records:
            if record["kind"] == "process":
                journal.rank, journal.pid = int(record["rank"]), int(record["pid"])
                journal.started = record["started"]
            elif record["kind"] == "end":
                journal.end = record
        return journal, [] if is_cut else records

    def _values(self, rank: int, record: Record) -> Iterator[Told]:
        positions = [position_from_json(pairs) for pairs in record["positions"]]
        for at, name, value, *_ in record["rows"]:
            if name in self.names if self.names else name not in UNASKED:
                yield Told(rank, positions[at], name, value)

    def ending(self) -> Ending:
        """How the run stands now, after the last look.

        Raises:
            JournalDamaged: its run.json cannot be read.
        """
        try:
            run_json = json.loads(self.layout.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise JournalDamaged(f"{self.layout.run_file} cannot be read ({error})") from error
        files = [self.layout.run_file, *self.layout.journals()]
        journals = sorted(self._journals.values(), key=lambda one: one.started)
        return ending(
            run_json,
            [_process_end(one) for one in journals],
            touched=touched_at(max(path.stat().st_mtime_ns for path in files)),
            now=datetime.now(timezone.utc),
            boot=boot_id(),
            host=host_name(),
        )


def _process_end(journal: _Journal) -> ProcessEnd:
    end = journal.end or {}
    how = (end.get("exit_status"), end.get("signal"))
    return ProcessEnd(journal.pid, journal.end is not None, *how)
