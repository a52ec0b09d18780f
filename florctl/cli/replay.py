"""`flor replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption

if TYPE_CHECKING:
    from florctl.orchestrate.preparation import Prepared


def replay(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
        ),
    ] = "@",
    epochs: Annotated[
        str | None,
        typer.Option(metavar="3,5:9", help="Iterations of the main loop, from 0; all by default."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help='Iterations by what was logged in them: "loss > 4".'),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(metavar="3,5:9", help="Turns of the innermost loop, from 0; all by default."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts, from 1.")
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(metavar="N|0,2|auto", help="CUDA devices, a worker on each."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processes that share the work; 1 by default."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print new values as they come, in order.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print the plan; start nothing.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Execute everything again, to check the record.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="R", min=0.0, help="Relative difference of numbers that still passes."
        ),
    ] = 0.0,
    force: Annotated[
        bool, typer.Option("--force", help="Replay although the code changed beyond probes.")
    ] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Run in your own folder, not in a copy.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Answer the log lines that were added since a run.

    Restores checkpoints, executes only what the added lines look into, and holds
    everything that it executes against what was recorded.

    Example: flor replay --epochs 3,5:9 --steps 100:120
    """
    import os
    import secrets
    from datetime import datetime, timezone

    from florctl.cli.answer import show_plan, show_report
    from florctl.cli.options import harvest_now, present_settings
    from florctl.cli.progress import Progress
    from florctl.cli.summary import tell
    from florctl.orchestrate.devices import chosen_devices
    from florctl.orchestrate.lookup import find_run
    from florctl.orchestrate.preparation import ReplayRequest
    from florctl.orchestrate.replay import execute
    from florctl.orchestrate.report import nothing_report
    from florlib.ground.errors import UsageError
    from florlib.ground.layout import RunLayout

    if follow and json:
        raise UsageError("--follow and --json exclude each other", hint="flor replay --follow")
    settings = present_settings()
    harvest_now(settings.home)
    found = find_run(run, settings.home, settings.project)
    request = ReplayRequest(
        layout=RunLayout(settings.home / found.folder),
        home=settings.home,
        epochs=epochs,
        where=where,
        steps=steps,
        verify=verify,
        tolerance=tolerance,
        force=force,
        in_place=in_place,
        part=None if part is None else _part(part),
        devices=chosen_devices(gpus, workers, os.environ),
    )
    if found.status == "running":
        tell(f"warning: run {found.run} is still going on; what it has recorded so far is replayed")
    prepared = _parsed(request)
    if plan:
        show_plan(prepared, json)
        return
    if prepared.nothing_new:
        tell(f"flor: no new probe: {found.name}@{found.ordinal} has all that the code logs")
        tell("flor: add a print or a flor.log to the code and ask again; or check the record:")
        tell(f"hint: flor replay {'' if run == '@' else run + ' '}--verify")
        report = nothing_report(prepared.planned, prepared.warnings)
    else:
        now = datetime.now(timezone.utc)
        tell(f"flor: replaying {found.name}@{found.ordinal} ({found.run})")
        with Progress(follow=follow) as progress:
            report = execute(prepared, progress.look, now=now, token=secrets.token_hex(3))
        harvest_now(settings.home)
    show_report(report, found, settings.home, json, values=not follow)
    raise typer.Exit(report.exit_status)


def _parsed(request: object) -> Prepared:
    import sys
    import traceback

    from florctl.orchestrate.preparation import ReplayRequest, prepare

    assert isinstance(request, ReplayRequest)
    try:
        return prepare(request)
    except SyntaxError as error:
        for line in traceback.format_exception_only(error):
            print(line, end="", file=sys.stderr)  # noqa: T201  # Python's own message
        raise typer.Exit(1) from error


def _part(text: str) -> tuple[int, int]:
    from florlib.ground.errors import UsageError

    number, slash, parts = text.partition("/")
    if slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts):
        return int(number), int(parts)
    raise UsageError(f"{text!r} is no part", hint="flor replay --part 3/5")
