"""Finding where an interrupted run can go on: its newest good checkpoint, and what stays of its journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from florctl.orchestrate.environment import differences, present_environment
from florctl.orchestrate.keeping.bringing import Fetching, bring_back
from florctl.orchestrate.planning.inputs import changed_inputs
from florctl.orchestrate.planning.sources import compare_sources
from florctl.orchestrate.run_json import came_from, read_run_json, refuse_imported
from florlib.ground.errors import CheckpointDamaged, CheckpointMissing, NotResumable
from florlib.ground.journal_format import Record
from florlib.ground.layout import RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.question import Run
from florlib.hindsight.resumption import (
    ResumePoint,
    kept_records,
    passed_checkpoints,
    resume_points,
    why_not_exact,
)
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal

_TOLD = 3  # of many files, so many by name


@dataclass(slots=True)
class Resumption:
    """A run that is about to go on.

    Attributes:
        content: of run.json.
        journal: of the interrupted process.
        process: what it did.
        records: its journal.
        kept: those that stay.
        changed: by path, why the present source is not the recorded one.
        warnings: what may be otherwise than if the run had not stopped, a line each.
        fetching: is told of checkpoints that come back from a spool first.
    """

    layout: RunLayout
    content: dict[str, Any]
    journal: Path
    process: RecordedProcess
    records: list[Record]
    point: ResumePoint
    kept: list[Record]
    changed: dict[str, str]
    warnings: list[str]
    fetching: Fetching

    @property
    def where(self) -> str:
        """The boundary or the step, in words."""
        step = self.point.step
        if self.point.is_over:
            return f"behind {self.loop}"
        at = f"at {self.loop}={self.point.index}"
        return at if step is None else f"{at}, {step.loop}={step.turn:,}"

    def further_back(self) -> Resumption | None:
        """The same from the boundary before a step, else from half as far in the loop; None where
        that is not further back."""
        within = self.point.step is not None
        most = self.point.index if within else self.point.index // 2
        if not within and self.point.index == 0:
            return None
        for point in resume_points(self.process):
            at_boundary = point.step is None and not point.is_over
            if point.main == self.point.main and point.index <= most and at_boundary:
                kept = kept_records(self.records, point)
                if kept is not None and _are_whole(self.layout, point, self.fetching):
                    return replace(self, point=point, kept=kept)
        return None

    @property
    def loop(self) -> str:
        """The name of the main loop that it goes on in, or behind."""
        return self.process.mains[self.point.main].name


def prepare_resumption(
    layout: RunLayout, status: str, fetching: Fetching, *, force: bool = False
) -> Resumption:
    """Find where a run can go on.

    Args:
        layout: of the run.
        status: as the catalog has it.
        fetching: is told of checkpoints that come back from a spool first.
        force: also where it looks at files that it writes.

    Raises:
        NotResumable: it goes on still, has ended well, has no checkpoint to go on from, or looks at
            files that are not as they were.
        RunDamaged, JournalDamaged: what tells of it cannot be read.
    """
    if status in ("running", "done"):
        ended = "is still going on" if status == "running" else "has ended by itself"
        raise NotResumable(
            f"run {layout.run} {ended}: there is nothing to resume",
            hint=f"flor log show {layout.run}",
        )
    content = read_run_json(layout)
    refuse_imported(content, "resumed")
    moved = came_from(content)
    if moved is not None:
        raise NotResumable(
            f"run {layout.run} was recorded in {moved[0]}, and its state leads there",
            hint=f"flor replay {layout.run}",
        )
    journal, records, process = _only_process(layout)
    point, kept = _newest(layout, process, records, fetching)
    sources = compare_sources(Path(content["project"]), [process])
    changed = {path: one.changes[0] for path, one in sources.changed.items() if one.changes}
    changed |= {path: "it has additions" for path, one in sources.comparisons.items() if one.probes}
    bring_back(layout, passed_checkpoints(process, point), fetching)
    made = Resumption(
        layout, content, journal, process, records, point, kept, changed, [], fetching
    )
    reads = why_not_exact(Run(layout.run, [process], 0.0))
    if reads is not None and not force:
        raise NotResumable(
            f"run {layout.run} cannot be resumed exactly: {reads}",
            hint=f"flor resume {layout.run} --force",
        )
    made.warnings = [*_warnings(made), *([reads] if reads is not None else [])]
    return made


def _only_process(layout: RunLayout) -> tuple[Path, list[Record], RecordedProcess]:
    found = []
    for path in layout.journals():
        records = read_journal(path).records
        process = RecordedProcess.read(records)
        if process is not None and process.mains:
            found.append((path, records, process))
    if len(found) == 1:
        return found[0]
    reason = (
        f"{len(found)} of its processes trained, and only runs of one can go on"
        if found
        else "it had not come to its main loop"
    )
    raise NotResumable(
        f"run {layout.run} cannot be resumed: {reason}", hint=f"flor log show {layout.run}"
    )


def _newest(
    layout: RunLayout, process: RecordedProcess, records: list[Record], fetching: Fetching
) -> tuple[ResumePoint, list[Record]]:
    """The newest boundary or step whose checkpoint is whole."""
    for point in resume_points(process):
        kept = kept_records(records, point)
        if kept is not None and _are_whole(layout, point, fetching):
            return point, kept
    marks = [mark for main in process.mains for mark in main.boundaries.values()]
    missing = dict.fromkeys(name for mark in marks for name in mark.missing)
    lacking = f": they lack {', '.join(list(missing)[:_TOLD])}" if missing else ""
    raise NotResumable(
        f"run {layout.run} has no whole checkpoint to go on from{lacking}",
        hint=f"flor log show {layout.run}",
    )


def _are_whole(layout: RunLayout, point: ResumePoint, fetching: Fetching) -> bool:
    """Whether what is restored at a point, and on the way to it, can be read."""
    bring_back(layout, [point.file, *point.way], fetching)
    return all(_is_whole(layout.folder / file) for file in (point.file, *point.way))


def _is_whole(path: Path) -> bool:
    try:
        checkpoint = Checkpoint.open(path)
        for name in checkpoint.names:
            checkpoint.read(name)
    except (CheckpointDamaged, CheckpointMissing, OSError):
        return False
    return True


def _warnings(made: Resumption) -> list[str]:
    project = Path(made.content["project"])
    told = differences(made.content["environment"], present_environment())
    told += changed_inputs([made.process], project.joinpath)
    return told
