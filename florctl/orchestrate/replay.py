"""The flow of `flor replay`: find the probes, plan, run a worker, verify, report."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.indices import iterations_of, steps_of
from florctl.orchestrate.journals import read_run_journals
from florctl.orchestrate.launch import SIGNALLED, Ended, guest_environment, run_child
from florctl.orchestrate.leftovers import left_files
from florctl.orchestrate.place import Place, log_dir_of
from florctl.orchestrate.record import HASH_SEED
from florctl.orchestrate.report import INTERRUPTED, Replayed, Report, make_report
from florctl.orchestrate.run_json import read_run_json
from florctl.orchestrate.sources import compare_sources
from florlib.ground.errors import FlorError, JournalDamaged, NotReplayable
from florlib.ground.ids import id_behind
from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.ground.relocation import Relocation
from florlib.hindsight.planner import Planned, anew, make_plan
from florlib.hindsight.probes import Comparison
from florlib.hindsight.question import Question, Run, sources_of
from florlib.hindsight.trace import Trace
from florlib.hindsight.verification import verify
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal

# What a replay may not find as the record had it, or cannot look into.
NAMED_BY_RECORD = frozenset(
    {"not-captured", "wall-clock", "entropy", "outside-file", "other-process", "library-moved"}
)
# What torch and our own tensors say where a graph is gone through that was not restored.
_LOST_GRAPH = re.compile(r"GraphNotRestored|not have been used in the graph")
OUTPUT_TAIL_LINES = 12  # of a script that failed, shown to explain it


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is asked, and how it is to be answered.

    Attributes:
        layout: of the run.
        epochs: iterations of the main loop as `parse_indices` reads them, None for all.
        steps: the same of the innermost loops.
        verify: re-execute everything, to check the record.
        tolerance: relative difference of numbers that still passes.
        force: go on although the code changed by more than probes.
        in_place: run in the user's own folder instead of a sandbox.
        part: (i, n): the i-th of n parts of the iterations, from 1.
    """

    layout: RunLayout
    home: Path
    epochs: str | None = None
    steps: str | None = None
    verify: bool = False
    tolerance: float = 0.0
    force: bool = False
    in_place: bool = False
    part: tuple[int, int] | None = None


@dataclass(slots=True)
class Prepared:
    """A replay that has been thought through and not been started.

    Attributes:
        content: run.json.
        processes: what the run's journals say.
        traces: the same journals as rows to compare with.
    """

    request: ReplayRequest
    content: Mapping[str, Any]
    processes: list[RecordedProcess]
    traces: list[Trace]
    question: Question
    planned: Planned
    warnings: list[dict[str, str]] = field(default_factory=list)

    @property
    def errors_repeat(self) -> bool:
        """Whether an iteration that an error cut short is cut short again."""
        return _errors_repeat(self.content, self.processes)

    @property
    def nothing_new(self) -> bool:
        """Whether there is neither a probe nor another reason to run anything."""
        asked = self.question.verify or self.question.forced
        return not asked and not self.question.probes


def prepare(request: ReplayRequest) -> Prepared:
    """Read the run, compare its sources with the present ones, and plan.

    Raises:
        RunDamaged, JournalDamaged: what tells of the run cannot be read, or not far enough.
        NotReplayable: the run recorded no process, or its project is gone.
        UsageError: there are no such iterations.
        CodeChanged: the code differs by more than probes, and force was not asked for.
        SyntaxError: a present source does not parse; Python's own.
    """
    content = read_run_json(request.layout)
    journals = read_run_journals(request.layout)
    processes, traces = journals.processes, journals.traces
    if not processes:
        raise NotReplayable(
            f"run {request.layout.run} recorded no Python process of its project",
            hint=f"flor log show {request.layout.run}",
        )
    if not sources_of(processes):
        raise JournalDamaged(
            "; ".join(journals.damages) or f"run {request.layout.run} has no record of its code",
            hint=f"flor log show {request.layout.run}",
        )
    if not Path(content["project"]).is_dir():
        raise NotReplayable(
            f"the project of run {request.layout.run} is gone: there is no {content['project']}",
            hint=f"flor log show {request.layout.run}",
        )
    run = Run(
        request.layout.run,
        processes,
        _seconds(content),
        errors_repeat=_errors_repeat(content, processes),
        left={} if request.in_place else left_files(Path(content["project"]), processes),
    )
    sources = compare_sources(Path(content["project"]), processes)
    changed = sources.changed
    if changed and not request.force:
        raise sources.refusal(request.layout.run)
    question = Question(
        comparisons={} if changed else sources.comparisons,
        added=sources.added,
        tolerance=request.tolerance,
        iterations=None if request.epochs is None else iterations_of(request.epochs, run),
        turns=None if request.steps is None else steps_of(request.steps, run),
        verify=request.verify,
        part=request.part,
        forced=bool(changed),
    )
    planned = make_plan(run, question)
    prepared = Prepared(request, content, processes, traces, question, planned)
    prepared.warnings = [{"code": JournalDamaged.code, "text": text} for text in journals.damages]
    prepared.warnings += _warnings(prepared, changed)
    return prepared


