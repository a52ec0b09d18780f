"""What the journals of a run's processes say, in the order the processes began."""

from __future__ import annotations

from dataclasses import dataclass, field

from florlib.ground.layout import RunLayout
from florlib.ground.recorded import RecordedProcess
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
    for path in layout.journals():
        journal = read_journal(path)
        damage = journal.damage(path)
        made.damages += [] if damage is None else [damage]
        process = RecordedProcess.read(journal.records)
        if process is not None:
            started = process.process["started"]
            found.append((started, path.name, process, Trace.read(journal.records)))
    found.sort(key=lambda item: item[:2])
    made.processes = [process for _, _, process, _ in found]
    made.traces = [trace for _, _, _, trace in found]
    return made
