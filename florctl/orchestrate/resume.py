"""The flow of `flor resume`: cut the journal at the newest good boundary, start the script there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.bringing import Fetching, bring_back, keep_spooled
from florctl.orchestrate.environment import differences, present_environment, replay_variables
from florctl.orchestrate.inputs import changed_inputs
from florctl.orchestrate.keepsakes import Keepsakes
from florctl.orchestrate.launch import Ended, guest_environment, run_child
from florctl.orchestrate.liveness import identity
from florctl.orchestrate.report import INTERRUPTED
from florctl.orchestrate.requeue import settled
from florctl.orchestrate.run_json import came_from, is_trusted, read_run_json, refuse_imported
from florctl.orchestrate.sources import compare_sources
from florlib.ground.errors import CheckpointDamaged, CheckpointMissing, Locked, NotResumable
from florlib.ground.journal_format import Record
from florlib.ground.launch import VARIABLE, LaunchSpec
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
from florlib.stores.atomic import write_json
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal, rewrite
from florlib.stores.spooled import Spooled, write_spooled

REFUSED = "resume-refused"
NO_LOOP = "the script ended before it came to its main loop"
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
        """The boundary, in words."""
        return f"behind {self.loop}" if self.point.is_over else f"at {self.loop}={self.point.index}"

    def halfway(self) -> Resumption | None:
        """The same from half as far in the loop; None where that is not further back."""
        most = self.point.index // 2
        if self.point.index == 0:
            return None
        for point in resume_points(self.process):
            if point.main == self.point.main and point.index <= most and not point.is_over:
                kept = kept_records(self.records, point)
                if kept is not None and _is_whole(self.layout, point.file, self.fetching):
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
    """The newest boundary whose checkpoint is whole."""
    for point in resume_points(process):
        kept = kept_records(records, point)
        if kept is not None and _is_whole(layout, point.file, fetching):
            return point, kept
    marks = [mark for main in process.mains for mark in main.boundaries.values()]
    missing = dict.fromkeys(name for mark in marks for name in mark.missing)
    lacking = f": they lack {', '.join(list(missing)[:_TOLD])}" if missing else ""
    raise NotResumable(
        f"run {layout.run} has no whole checkpoint to go on from{lacking}",
        hint=f"flor log show {layout.run}",
    )


def _is_whole(layout: RunLayout, file: str, fetching: Fetching) -> bool:
    bring_back(layout, [file], fetching)
    try:
        checkpoint = Checkpoint.open(layout.folder / file)
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


def resume(
    made: Resumption,
    *,
    present_code: bool,
    now: datetime,
    reread: Callable[[], None],
    tell: Callable[[str], None],
) -> int:
    """Let the run go on to its end, as part of the same run.

    Args:
        made: what was found.
        present_code: execute the present sources instead of the recorded ones.
        now: when it goes on.
        reread: is called when the journal was put anew, so that the catalog knows.
        tell: writes one line for people.

    Returns:
        The script's own exit status, 128 + n on signal n.

    Raises:
        NotResumable: the state could not be restored; the run is as it was before.
        Locked: another process resumes it.
        OSError: the script cannot be started.
    """
    with _alone_in(made.layout):
        while True:
            ended = _resume(made, present_code=present_code, now=now, reread=reread, tell=tell)
            if isinstance(ended, int):
                return ended
            # What a process has imported only later is not there yet: further back it fits.
            back = None if ended is NO_LOOP else made.halfway()
            if back is None:
                raise NotResumable(
                    f"run {made.layout.run} was not resumed: {ended}; it is as it was before",
                    hint=f"flor log show {made.layout.run}",
                )
            tell(f"warning: {ended}")
            tell(f"flor: going on {back.where}")
            made = back


def _resume(
    made: Resumption,
    *,
    present_code: bool,
    now: datetime,
    reread: Callable[[], None],
    tell: Callable[[str], None],
) -> int | str:
    """Let the run go on; the exit status, or why it did not, and then it is as it was before."""
    layout, content = made.layout, dict(made.content)
    before = dict(content)
    kept = _kept_aside(layout, made.journal)
    files = Keepsakes.of(Path(content["project"]), made.process.written_files, _beside(kept))
    for path in files.left_out:
        tell(f"warning: {path} is too large to be copied before the script writes it anew")
    rewrite(made.journal, made.kept, kept)
    spooled = keep_spooled(
        layout, {record["file"] for record in made.kept if record["kind"] == "checkpoint"}
    )
    _begin(layout, content, made, now)
    reread()
    try:
        ended = _run(made, present_code=present_code)
    except OSError:
        _undo(made, kept, before, spooled)
        reread()
        raise
    reason = _not_resumed(made)
    if reason is not None:
        _undo(made, kept, before, spooled)
        reread()
        if ended.shell_status == INTERRUPTED:
            return INTERRUPTED
        return reason
    ended, status = settled(content, ended)
    _finish(layout, content, ended)
    for path in files.shorter_now():
        tell(
            f"warning: {path} is shorter than the interrupted run had it, as the script has written"
            f" it anew; that file is {files.folder / path}"
        )
    return status


@contextmanager
def _alone_in(layout: RunLayout) -> Iterator[None]:
    """See to it that one process resumes a run.

    Raises:
        Locked: another one does.
    """
    layout.interrupted.mkdir(exist_ok=True)
    descriptor = os.open(layout.interrupted, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"run {layout.run} is being resumed by another process",
                hint=f"flor log show {layout.run}",
            ) from None
        yield
    finally:
        os.close(descriptor)


def _beside(kept: Path) -> Path:
    """Where the files of the interrupted run are kept: beside its journal."""
    return kept.with_name(f"{kept.name.partition('.')[0]}.files")


def _kept_aside(layout: RunLayout, journal: Path) -> Path:
    """Where the journal of the interrupted process is kept whole."""
    folder = layout.interrupted
    number = 1 + len(list(folder.glob("*.flor")))
    return folder / f"{number}.{journal.name}"


def _begin(layout: RunLayout, content: dict[str, Any], made: Resumption, now: datetime) -> None:
    point = {"loop": made.loop, "index": made.point.index, "at": now.isoformat()}
    content["resumed"] = [*content.get("resumed", ()), point]
    content |= {"ended": None, "exit_status": None, "signal": None, **identity(os.getpid())}
    write_json(layout.run_file, content)


def _run(made: Resumption, *, present_code: bool) -> Ended:
    content = made.content
    spec = LaunchSpec(
        mode="record",
        run=made.layout.run,
        run_dir=str(made.layout.folder),
        project=content["project"],
        budget_share=content.get("budget", 0.01),
        checkpoint_bytes=_left(made),
        loop=content.get("loop"),
        resumes=made.journal.name,
        present_code=present_code,
        trusted=is_trusted(content),
        requeue=(content.get("requeue") or {}).get("status"),
    )
    environ = replay_variables(os.environ, content["environment"])
    environ.pop(VARIABLE, None)
    os.chdir(content["cwd"])
    return run_child(content["command"], environ=guest_environment(environ, spec))


def _left(made: Resumption) -> int | None:
    """Bytes that further checkpoints may take; None for any number.

    Of those that are there none is dropped while the run goes on; what would be too little to
    go on with is a quarter of all.
    """
    limit = made.content.get("checkpoint_bytes")
    if limit is None:
        return None
    marks = [mark for main in made.process.mains for mark in main.boundaries.values()]
    marks += [
        block.checkpoint
        for main in made.process.mains
        for block in main.blocks.values()
        if block.checkpoint is not None
    ]
    return max(int(limit) - sum(mark.bytes for mark in marks), int(limit) // 4)


def _not_resumed(made: Resumption) -> str | None:
    """Why the script did not come to where it was to go on; None where it did."""
    for record in read_journal(made.journal).records[len(made.kept) :]:
        if record["kind"] == "resume":
            return None
        if record["kind"] == "warning" and record["code"] == REFUSED:
            return str(record["text"])
    return NO_LOOP


def _undo(made: Resumption, kept: Path, before: Mapping[str, Any], spooled: Spooled) -> None:
    os.replace(kept, made.journal)
    write_json(made.layout.run_file, before)
    if spooled:
        write_spooled(made.layout.spool_file, spooled.copies)


def _finish(layout: RunLayout, content: dict[str, Any], ended: Ended) -> None:
    from datetime import timezone

    content["ended"] = datetime.now(timezone.utc).isoformat()
    content["exit_status"], content["signal"] = ended.exit_status, ended.signal
    write_json(layout.run_file, content)