def _seconds(content: Mapping[str, Any]) -> float:
    if not content["ended"]:
        return 0.0
    started, ended = (datetime.fromisoformat(content[key]) for key in ("started", "ended"))
    return (ended - started).total_seconds()


def _errors_repeat(content: Mapping[str, Any], processes: Sequence[RecordedProcess]) -> bool:
    """Whether errors that left loops were the script's own; Ctrl-C and signals come from outside.

    A script that ended well has caught them, and may have caught a Ctrl-C.
    """
    if content["signal"] is not None or content["exit_status"] in (None, INTERRUPTED):
        return False
    catches = any("KeyboardInterrupt" in text for text in sources_of(processes).values())
    return content["exit_status"] != 0 or not catches


def _warnings(prepared: Prepared, changed: Mapping[str, Comparison]) -> list[dict[str, str]]:
    warnings = []
    for path, item in changed.items():
        text = f"{path} has changed by more than probes: {item.changes[0]}"
        warnings.append({"code": "code-changed", "text": text})
    plan, request = prepared.planned.plan, prepared.request
    if plan.carries and (request.epochs is not None or request.part is not None):
        text = (
            f"`{plan.carries[0]}` goes on from iteration to iteration, so those before the ones"
            " that were asked for are executed as well"
        )
        warnings.append({"code": "carried", "text": text})
    if not all(process.ended for process in prepared.processes):
        iterations = sum(
            mark.iterations for process in prepared.processes for mark in process.mains
        )
        text = f"the run did not come to its end; its {iterations} iterations are replayed"
        warnings.append({"code": "run-incomplete", "text": text})
    for process in prepared.processes:
        cut = [mark for mark in process.mains if mark.how == "raise"]
        for mark in cut if not prepared.errors_repeat and process.ended else ():
            text = f"{mark.name}={mark.iterations} was interrupted; it is not replayed"
            warnings.append({"code": "iteration-cut", "text": text})
    return warnings + _named_by_record(prepared)


def _named_by_record(prepared: Prepared) -> list[dict[str, str]]:
    """What the record has named that a replay may not find as it was."""
    told = {
        (record["code"], record["text"])
        for trace in prepared.traces
        for record in trace.warnings
        if record["code"] in NAMED_BY_RECORD
    }
    return [{"code": code, "text": text} for code, text in sorted(told)]


def _replays(layout: RunLayout) -> list[str]:
    """Ids of the run's replays so far: the newest answer to a question is that of the last one."""
    return [folder.name for folder in layout.replays.iterdir()] if layout.replays.is_dir() else []


def execute(prepared: Prepared, *, now: datetime, token: str) -> Report:
    """Run the plan and report what came of it.

    Where a script fails on what was restored, all of it is executed anew; what came of the first
    try is part of that.
    """
    report = _execute(prepared, now=now, token=token)
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
    seconds = report.seconds
    report = _execute(again, now=now, token=token)
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


