"""What the journals of a run's processes say, in the order the processes began."""

from __future__ import annotations

from dataclasses import dataclass, field

from florctl.orchestrate.run_json import came_from, read_run_json
from florlib.ground.errors import RunDamaged
from florlib.ground.layout import RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.ground.relocation import Relocation
from florlib.hindsight.trace import Trace
from florlib.stores.journal import read_journal


@dataclass(slots=True)
class RunJournals:
    """The journals of one run.

    Attributes:
        processes: what was recorded.
        traces: the same as rows to compare with.
        damages: one line for each journal that is damaged elsewhere than at its end.
    """

    processes: list[RecordedProcess] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)


def read_run_journals(layout: RunLayout) -> RunJournals:
    """Read them.

    Raises:
        JournalDamaged, FormatTooNew: a file is no journal, or a newer one.
    """
    found, made = [], RunJournals()
    moved = _moved(layout)
    for path in layout.journals():
        journal = read_journal(path)
        damage = journal.damage(path)
        made.damages += [] if damage is None else [damage]
        process = RecordedProcess.read(journal.records)
        if process is not None:
            process.process["cwd"] = moved.there(process.process["cwd"])
            started = process.process["started"]
            found.append((started, path.name, process, Trace.read(journal.records)))
    found.sort(key=lambda item: item[:2])
    made.processes = [process for _, _, process, _ in found]
    made.traces = [trace for _, _, _, trace in found]
    return made


def _moved(layout: RunLayout) -> Relocation:
    """Where the project of a run from elsewhere is here."""
    try:
        moved = came_from(read_run_json(layout))
    except RunDamaged:  # who needs it says so
        moved = None
    return Relocation(() if moved is None else (moved,))
