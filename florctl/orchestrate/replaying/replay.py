"""The flow of `flor replay` once it is thought through: have the workers work, verify, report."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from florctl.orchestrate.keeping.bringing import Fetching, fetch_needed
from florctl.orchestrate.launch import SIGNALLED, Children, Ended
from florctl.orchestrate.machines.machines import Machines
from florctl.orchestrate.planning.place import log_dir_of
from florctl.orchestrate.planning.preparation import Prepared
from florctl.orchestrate.replaying.outputs import Outputs, gather
from florctl.orchestrate.replaying.report import Replayed, Report, make_report
from florctl.orchestrate.replaying.worker_output import tail
from florctl.orchestrate.replaying.workers import Crew, why_died
from florlib.ground.errors import FlorError
from florlib.ground.ids import id_behind
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.pieces import Piece
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.planner import anew
from florlib.hindsight.trace import Trace
from florlib.hindsight.verification import Seen, verify
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal

# What torch and our own tensors say where a graph is gone through that was not restored.
_LOST_GRAPH = re.compile(r"GraphNotRestored|not have been used in the graph")

Watch = Callable[[Crew], None]
"""Is called now and then while workers work."""


def replay_ids(layout: RunLayout) -> list[str]:
    """Ids of the run's replays so far: the newest answer to a question is that of the last one."""
    return [folder.name for folder in layout.replays.iterdir()] if layout.replays.is_dir() else []


def execute(
    prepared: Prepared,
    machines: Machines,
    watch: Watch,
    *,
    now: datetime,
    token: str,
    group: Children,
    fetching: Fetching,
) -> Report:
    """Run the plan and report what came of it.

    Where a script fails on what was restored, all of it is executed anew; what came of the first
    try is part of that.

    Args:
        prepared: the replay.
        machines: that it runs on.
        watch: is called while workers work.
        now: when it begins.
        token: at the end of its id.
        group: what signals of this process are passed on to.
        fetching: is told of checkpoints that come back from a spool first.

    Raises:
        FlorError: it cannot be started.
    """
    fetch_needed(prepared, fetching)
    report = _execute(prepared, machines, watch, group, now=now, token=token)
    # In the user's own folder a second try would find what the first one has written.
    if prepared.request.in_place or not _failed_on_restored(report):
        return report
    assert report.replay is not None and report.failure is not None
    shutil.rmtree(prepared.request.layout.replay(report.replay).folder, ignore_errors=True)
    text = (
        f"the script failed on what was restored ({report.failure[1][-1].strip()}), and was executed"
        " from its start"
    )
    told = {"code": "executed-anew", "text": text}
    again = replace(prepared, planned=anew(prepared.planned), warnings=[*prepared.warnings, told])
    fetch_needed(again, fetching)
    seconds = report.seconds
    report = _execute(again, machines, watch, group, now=now, token=token)
    report.seconds += seconds
    return report


def _failed_on_restored(report: Report) -> bool:
    """Whether a script, and not a line added to it, ended as the record did not, after a restore."""
    if report.failure is None or not report.restored_bytes or not report.failure[1]:
        return False
    if report.failure[0] > SIGNALLED:
        return False
    if not {"probe-raised", "probe-not-undone"} & {one["code"] for one in report.warnings}:
        return True
    return any(_LOST_GRAPH.search(line) for line in report.failure[1])


def _execute(
    prepared: Prepared,
    machines: Machines,
    watch: Watch,
    group: Children,
    *,
    now: datetime,
    token: str,
) -> Report:
    layout = prepared.request.layout.replay(
        id_behind(now, token, replay_ids(prepared.request.layout))
    )
    started = time.monotonic()
    try:
        layout.folder.mkdir(parents=True)
        write_json(layout.plan_file, prepared.planned.plan.to_json())
    except OSError as error:
        shutil.rmtree(layout.folder, ignore_errors=True)
        raise FlorError(
            f"the folder of the replay cannot be made ({error})", hint="flor replay --in-place"
        ) from error
    crew = Crew(prepared, layout, watch, machines)
    try:
        crew.work(group)
    except (FlorError, KeyboardInterrupt):
        if not crew.workers:  # nothing was begun
            shutil.rmtree(layout.folder, ignore_errors=True)
        raise
    finally:
        outputs = gather(crew.by_progress())
    report = _judge(prepared, crew, outputs)
    report.seconds = time.monotonic() - started
    write_json(layout.report_file, report.to_json())
    return report


