"""What came of a replay, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from florctl.orchestrate.launch import INTERRUPTED
from florctl.orchestrate.replaying import added_lines
from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.marks import Stretch, mark_rows
from florlib.hindsight.planner import Planned
from florlib.hindsight.propagation import Propagated
from florlib.hindsight.trace import Trace, left_undone
from florlib.hindsight.verification import COUNTED, Divergence, Verdict


@dataclass(frozen=True, slots=True)
class Replayed:
    """One process of a replay, held against the recorded one that it stands for.

    Attributes:
        trace: what it did.
        journal: the name of its file.
        record: what the recorded process did.
    """

    recorded: RecordedProcess
    trace: Trace
    verdict: Verdict
    journal: str = ""
    record: Trace = field(default_factory=Trace)


@dataclass(slots=True)
class Report:
    """The outcome of one replay; `to_json` is the contract of `flor replay --json`.

    Attributes:
        status: "verified", "diverged", "unverified" or "partial".
        executed: turns of training loops that ran, by loop name.
        failure: (status, last lines) of a script that ended as the record did not.
        outputs: files that the replay wrote, relative to its folder.
        log_dir: the folder of the event files among them, for TensorBoard.
        marks: by the name of a journal, how far its new values can be trusted.
        workers: processes that were started.
        placed: added lines that stand in the run's own version, where that is what ran.
    """

    planned: Planned
    replay: str | None
    status: str
    verdict: Verdict
    executed: Mapping[str, int]
    skipped_iterations: int
    restored_bytes: int
    seconds: float
    warnings: list[dict[str, str]]
    unplaced: list[dict[str, Any]] = field(default_factory=list)
    failure: tuple[int, list[str]] | None = None
    outputs: list[str] = field(default_factory=list)
    log_dir: str | None = None
    marks: dict[str, list[Stretch]] = field(default_factory=dict)
    workers: int = 0
    placed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0, 4 for a divergence, 7 where a part is missing, 130 after Ctrl-C."""
        if self.failure is not None and self.failure[0] == INTERRUPTED:
            return INTERRUPTED
        return {"diverged": 4, "partial": 7}.get(self.status, 0)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        verdict = self.verdict
        return {
            "run": self.planned.plan.run,
            "replay": self.replay,
            "status": self.status,
            "plan": plan_json(self.planned),
            "workers": self.workers,
            "seconds": round(self.seconds, 3),
            "executed_iterations": sum(self.executed.values()),
            "executed": dict(self.executed),
            "skipped_iterations": self.skipped_iterations,
            "restored_bytes": self.restored_bytes,
            "warnings": self.warnings,
            "compared": {
                "values": verdict.values,
                "identical": verdict.identical,
                "within_tolerance": verdict.within_tolerance,
                "different": verdict.different,
                "missing": verdict.missing,
                "extra": verdict.extra,
                "wall_clock": verdict.volatile,
            },
            "end_states": {
                "checked": verdict.states,
                "identical": verdict.states_identical,
                "within_tolerance": verdict.states_within_tolerance,
            },
            "tolerance": self.planned.plan.tolerance,
            "first_divergence": _divergence_json(verdict.first),
            "new": dict(verdict.new),
            "unplaced": self.unplaced,
            "placed": self.placed,
            "outputs": self.outputs,
            "log_dir": self.log_dir,
            "marks": {
                journal: [list(one) for one in found] for journal, found in self.marks.items()
            },
        }


def plan_json(planned: Planned) -> dict[str, Any]:
    """The plan as `flor replay --plan --json` prints it."""
    plan = planned.plan
    return {
        "mode": plan.mode,
        "segments": [
            {"main": part.main, "start": part.start, "stop": part.stop} for part in plan.segments
        ],
        "skips": planned.skips,
        "steps": None if plan.turns is None else [list(part) for part in plan.turns],
        "steps_into": sorted(f"{path}#{ordinal}" for path, ordinal in plan.step),
        "everything": plan.everything,
        "epilogue": plan.epilogue,
        "workers": planned.workers,
        "parts": None if plan.parts is None else [_part_json(one) for one in plan.parts],
        "worker_s": [round(seconds, 3) for seconds in planned.worker_s],
        "estimate_s": round(planned.estimate_s, 3),
        "full_run_s": round(planned.full_run_s, 3),
    }


def _part_json(part: Segment) -> dict[str, Any]:
    turns = {} if part.turns is None else {"steps": list(part.turns)}
    return {"main": part.main, "start": part.start, "stop": part.stop, **turns}


def nothing_report(planned: Planned, warnings: list[dict[str, str]]) -> Report:
    """The report of a replay that was not started."""
    return Report(planned, None, "unverified", Verdict(), {}, 0, 0, 0.0, warnings)


