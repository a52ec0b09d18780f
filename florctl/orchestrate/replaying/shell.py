"""The flow of `flor shell`: a replay that opens a prompt, and what is kept of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.keeping.bringing import Fetching, fetch_needed
from florctl.orchestrate.launch import INTERRUPTED, Children, children
from florctl.orchestrate.machines.machines import Child, ChildHere, Here, Order
from florctl.orchestrate.planning.preparation import Prepared, ReplayRequest, prepare
from florctl.orchestrate.replaying.outputs import gather
from florctl.orchestrate.replaying.replay import replay_ids
from florctl.orchestrate.replaying.worker_output import tail
from florctl.orchestrate.replaying.workers import Crew
from florlib.ground.errors import FlorError, NotReplayable, UsageError
from florlib.ground.ids import id_behind
from florlib.ground.journal_format import Record
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.moments import (
    Moment,
    NoSuchMoment,
    find_moment,
    last_moment,
    newest_moment,
)
from florlib.ground.plan import SHELL, Segment, Stop
from florlib.ground.position import (
    OUTSIDE,
    Position,
    describe,
    parse_position,
    position_from_json,
    position_words,
)
from florlib.ground.recorded import RecordedProcess
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal

CRASH = "crash"
# What concerns replays of all that was recorded.
_NOT_TOLD = frozenset({"run-incomplete", "iteration-cut", "carried"})


@dataclass(slots=True)
class Opening:
    """A prompt that is about to open.

    Attributes:
        moment: where.
        warnings: what may be otherwise there than it was, a line each.
    """

    prepared: Prepared
    moment: Moment
    warnings: list[str]


@dataclass(slots=True)
class Shelled:
    """What came of a prompt.

    Attributes:
        status: its exit status.
        position: at which it opened.
        logged: how many values were logged there.
        said: what was printed, where that was not shown.
        files: that were written there, where they lie.
    """

    status: int
    position: Position
    logged: int = 0
    said: str = ""
    files: list[Path] = field(default_factory=list)


def check_code(code: str) -> None:
    """See whether a text is Python.

    Raises:
        UsageError: it is not.
    """
    try:
        compile(code, "<string>", "exec")
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"the code does not compile ({error})", hint="flor shell @ -c 'print(dir())'"
        ) from None


def prepare_shell(layout: RunLayout, home: Path, at: str | None) -> Opening:
    """Find where a prompt is to open.

    Args:
        layout: of the run.
        home: FLOR_HOME.
        at: a position, or "crash"; None for the newest boundary.

    Raises:
        UsageError: the run did not come there.
        NotReplayable: not one of its processes trained, but none or several.
        FlorError: as `prepare` does.
    """
    prepared = prepare(ReplayRequest(layout=layout, home=home, verify=True))
    trained = [process for process in prepared.processes if process.mains]
    if len(trained) != 1:
        count = f"{len(trained)} of its processes" if trained else "none of its processes"
        raise NotReplayable(
            f"a prompt needs one process that trained; {count} of run {layout.run} did",
            hint=f"flor log show {layout.run}",
        )
    moment = _moment(layout, trained[0], at)
    told = [one["text"] for one in prepared.warnings if one["code"] not in _NOT_TOLD]
    return Opening(prepared, moment, told)


def _moment(layout: RunLayout, process: RecordedProcess, at: str | None) -> Moment:
    if at is None:
        return newest_moment(process)
    if at == CRASH:
        if process.ended and process.mains[-1].how != "raise":
            newest = newest_moment(process).position
            raise UsageError(
                f"no loop of run {layout.run} was cut short",
                hint=f"flor shell {layout.run} --at {position_words(newest)}",
            )
        return last_moment(process, _last_told(layout, process))
    wanted = parse_position(at)
    if wanted is None:
        raise UsageError(f"{at!r} is no position", hint="flor shell @ --at epoch=5,step=100")
    try:
        return find_moment(process, wanted)
    except NoSuchMoment as error:
        near = "" if error.near is None else f" --at {position_words(error.near)}"
        raise UsageError(
            f"run {layout.run} has no {describe(wanted)}: {error}",
            hint=f"flor shell {layout.run}{near}",
        ) from None


def _last_told(layout: RunLayout, process: RecordedProcess) -> Position:
    """Where the last thing happened that the journal of a process tells of."""
    told: Position = OUTSIDE
    for path in layout.journals():
        records = read_journal(path).records
        if records and records[0].get("pid") == process.process["pid"]:
            for record in records:
                told = _position_of(record) or told
    return told


def _position_of(record: Record) -> Position:
    if record["kind"] == "log" and record["rows"]:
        return position_from_json(record["positions"][record["rows"][-1][0]])
    if record["kind"] == "checkpoint":
        return position_from_json(record.get("position", ()))
    return OUTSIDE


class _AtTerminal(Here):
    """This machine, with a child that has the streams of this process."""

    def start(self, order: Order, group: Children) -> Child:
        """Start the child."""
        return ChildHere(group.start(order.command, environ=order.environ, cwd=order.cwd))


def open_shell(
    opening: Opening,
    fetching: Fetching,
    *,
    code: str | None,
    shown: bool,
    now: datetime,
    token: str,
) -> Shelled:
    """Open the prompt, until it is left.

    Args:
        opening: where.
        fetching: is told of checkpoints that come back from a spool first.
        code: what is executed there; None where a person types it.
        shown: what is printed is shown, and not given back.
        now: the present.
        token: at the end of its id.

    Raises:
        FlorError: the script did not come there.
    """
    prepared, moment = opening.prepared, opening.moment
    layout = prepared.request.layout
    had_replays = layout.replays.is_dir()
    own = layout.replay(id_behind(now, token, replay_ids(layout)))
    stop = Stop(moment.main, moment.position, code, shown)
    planned = prepared.planned
    index, turns = moment.position[0][1], tuple((n, n + 1) for _, n in moment.position[1:])
    plan = replace(
        planned.plan,
        mode=SHELL,
        stop=stop,
        parts=None,
        segments=(Segment(moment.main, index, index + 1),),
        turns=turns or None,
        epilogue=False,
    )
    prepared.planned = replace(planned, plan=plan, workers=1)
    fetch_needed(prepared, fetching)
    crew = Crew(prepared, own, lambda crew: None, _AtTerminal())
    began_s = time.monotonic()
    shelled = None
    try:
        own.folder.mkdir(parents=True)
        write_json(own.plan_file, plan.to_json())
        with children() as group:
            crew.work(group)
        shelled = _came_of(crew, own, moment)
        return shelled
    finally:
        files = gather(crew.by_progress()).files
        _keep(own, shelled, files, seconds=time.monotonic() - began_s)
        if not had_replays:
            with suppress(OSError):
                layout.replays.rmdir()


def _came_of(crew: Crew, own: ReplayLayout, moment: Moment) -> Shelled:
    """What the child tells of itself.

    Raises:
        FlorError: it did not come to its prompt.
    """
    ended = crew.workers[0].ended
    assert ended is not None
    records = [record for path in own.journals() for record in read_journal(path).records]
    opened = next((record for record in records if record["kind"] == SHELL), None)
    if opened is None:
        if ended.shell_status == INTERRUPTED:
            return Shelled(INTERRUPTED, moment.position)
        error = FlorError(
            f"the script ended before it came to {describe(moment.position)}",
            hint=f"flor replay {crew.prepared.request.layout.run} --verify",
        )
        error.details = tail(own.output)
        raise error
    said = ""
    if own.said.exists():
        said = own.said.read_text(encoding="utf-8", errors="replace")
    return Shelled(
        ended.shell_status,
        position_from_json(opened["position"]),
        sum(len(record["rows"]) for record in records if record["kind"] == "log"),
        said,
        [Path(path) for one in records if one["kind"] == "written" for path in one["paths"]],
    )


def _keep(
    own: ReplayLayout, shelled: Shelled | None, files: Mapping[Path, Path], *, seconds: float
) -> None:
    """Keep what was logged, and what was written at the prompt; remove all else."""
    if shelled is not None:
        shelled.files = [path for path, written in files.items() if written in shelled.files]
    if shelled is None or not (shelled.logged or shelled.files):
        shutil.rmtree(own.folder, ignore_errors=True)
        return
    for path in files:
        if path not in shelled.files:
            path.unlink()
    report = {"format": 1, "replay": own.replay, "status": SHELL, "seconds": seconds, "marks": {}}
    write_json(own.report_file, report)