def _execute(prepared: Prepared, *, now: datetime, token: str) -> Report:
    layout = prepared.request.layout.replay(
        id_behind(now, token, _replays(prepared.request.layout))
    )
    started = time.monotonic()
    try:
        layout.folder.mkdir(parents=True)
        place = _place(prepared, layout)
        moves = [list(move) for move in place.relocation.moves]
        write_json(layout.plan_file, {**prepared.planned.plan.to_json(), "moves": moves})
    except OSError as error:
        shutil.rmtree(layout.folder, ignore_errors=True)
        raise FlorError(
            f"the folder of the replay cannot be made ({error})", hint="flor replay --in-place"
        ) from error
    try:
        ended = _run_worker(prepared, layout, place)
    finally:
        written = place.written(layout)
        place.clear()
    report = _judge(prepared, layout, place, ended, written)
    report.seconds = time.monotonic() - started
    write_json(layout.report_file, report.to_json())
    return report


def _place(prepared: Prepared, layout: ReplayLayout) -> Place:
    if prepared.request.in_place:
        return Place.users_own(prepared.content)
    return Place.apart(prepared.content, prepared.processes, layout, prepared.request.home)


def _run_worker(prepared: Prepared, layout: ReplayLayout, place: Place) -> Ended:
    request, content = prepared.request, prepared.content
    root = place.inside(place.project)
    spec = LaunchSpec(
        mode="replay",
        run=request.layout.run,
        run_dir=str(request.layout.folder),
        project=str(root),
        replay_dir=str(layout.folder),
        moves=place.relocation.moves,
        recorded_project=content["project"],
    )
    program, *words = content["command"]
    if program != content["environment"].get("executable"):
        program = place.word(program)
    cwd = place.inside(place.cwd)
    paths = [str(root / path) for path in _import_paths(prepared.processes)]
    environ = guest_environment(_environment(content), spec, python_path=paths)
    environ["PWD"] = str(cwd)
    try:
        with layout.output.open("wb") as output:
            command = [program, *map(place.word, words)]
            return run_child(command, environ=environ, cwd=cwd, output=output)
    except OSError as error:
        raise FlorError(
            f"{program} cannot be started in {cwd} ({error.strerror})",
            hint=f"flor log show {request.layout.run}",
        ) from error


def _import_paths(processes: Sequence[RecordedProcess]) -> list[str]:
    """Folders of the project that the recorded run imported from, where an installation led."""
    return list(dict.fromkeys(path for process in processes for path in process.import_paths))


def _environment(content: Mapping[str, Any]) -> dict[str, str]:
    environ = dict(os.environ)
    environ.pop("FLOR_LAUNCH", None)
    recorded = content["environment"].get("variables", {})
    for name in (HASH_SEED, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG"):
        if name in recorded:
            environ[name] = recorded[name]
        else:
            environ.pop(name, None)
    environ["WANDB_MODE"] = "disabled"  # a replay is no second run to a tracker
    return environ


def _judge(
    prepared: Prepared, layout: ReplayLayout, place: Place, ended: Ended, written: Sequence[Path]
) -> Report:
    replayed = []
    traces = _read_replay(layout, place.relocation)
    for process, trace in zip(prepared.processes, prepared.traces, strict=True):
        if (found := traces.get(process.process["pid"])) is not None:
            journal, again = found
            verdict = verify(trace, again, tolerance=prepared.request.tolerance)
            replayed.append(Replayed(process, again, verdict, journal, trace))
    failure = None
    if ended.shell_status != 0 and not _as_recorded(prepared, ended):
        failure = (ended.shell_status, _tail(layout.output))
    return make_report(
        prepared.planned,
        layout.replay,
        replayed=replayed,
        recorded=prepared.processes,
        warnings=list(prepared.warnings),
        seconds=0.0,
        failure=failure,
        outputs=[os.path.relpath(path, layout.work) for path in written],
        log_dir=log_dir_of(written),
    )


def _as_recorded(prepared: Prepared, ended: Ended) -> bool:
    content = prepared.content
    return bool(ended.exit_status is not None and ended.exit_status == content.get("exit_status"))


def _read_replay(layout: ReplayLayout, relocation: Relocation) -> dict[int, tuple[str, Trace]]:
    """By the pid of the recorded process, what the one that stands for it did, and where it says so."""
    found = {}
    for path in layout.journals():
        records = read_journal(path).records
        process = next((record for record in records if record["kind"] == "process"), None)
        if process is not None:
            found[int(process["recorded"])] = (path.name, Trace.read(records, relocation))
    return found


def _tail(path: Path) -> list[str]:
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")
        return text.splitlines()[-OUTPUT_TAIL_LINES:]
    return []
