"""The flow of `flor bisect`: a replay that looks for the first moment at which an expression is true."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from florctl.orchestrate.keeping.bringing import Fetching, fetch_needed
from florctl.orchestrate.launch import children
from florctl.orchestrate.machines.machines import Here
from florctl.orchestrate.planning.preparation import ReplayRequest, prepare
from florctl.orchestrate.replaying.outputs import gather
from florctl.orchestrate.replaying.worker_output import tail
from florctl.orchestrate.replaying.workers import Crew
from florlib.ground.errors import FlorError, UsageError
from florlib.ground.layout import HomeLayout, ReplayLayout, RunLayout
from florlib.ground.position import Position, position_from_json
from florlib.stores.atomic import write_json
from florlib.stores.journal import read_journal


@dataclass(frozen=True, slots=True)
class Found:
    """What the search came to.

    Attributes:
        position: behind which the expression was true for the first time; None where it never was.
        restores: of checkpoints.
        steps: turns of training loops that were executed.
        checkpoints: boundaries that there were to restore.
        warnings: what may make the answer another.
    """

    position: Position | None
    restores: int
    steps: int
    checkpoints: int
    warnings: list[dict[str, str]]


def check_expression(text: str) -> None:
    """See whether a text is an expression.

    Raises:
        UsageError: it is none.
    """
    try:
        compile(text, "<expression>", "eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"{text!r} is no expression ({error})", hint='flor bisect "loss != loss"'
        ) from None


def bisect(
    layout: RunLayout, home: Path, expression: str, *, token: str, fetching: Fetching
) -> Found:
    """Look for the first moment at which an expression over the live names turns true.

    Args:
        layout: of the run.
        home: FLOR_HOME.
        expression: Python.
        token: for the folder in which it runs, which is removed.
        fetching: is told of checkpoints that come back from a spool first.

    Raises:
        FlorError: the script did not come to its loop, or the expression never had a value.
    """
    prepared = prepare(ReplayRequest(layout=layout, home=home, verify=True))
    planned = prepared.planned
    plan = replace(planned.plan, expression=expression, parts=None)
    prepared.planned = replace(planned, plan=plan, workers=1)
    fetch_needed(prepared, fetching)
    own = ReplayLayout(HomeLayout(home).searches / token)
    own.folder.mkdir(parents=True)
    crew = Crew(prepared, own, lambda crew: None, Here())
    try:
        write_json(own.plan_file, plan.to_json())
        with children() as group:
            crew.work(group)
        gather(crew.by_progress())
        boundaries = sum(
            len(main.boundaries) for process in prepared.processes for main in process.mains
        )
        return _read(own, boundaries, prepared.warnings, lambda: tail(own.output))
    finally:
        shutil.rmtree(own.folder, ignore_errors=True)


def _read(
    layout: ReplayLayout,
    boundaries: int,
    warnings: list[dict[str, str]],
    said: Callable[[], list[str]],
) -> Found:
    records = [record for path in layout.journals() for record in read_journal(path).records]
    told = [record for record in records if record["kind"] == "bisect"]
    if not told:
        error = FlorError("the script ended before the search did", hint="flor replay --verify")
        error.details = said()
        raise error
    found = told[-1]
    if not found["answered"]:
        raise UsageError(
            f"the expression had a value nowhere: {found['error']}",
            hint='flor bisect "loss != loss"',
        )
    position = found["position"]
    more = [
        {"code": record["code"], "text": record["text"]}
        for record in records
        if record["kind"] == "warning"
    ]
    if any(one["kind"] == "verification" and one["differing"] for one in records):
        text = "what was executed came out otherwise than in the record: the moment may be another"
        more.append({"code": "replay-diverged", "text": text})
    return Found(
        None if position is None else position_from_json(position),
        found["restores"],
        found["steps"],
        boundaries,
        [*warnings, *more],
    )
