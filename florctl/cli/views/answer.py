"""What `flor replay` shows: the plan, the new values, and whether everything was as recorded."""

from __future__ import annotations

import json as json_module
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from florctl.cli.views.summary import counted, tell
from florlib.ground.layout import RunLayout

if TYPE_CHECKING:
    from florctl.orchestrate.planning.preparation import Prepared
    from florctl.orchestrate.replaying.report import Report
    from florlib.hindsight.verification import Verdict
    from florlib.stores.catalog.rows import RunRow


SHOWN_VALUES = 40  # on a terminal; the catalog has them all


def show_plan(prepared: Prepared, json: bool) -> None:
    """Print what would be executed, and what it would cost."""
    import typer

    from florctl.orchestrate.replaying.report import plan_json

    content = plan_json(prepared.planned)
    if json:
        typer.echo(json_module.dumps({"run": prepared.request.layout.run, **content}))
        return
    for key, value in _plan_lines(content):
        typer.echo(f"{key:<12} {value}")


def _plan_lines(content: dict[str, Any]) -> list[tuple[str, str]]:
    segments = ", ".join(f"{part['start']}:{part['stop']}" for part in content["segments"])
    return [
        ("looks into", content["mode"]),
        ("iterations", segments or "none"),
        *_step_lines(content),
        *_worker_lines(content),
        ("steps into", "every loop" if content["everything"] else _listed(content["steps_into"])),
        ("skips", f"{content['skips']} turns of nested loops"),
        ("epilogue", "executed" if content["epilogue"] else "not executed"),
        (
            "expected",
            f"{content['estimate_s']:.1f} s; the whole run took {content['full_run_s']:.1f} s",
        ),
    ]


def _step_lines(content: dict[str, Any]) -> list[tuple[str, str]]:
    if content["steps"] is None:
        return []
    return [("steps", ", ".join(f"{start}:{stop}" for start, stop in content["steps"]))]


def _worker_lines(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Who does what, where several workers share it."""
    if content["parts"] is None:
        return []
    seconds = ", ".join(f"{one:.1f} s" for one in content["worker_s"])
    parts = ", ".join(
        f"{part['start']}:{part['stop']}"
        + (f" (steps {part['steps'][0]}:{part['steps'][1]})" if "steps" in part else "")
        for part in content["parts"]
    )
    return [("workers", f"{content['workers']}: {seconds}"), ("parts", parts)]


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "no nested loop"


def show_report(
    report: Report, run: RunRow, home: Path, json: bool, *, values: bool = True
) -> None:
    """Print the answer on stdout, and how it was had on stderr; without values that were shown."""
    import typer

    if json:
        typer.echo(json_module.dumps(report.to_json()))
    elif report.verdict.new and values:
        _show_values(report, run, home)
    if report.replay is None:
        return
    for warning in report.warnings:
        tell(f"warning: {warning['text']}")
    if report.failure is not None:
        for line in report.failure[1]:
            tell(f"  {line}")
    outputs = RunLayout(home / run.folder).replay(report.replay).work
    for line in _verdict_lines(report, outputs):
        tell(line)


def _verdict_lines(report: Report, outputs: Path) -> list[str]:
    verdict = report.verdict
    executed = sum(report.executed.values())
    lines = [
        f"flor: {counted(executed, 'iteration')} executed, {report.skipped_iterations} skipped,"
        f" {report.seconds:.1f} s"
    ]
    lines.append(f"{'error' if report.exit_status else 'flor'}: {verdict_words(report)}")
    if verdict.first is not None:
        from florlib.ground.position import describe

        first = verdict.first
        lines.append(
            f"error: first difference, {describe(first.position)}: {first.item}"
            f" recorded {first.recorded!r}, replayed {first.replayed!r}"
        )
    lines += [f"error: {_place(item)}: {item['reason']}" for item in report.unplaced]
    if report.outputs:
        files = counted(len(report.outputs), "file")
        lines.append(f"flor: {files} written by the replay, kept in {outputs}")
    if report.log_dir is not None:
        lines.append(f"hint: tensorboard --logdir {shlex.quote(report.log_dir)}")
    return lines


def verdict_words(report: Report) -> str:
    """What came of a replay, in a line."""
    compared = _compared_words(report.verdict)
    return {
        "verified": f"verified: {compared}",
        "unverified": "unverified: nothing recorded to hold the replay against",
        "partial": f"only a part could be replayed{compared and ': '}{compared}",
        "diverged": f"diverged: {compared}",
    }[report.status]


def _place(item: Mapping[str, Any]) -> str:
    """Where an added line stands, as far as it is one line that is spoken of."""
    return f"{item['file']}:{item['line']}" if "line" in item else str(item["file"])


def _compared_words(verdict: Verdict) -> str:
    """What was held against the record, and what came of it; empty where nothing was."""
    parts = []
    if verdict.values:
        values = counted(verdict.values, "recorded value")
        parts.append(f"{verdict.identical} of {values} identical")
    if verdict.states:
        states = counted(verdict.states, "end state")
        parts.append(f"{verdict.states_identical} of {states} identical")
    near = verdict.within_tolerance + verdict.states_within_tolerance
    if near:
        parts.append(f"{near} within the tolerance")
    if verdict.missing:
        parts.append(f"{verdict.missing} missing")
    if verdict.extra:
        parts.append(f"{verdict.extra} that the record does not have")
    return ", ".join(parts)


def _show_values(report: Report, run: RunRow, home: Path) -> None:
    """The new values, as `flor log get` shows them; those of a long answer are left to it."""
    from florctl.cli.present import Format
    from florctl.cli.views.render import on_terminal, show
    from florctl.cli.views.values import value_list
    from florctl.orchestrate.answers.logged import values_of

    names = sorted(report.verdict.new)
    values = [row for row in values_of(run, names, home) if row.origin == report.replay]
    shown = values[:SHOWN_VALUES] if on_terminal() else values
    show(value_list(run, names, shown), Format.table)
    if len(shown) < len(values):
        left = len(values) - len(shown)
        tell(f"flor: {left} further values: flor log get {run.run} {' '.join(names)}")
