"""The flow of `flor replay`: find the probes, plan, run a worker, verify, report."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.launch import Ended, guest_environment, run_child
from florctl.orchestrate.record import HASH_SEED
from florctl.orchestrate.report import Report, make_report
from florctl.orchestrate.sandbox import Sandbox, lay_out
from florlib.ground.errors import CodeChanged, NotReplayable, UsageError
from florlib.ground.ids import run_id
from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.planner import Planned, Question, Run, make_plan, sources_of
from florlib.hindsight.probes import Comparison, compare
from florlib.hindsight.verification import Trace, verify
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal

OUTPUT_TAIL_LINES = 12  # of a script that failed, shown to explain it


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is asked, and how it is to be answered.

    Attributes:
        layout: of the run.
        iterations: of the main loop, None for all.
        verify: re-execute everything, to check the record.
        tolerance: relative difference of numbers that still passes.
        force: go on although the code changed by more than probes.
        in_place: run in the user's own folder instead of a sandbox.
        part: (i, n): the i-th of n parts of the iterations, from 1.
    """

    layout: RunLayout
    home: Path
    iterations: frozenset[int] | None = None
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
    def nothing_new(self) -> bool:
        """Whether there is neither a probe nor another reason to run anything."""
        asked = self.question.verify or self.question.forced
        return not asked and not self.question.probes


def prepare(request: ReplayRequest) -> Prepared:
    """Read the run, compare its sources with the present ones, and plan.

    Raises:
        NotReplayable: the run recorded no process.
        CodeChanged: the code differs by more than probes, and force was not asked for.
        SyntaxError: a present source does not parse; Python's own.
    """
    content = json.loads(request.layout.run_file.read_text(encoding="utf-8"))
    processes, traces = _read_journals(request.layout)
    if not processes:
        raise NotReplayable(
            f"run {request.layout.run} recorded no Python process of its project",
            hint=f"flor log show {request.layout.run}",
        )
    comparisons = _compare_sources(Path(content["project"]), processes)
    changed = {path: item for path, item in comparisons.items() if item.verdict == "changed"}
    if changed and not request.force:
        raise _code_changed(request.layout.run, Path(content["project"]), processes, changed)
    question = Question(
        comparisons={} if changed else comparisons,
        iterations=request.iterations,
        verify=request.verify,
        part=request.part,
        forced=bool(changed),
    )
    planned = make_plan(Run(request.layout.run, processes, _seconds(content)), question)
    prepared = Prepared(request, content, processes, traces, question, planned)
    prepared.warnings = _warnings(prepared, changed)
    return prepared


def _read_journals(layout: RunLayout) -> tuple[list[RecordedProcess], list[Trace]]:
    found = []
    for path in layout.journals():
        records = read_journal(path).records
        process = RecordedProcess.read(records)
        if process is not None:
            found.append((process.process["started"], path.name, process, Trace.read(records)))
    found.sort(key=lambda item: item[:2])
    return [item[2] for item in found], [item[3] for item in found]


def _compare_sources(project: Path, processes: Sequence[RecordedProcess]) -> dict[str, Comparison]:
    comparisons = {}
    for path, recorded in sources_of(processes).items():
        try:
            present = _read_text(project / path)
        except FileNotFoundError:
            comparisons[path] = Comparison("changed", changes=("the file is gone",))
            continue
        comparisons[path] = (
            Comparison("same") if present == recorded else compare(path, recorded, present)
        )
    return comparisons


def _read_text(path: Path) -> str:
    from importlib.util import decode_source

    return decode_source(path.read_bytes())


def _code_changed(
    run: str,
    project: Path,
    processes: Sequence[RecordedProcess],
    changed: Mapping[str, Comparison],
) -> CodeChanged:
    sources = sources_of(processes)
    lines: list[str] = []
    for path in changed:
        with suppress(FileNotFoundError):
            present = _read_text(project / path)
            lines += difflib.unified_diff(
                sources[path].splitlines(), present.splitlines(), path, path, lineterm="", n=1
            )
    first, item = next(iter(changed.items()))
    error = CodeChanged(
        f"{first} has changed by more than probes since run {run}: {item.changes[0]}",
        hint=f"flor replay {run} --force",
    )
    error.details = lines
    return error


def _seconds(content: Mapping[str, Any]) -> float:
    if not content["ended"]:
        return 0.0
    started, ended = (datetime.fromisoformat(content[key]) for key in ("started", "ended"))
    return (ended - started).total_seconds()


def _warnings(prepared: Prepared, changed: Mapping[str, Comparison]) -> list[dict[str, str]]:
    warnings = []
    for path, item in changed.items():
        text = f"{path} has changed by more than probes: {item.changes[0]}"
        warnings.append({"code": "code-changed", "text": text})
    if not all(process.ended for process in prepared.processes):
        iterations = sum(
            mark.iterations for process in prepared.processes for mark in process.mains
        )
        text = f"the run did not come to its end; its {iterations} iterations are replayed"
        warnings.append({"code": "run-incomplete", "text": text})
    return warnings


