"""Thinking a replay through: what is asked, what the run says, what has changed, and so the plan."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.devices import Devices
from florctl.orchestrate.environment import devices, differences, present_environment
from florctl.orchestrate.journals import read_run_journals
from florctl.orchestrate.launch import INTERRUPTED
from florctl.orchestrate.planning.earlier import (
    Earlier,
    Today,
    earlier_version,
    keep_outputs,
    todays_questions,
)
from florctl.orchestrate.planning.indices import chosen_by, iterations_of, steps_of
from florctl.orchestrate.planning.inputs import changed_inputs
from florctl.orchestrate.planning.leftovers import left_files
from florctl.orchestrate.planning.sources import PresentSources, compare_sources
from florctl.orchestrate.run_json import read_run_json, refuse_imported
from florlib.ground.errors import EnvironmentDiffers, JournalDamaged, NotReplayable, UsageError
from florlib.ground.layout import RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.planner import Planned, make_plan
from florlib.hindsight.probes import Comparison
from florlib.hindsight.question import Question, Run, sources_of
from florlib.hindsight.trace import Trace

# What a replay may not find as the record had it, or cannot look into.
NAMED_BY_RECORD = frozenset(
    {"not-captured", "wall-clock", "entropy", "outside-file", "other-process", "library-moved"}
)


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is asked, and how it is to be answered.

    Attributes:
        layout: of the run.
        epochs: iterations of the main loop as `parse_indices` reads them, None for all.
        where: an expression over logged values that holds in the iterations that are wanted.
        steps: the same of the innermost loops.
        verify: re-execute everything, to check the record.
        tolerance: relative difference of numbers that still passes.
        force: go on although the code changed by more than probes.
        in_place: run in the user's own folder instead of a sandbox.
        part: (i, n): the i-th of n parts of the iterations, from 1.
        devices: what the workers run on, one each.
        today: what the present code asks of other versions; None where that is to be found.
        strict: refuse where the environment is not that of the run.
    """

    layout: RunLayout
    home: Path
    epochs: str | None = None
    where: str | None = None
    steps: str | None = None
    verify: bool = False
    tolerance: float = 0.0
    force: bool = False
    in_place: bool = False
    part: tuple[int, int] | None = None
    devices: Devices = field(default_factory=Devices)
    today: Today | None = None
    strict: bool = False


@dataclass(slots=True)
class Prepared:
    """A replay that has been thought through and not been started.

    Attributes:
        content: run.json.
        processes: what the run's journals say.
        traces: the same journals as rows to compare with.
        earlier: the run's own version, where that is what runs.
    """

    request: ReplayRequest
    content: Mapping[str, Any]
    processes: list[RecordedProcess]
    traces: list[Trace]
    question: Question
    planned: Planned
    earlier: Earlier | None = None
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
        NotReplayable: the run recorded no process, its project is gone, or it was imported.
        UsageError: there are no such iterations.
        CodeChanged: the code differs by more than probes, and force was not asked for.
        EnvironmentDiffers: and that was not to be.
        SyntaxError: a present source does not parse; Python's own.
    """
    content = read_run_json(request.layout)
    refuse_imported(content, "replayed")
    others = _environment_differences(content["environment"])
    if others and request.strict:
        raise _stricter(request.layout.run, others)
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
    earlier = _earlier(request, content, sources)
    if earlier is not None:
        keep_outputs(earlier, processes, run.left)
    changed = sources.changed
    if changed and not request.force:
        raise sources.refusal(request.layout.run)
    question = Question(
        comparisons={} if changed else sources.comparisons,
        added=sources.added,
        tolerance=request.tolerance,
        iterations=_iterations(request, run, traces),
        turns=None if request.steps is None else steps_of(request.steps, run),
        verify=request.verify,
        part=request.part,
        forced=bool(changed),
    )
    workers = 1 if request.in_place else len(request.devices)
    planned = make_plan(run, question, workers)
    prepared = Prepared(request, content, processes, traces, question, planned, earlier)
    prepared.warnings = [{"code": JournalDamaged.code, "text": text} for text in journals.damages]
    prepared.warnings += [{"code": EnvironmentDiffers.code, "text": text} for text in others]
    prepared.warnings += _warnings(prepared, changed)
    return prepared


def _environment_differences(recorded: Mapping[str, Any]) -> list[str]:
    present = present_environment()
    if recorded.get("devices"):
        present["devices"] = devices()
    return differences(recorded, present)


def _stricter(run: str, others: Sequence[str]) -> EnvironmentDiffers:
    error = EnvironmentDiffers(
        f"the environment is not that of run {run}: {others[0]}", hint=f"flor replay {run}"
    )
    error.details = list(others[1:])
    return error


def _earlier(
    request: ReplayRequest, content: Mapping[str, Any], sources: PresentSources
) -> Earlier | None:
    """The run's own version, where the present code is another and it was recorded since.

    Raises:
        CodeChanged: nothing that is asked has a place in that version.
    """
    if not sources.changed or request.force or request.in_place:
        return None
    with ExitStack() as stack:
        today = request.today
        if today is None and (today := todays_questions(request.home, content)) is not None:
            stack.enter_context(today.tree)
        if today is None or today.run == request.layout.run:
            return None
        return earlier_version(request.layout, content, sources, today, request.home)


def _iterations(request: ReplayRequest, run: Run, traces: Sequence[Trace]) -> frozenset[int] | None:
    """The iterations of the main loops that are asked for; None for all.

    Raises:
        UsageError: there are no such iterations.
    """
    chosen = None if request.epochs is None else iterations_of(request.epochs, run)
    if request.where is None:
        return chosen
    fitting = chosen_by(request.where, run.run, traces)
    if chosen is None:
        return fitting
    if not chosen & fitting:
        raise UsageError(
            f"in no iteration of {request.epochs} is {request.where}",
            hint=f"flor replay {run.run} --where {shlex.quote(request.where)}",
        )
    return chosen & fitting


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
    if plan.carries and ((request.epochs, request.part, request.where) != (None, None, None)):
        text = (
            f"`{plan.carries[0]}` goes on from iteration to iteration, so those before the ones"
            " that were asked for are executed as well"
        )
        warnings.append({"code": "carried", "text": text})
    project, earlier = Path(prepared.content["project"]), prepared.earlier
    warnings += earlier.warnings if earlier is not None else []
    changed_files = changed_inputs(
        prepared.processes,
        lambda path: project / path if earlier is None else earlier.file(project, path),
    )
    warnings += [{"code": "input-changed", "text": text} for text in changed_files]
    alone = "it runs in your own folder" if request.in_place else prepared.planned.alone
    if alone is not None and len(request.devices) > 1:
        warnings.append({"code": "one-worker", "text": f"one worker does all of it: {alone}"})
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