def _judge(prepared: Prepared, crew: Crew, outputs: Outputs) -> Report:
    replayed = []
    traces = {process.process["pid"]: trace for process, trace in _recorded(prepared)}
    by_pid = {process.process["pid"]: process for process in prepared.processes}
    seen: dict[int, Seen] = {}
    for journal, pid, again in _read_replay(crew.layout):
        if pid in by_pid:
            known = seen.setdefault(pid, Seen())
            tolerance = prepared.request.tolerance
            verdict = verify(traces[pid], again, tolerance=tolerance, seen=known)
            replayed.append(Replayed(by_pid[pid], again, verdict, journal, traces[pid]))
    done = set[str]().union(*(one.trace.pieces for one in replayed))
    undone = [_what(piece) for piece in crew.pieces() if piece.name not in done]
    return make_report(
        prepared.planned,
        crew.layout.replay,
        replayed=replayed,
        recorded=prepared.processes,
        warnings=[*prepared.warnings, *_told_of(crew, outputs, whole=not undone)],
        seconds=0.0,
        failure=_failure(prepared, crew, whole=not undone),
        outputs=[os.path.relpath(path, crew.layout.work) for path in outputs.files],
        log_dir=log_dir_of(list(outputs.files)),
        workers=len(crew.workers),
        lost=[f"not executed: {'; '.join(undone)}"] if undone else [],
        carried=None if prepared.earlier is None else prepared.earlier.propagated,
    )


def _recorded(prepared: Prepared) -> Iterator[tuple[RecordedProcess, Trace]]:
    return zip(prepared.processes, prepared.traces, strict=True)


def _failure(prepared: Prepared, crew: Crew, *, whole: bool) -> tuple[int, list[str]] | None:
    """How the first worker that failed did so; one that died did not, where others did its part."""
    for worker in crew.workers:
        assert worker.ended is not None
        if worker.ended.shell_status and not (worker.died and whole):
            if not _as_recorded(prepared, worker.ended):
                return worker.ended.shell_status, tail(worker.layout.output)
    return None


def _told_of(crew: Crew, outputs: Outputs, *, whole: bool) -> list[dict[str, str]]:
    """What has to be known of workers that died, and of files that several wrote."""
    told = []
    became = "others did its part" if whole else "not all of its part was done by others"
    for worker in crew.workers:
        if worker.died:
            text = f"worker {worker.number} {why_died(worker)}; {became}"
            told.append({"code": "worker-died", "text": text})
    if crew.unstarted is not None:
        text = f"a worker could not be started ({crew.unstarted}); {became}"
        told.append({"code": "worker-not-started", "text": text})
    for path in outputs.split:
        text = f"{path} was written by several workers, each its own part: see files.N beside files"
        told.append({"code": "output-split", "text": text})
    return told


def _what(piece: Piece) -> str:
    if piece.part is None:
        return "what lies outside of the main loops"
    first, last = piece.part.start, piece.part.stop - 1
    words = f"iteration {first}" if first == last else f"iterations {first} to {last}"
    return words if piece.part.turns is None else f"{words} from step {piece.part.turns[0]}"


def _as_recorded(prepared: Prepared, ended: Ended) -> bool:
    content = prepared.content
    return bool(ended.exit_status is not None and ended.exit_status == content.get("exit_status"))


def _read_replay(layout: ReplayLayout) -> Iterator[tuple[str, int, Trace]]:
    """(file, pid of the recorded process, what was done in its place) of each journal."""
    found = []
    for path in layout.journals():
        records = read_journal(path).records
        process = next((record for record in records if record["kind"] == "process"), None)
        if process is not None:
            order = (process.get("worker") or 0, path.name)
            found.append((order, path.name, int(process["recorded"]), Trace.read(records)))
    for _, name, pid, trace in sorted(found, key=lambda item: item[0]):
        yield name, pid, trace