def make_report(
    planned: Planned,
    replay: str,
    *,
    replayed: Sequence[Replayed],
    recorded: Sequence[RecordedProcess],
    warnings: list[dict[str, str]],
    seconds: float,
    failure: tuple[int, list[str]] | None,
    outputs: Sequence[str] = (),
    log_dir: str | None = None,
    workers: int = 1,
    lost: Sequence[str] = (),
    carried: Propagated | None = None,
) -> Report:
    """Sum up the processes of a replay, and the files that it wrote.

    `carried` tells what was placed in the run's own version, and what was not.
    """
    verdict = _sum([one.verdict for one in replayed])
    executed: dict[str, int] = {}
    for one in replayed:
        for name, count in one.trace.turns.items():
            executed[name] = executed.get(name, 0) + count
    traces = [one.trace for one in replayed]
    warnings = [*warnings, *_told(traces)]
    silent = added_lines.silent(planned.probes, traces)
    unplaced = _unplaced(planned.plan, replayed) + added_lines.elsewhere(planned, silent)
    if carried is not None:
        unplaced += [asdict(one) for one in carried.refused]
    undone = [*_undone(planned.plan, replayed, recorded), *lost]
    probed = planned.plan.hindsight or planned.plan.transparent
    told = unplaced or silent or log_dir is not None or failure is not None
    if probed and not verdict.new and not told:
        text = "no added line has logged: none was reached, or it ran in a worker process"
        warnings.append({"code": "nothing-logged", "text": text})
    warnings += added_lines.warnings(planned, silent)
    warnings += added_lines.held(traces, seconds)
    if failure is not None:
        text = f"the script ended with status {failure[0]} while it was replayed"
        warnings.append({"code": "script-failed", "text": text})
    if verdict.starts_differ:
        text = (
            "what the script does before its loop came out otherwise than in the record (no seed?)"
        )
        warnings.append({"code": "start-differs", "text": text})
    warnings += [{"code": "not-replayed", "text": text} for text in undone]
    total = sum(_turns(process) for process in recorded)
    whole = not (failure or unplaced or undone)
    marks = {
        one.journal: mark_rows(
            one.record,
            one.trace,
            one.verdict,
            tolerance=planned.plan.tolerance,
            whole=whole,
        )
        for one in replayed
        if one.journal
    }
    return Report(
        planned,
        replay,
        _status(verdict, partial=not whole),
        verdict,
        executed,
        max(total - sum(executed.values()), 0),
        sum(one.trace.restored_bytes for one in replayed),
        seconds,
        warnings,
        unplaced,
        failure,
        list(outputs),
        log_dir,
        marks,
        workers,
        placed=[] if carried is None else [asdict(one) for one in carried.placed],
    )


def _unplaced(plan: Plan, replayed: Sequence[Replayed]) -> list[dict[str, Any]]:
    return [
        {"file": path, "reason": "the replay did not load this file"}
        for path in sorted({*plan.hindsight, *plan.transparent})
        if not any(path in one.trace.loaded for one in replayed)
    ]


def _undone(
    plan: Plan, replayed: Sequence[Replayed], recorded: Sequence[RecordedProcess]
) -> list[str]:
    """What was planned and did not come about, in words."""
    undone = []
    for process in recorded:
        traces = [one.trace for one in replayed if one.recorded is process]
        if not traces:
            script = process.process["script"]
            undone.append(f"the replay did not start {script}, process {process.process['pid']}")
        elif (left := left_undone(plan, process, traces)) is not None:
            undone.append(left)
    return undone


def _status(verdict: Verdict, *, partial: bool) -> str:
    if verdict.diverged:
        return "diverged"
    # What a script that failed did not come to log is missing; only a whole replay may say that
    # a value is gone.
    if partial:
        return "partial"
    if verdict.missing:
        return "diverged"
    return "verified" if verdict.values or verdict.states else "unverified"


def _sum(verdicts: Sequence[Verdict]) -> Verdict:
    total = Verdict()
    for verdict in verdicts:
        for name in COUNTED:
            setattr(total, name, getattr(total, name) + getattr(verdict, name))
        for name, count in verdict.new.items():
            total.new[name] = total.new.get(name, 0) + count
        if verdict.first is not None:
            total.note(verdict.first)
    return total


def _told(traces: Sequence[Trace]) -> list[dict[str, str]]:
    told = {
        (record["code"], record["text"]): {"code": record["code"], "text": record["text"]}
        for trace in traces
        for record in trace.warnings
    }
    return list(told.values())


def _turns(process: RecordedProcess) -> int:
    return sum(
        mark.iterations + sum(block.iterations for block in mark.blocks.values())
        for mark in process.mains
    )


def _divergence_json(first: Divergence | None) -> dict[str, Any] | None:
    if first is None:
        return None
    return {
        "kind": first.kind,
        "position": [{"loop": name, "index": index} for name, index in first.position],
        "item": first.item,
        "recorded": first.recorded,
        "replayed": first.replayed,
    }
