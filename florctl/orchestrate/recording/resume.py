"""The flow of `flor resume`: cut the journal where the run goes on, and start the script there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.processes import identity
from florctl.orchestrate.environment import replay_variables
from florctl.orchestrate.keeping.bringing import keep_spooled
from florctl.orchestrate.launch import INTERRUPTED, Ended, guest_environment, run_child
from florctl.orchestrate.recording.keepsakes import Keepsakes
from florctl.orchestrate.recording.requeue import settled
from florctl.orchestrate.recording.resumption import Resumption
from florctl.orchestrate.run_json import is_trusted
from florlib.ground.errors import Locked, NotResumable
from florlib.ground.launch import VARIABLE, LaunchSpec
from florlib.ground.layout import RunLayout
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal, rewrite
from florlib.stores.spooled import Spooled, write_spooled

REFUSED = "resume-refused"
NO_LOOP = "the script ended before it came to its main loop"
_TOLD = 3  # of many files, so many by name


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
        kept = _kept_aside(made.layout, made.journal)
        # Once, as the script may write them anew on its way to a step that it does not come to.
        files = Keepsakes.of(
            Path(made.content["project"]), made.process.written_files, _beside(kept)
        )
        for path in files.left_out:
            tell(f"warning: {path} is too large to be copied before the script writes it anew")
        while True:
            ended = _resume(made, kept, present_code=present_code, now=now, reread=reread)
            if isinstance(ended, int):
                for path in files.shorter_now():
                    tell(
                        f"warning: {path} is shorter than the interrupted run had it, as the script"
                        f" has written it anew; that file is {files.folder / path}"
                    )
                return ended
            # What a process has imported only later is not there yet: further back it fits.
            back = None if ended is NO_LOOP else made.further_back()
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
    kept: Path,
    *,
    present_code: bool,
    now: datetime,
    reread: Callable[[], None],
) -> int | str:
    """Let the run go on; the exit status, or why it did not, and then it is as it was before."""
    layout, content = made.layout, dict(made.content)
    before = dict(content)
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
    step = made.point.step
    if step is not None:
        point["step"] = {"loop": step.loop, "index": step.turn}
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
    dropped = {record["file"] for record in made.kept if record["kind"] == "dropped"}
    kept = (record for record in made.kept if record["kind"] == "checkpoint")
    taken: int = sum(record["bytes"] for record in kept if record["file"] not in dropped)
    return max(int(limit) - taken, int(limit) // 4)


def _not_resumed(made: Resumption) -> str | None:
    """Why the script did not go on from there; None where it did."""
    records = read_journal(made.journal).records[len(made.kept) :]
    for record in records:
        if record["kind"] == "warning" and record["code"] == REFUSED:
            return str(record["text"])
    if any(record["kind"] == "resume" for record in records):
        return None
    return NO_LOOP if made.point.step is None else _not_reached(made)


def _not_reached(made: Resumption) -> str:
    return f"the script ended before it came to {made.where.removeprefix('at ')}"


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