def parse_indices(text: str, count: int) -> frozenset[int]:
    """Read `3,5:9`: indices from 0, the end of a range not included.

    >>> sorted(parse_indices("3,5:9", 10))
    [3, 5, 6, 7, 8]

    Raises:
        UsageError: the text is no such list, or names an iteration that there is not.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        try:
            start = int(first) if first or not colon else 0
            stop = (int(last) if last else count) if colon else start + 1
        except ValueError:
            raise UsageError(
                f"{text!r} is no list of iterations", hint="flor replay --epochs 3,5:9"
            ) from None
        if start < 0 or stop > count or start >= stop:
            raise UsageError(
                f"there is no iteration {part.strip()}: the main loop has {count}, from 0",
                hint=f"flor replay --epochs 0:{count}",
            )
        chosen.update(range(start, stop))
    return frozenset(chosen)


def execute(
    prepared: Prepared, *, now: datetime, token: str, tell: Callable[[str], None]
) -> Report:
    """Run the plan and report what came of it."""
    request = prepared.request
    layout = request.layout.replay(run_id(now, token))
    layout.folder.mkdir(parents=True)
    write_json(layout.plan_file, prepared.planned.plan.to_json())
    started = time.monotonic()
    ended, outputs = _run_worker(prepared, layout)
    seconds = time.monotonic() - started
    report = _judge(prepared, layout, ended, seconds)
    report.outputs = outputs
    write_json(layout.report_file, report.to_json())
    return report


def _run_worker(prepared: Prepared, layout: ReplayLayout) -> tuple[Ended, list[str]]:
    request, content = prepared.request, prepared.content
    project = Path(content["project"])
    sandbox = None if request.in_place else _sandbox(prepared, project, layout)
    root = project if sandbox is None else sandbox.root
    spec = LaunchSpec(
        mode="replay",
        run=request.layout.run,
        run_dir=str(request.layout.folder),
        project=str(root),
        replay_dir=str(layout.folder),
    )
    cwd = Path(content["cwd"])
    command = [_moved(word, sandbox) for word in content["command"]]
    paths = [str(root / path) for path in _import_paths(prepared.processes)]
    environ = guest_environment(_environment(content), spec, python_path=paths)
    with layout.output.open("wb") as output:
        ended = run_child(
            command,
            environ=environ,
            cwd=sandbox.inside(cwd) if sandbox else cwd,
            output=output,
        )
    if sandbox is None:
        return ended, []
    outputs = sandbox.outputs()
    sandbox.clear()
    if not outputs:
        shutil.rmtree(sandbox.root, ignore_errors=True)
    return ended, outputs


def _sandbox(prepared: Prepared, project: Path, layout: ReplayLayout) -> Sandbox:
    started = datetime.fromisoformat(prepared.content["started"])
    return lay_out(
        project,
        layout.work,
        started_ns=int(started.timestamp() * 1e9),
        written=[path for process in prepared.processes for path in process.written_files],
        read=[path for process in prepared.processes for path in process.read_files],
        without=[prepared.request.home],
    )


def _moved(word: str, sandbox: Sandbox | None) -> str:
    """A script given by its absolute path is run in the sandbox; other words stay as they are."""
    if sandbox is None or not word.endswith(".py"):
        return word
    path = Path(word)
    return str(sandbox.inside(path)) if path.is_absolute() else word


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


def _judge(prepared: Prepared, layout: ReplayLayout, ended: Ended, seconds: float) -> Report:
    _, replayed = _read_replay(layout)
    verdicts = []
    warnings = list(prepared.warnings)
    for recorded_pid, trace in replayed:
        recorded = next(
            (
                own
                for process, own in zip(prepared.processes, prepared.traces, strict=True)
                if process.process["pid"] == recorded_pid
            ),
            None,
        )
        if recorded is not None:
            verdicts.append(verify(recorded, trace, tolerance=prepared.request.tolerance))
    traces = [trace for _, trace in replayed]
    failure = None
    if ended.shell_status != 0 and not _as_recorded(prepared, ended):
        failure = (ended.shell_status, _tail(layout.output))
    return make_report(
        prepared.planned,
        layout.replay,
        verdicts=verdicts,
        traces=traces,
        recorded=prepared.processes,
        warnings=warnings,
        seconds=seconds,
        failure=failure,
        probed=frozenset(prepared.planned.plan.hindsight)
        | frozenset(prepared.planned.plan.transparent),
    )


def _as_recorded(prepared: Prepared, ended: Ended) -> bool:
    content = prepared.content
    return bool(ended.exit_status is not None and ended.exit_status == content.get("exit_status"))


def _read_replay(layout: ReplayLayout) -> tuple[int, list[tuple[int, Trace]]]:
    found = []
    for path in layout.journals():
        records = read_journal(path).records
        process = next((record for record in records if record["kind"] == "process"), None)
        if process is not None:
            found.append((int(process["recorded"]), Trace.read(records)))
    return len(found), found


def _tail(path: Path) -> list[str]:
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")
        return text.splitlines()[-OUTPUT_TAIL_LINES:]
    return []
