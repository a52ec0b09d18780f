"""`flor replay`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption

if TYPE_CHECKING:
    from florctl.orchestrate.machines.machines import Machines
    from florctl.orchestrate.planning.preparation import ReplayRequest
    from florctl.orchestrate.settings import Settings


def replay(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="@ (by default), @~2, NAME, NAME@3, a prefix of an id, or a git revision.",
        ),
    ] = None,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="All runs of the script, each in its version.")
    ] = False,
    last: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="The last N runs of the script."),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(metavar="3,5:9", help="Iterations of the main loop, from 0; all by default."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR",
            help='Iterations by what was logged in them: "loss > 4"; of several runs, also runs by'
            " arguments and status: \"lr < 0.01 and status = 'done'\".",
        ),
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
    on: Annotated[
        str | None,
        typer.Option(metavar="ray", help="Have the machines of a Ray cluster do the work."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print new values as they come, in order.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print the plan; start nothing.")] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Print what is put into earlier versions; start nothing."),
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Execute everything again, to check the record.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="R", min=0.0, help="Relative difference of numbers that still passes."
        ),
    ] = 0.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse where Python, packages or devices are others.")
    ] = False,
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
    everything that it executes against what was recorded. Of a run that is older than
    the code, its own version is executed, with the added lines where they belong in it.

    Example: flor replay --epochs 3,5:9 --steps 100:120
    """
    from florctl.cli.present import harvest_now, present_settings
    from florctl.orchestrate.planning.preparation import ReplayRequest
    from florlib.ground.errors import UsageError
    from florlib.ground.layout import RunLayout

    words = runs or ["@"]
    is_several = all_versions or last is not None or len(words) > 1
    single = ((follow, "--follow"), (in_place, "--in-place"), (on is not None, "--on ray"))
    for given, option in single:
        if given and is_several:
            raise UsageError(f"{option} is for a single run", hint=f"flor replay {option}")
    if follow and json:
        raise UsageError("--follow and --json exclude each other", hint="flor replay --follow")
    settings = present_settings()
    harvest_now(settings.home)
    with _machines(on, in_place=in_place) as machines:
        request = ReplayRequest(
            layout=RunLayout(settings.home),
            home=settings.home,
            epochs=epochs,
            where=where,
            steps=steps,
            verify=verify,
            tolerance=tolerance,
            strict=strict,
            force=force,
            in_place=in_place,
            part=None if part is None else _part(part),
            devices=machines.devices(gpus, workers),
        )
        if is_several:
            wanted = _Wanted(words, all_versions or last is not None, last)
            status = _replay_several(
                wanted, request, settings, plan=plan, preview=preview, json=json
            )
        else:
            status = _replay_one(
                words[0],
                request,
                settings,
                machines,
                plan=plan,
                preview=preview,
                follow=follow,
                json=json,
            )
    raise typer.Exit(status)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The runs that are asked: those named, or all or the last ones of the first one's script."""

    words: list[str]
    of_script: bool
    last: int | None


def _replay_one(
    word: str,
    request: ReplayRequest,
    settings: Settings,
    machines: Machines,
    *,
    plan: bool,
    preview: bool,
    follow: bool,
    json: bool,
) -> int:
    import secrets
    from datetime import datetime, timezone

    from florctl.cli.present import harvest_now
    from florctl.cli.several import preview_of
    from florctl.cli.views.answer import show_plan, show_report
    from florctl.cli.views.progress import Progress
    from florctl.cli.views.summary import tell, tell_fetching
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.launch import children
    from florctl.orchestrate.planning.preparation import prepare
    from florctl.orchestrate.replaying.replay import execute
    from florctl.orchestrate.replaying.report import nothing_report
    from florlib.ground.layout import RunLayout

    found = find_run(word, settings.home, settings.project)
    if found.status == "running":
        tell(f"warning: run {found.run} is still going on; what it has recorded so far is replayed")
    request = replace(request, layout=RunLayout(settings.home / found.folder))
    with _python_errors():
        prepared = prepare(request)
    if preview:
        preview_of(found, prepared)
        return 0
    if plan:
        show_plan(prepared, json)
        return 0
    if prepared.nothing_new:
        tell(f"flor: no new probe: {found.name}@{found.ordinal} has all that the code logs")
        tell("flor: add a print or a flor.log to the code and ask again; or check the record:")
        tell(f"hint: flor replay {'' if word == '@' else word + ' '}--verify")
        report = nothing_report(prepared.planned, prepared.warnings)
    else:
        now = datetime.now(timezone.utc)
        tell(f"flor: replaying {found.name}@{found.ordinal} ({found.run})")
        with Progress(follow=follow) as progress, children() as group:
            report = execute(
                prepared,
                machines,
                progress.look,
                now=now,
                token=secrets.token_hex(3),
                group=group,
                fetching=tell_fetching,
            )
        harvest_now(settings.home)
    show_report(report, found, settings.home, json, values=not follow)
    return report.exit_status


def _replay_several(
    wanted: _Wanted,
    request: ReplayRequest,
    settings: Settings,
    *,
    plan: bool,
    preview: bool,
    json: bool,
) -> int:
    from datetime import datetime, timezone

    from florctl.cli.present import harvest_now
    from florctl.cli.several import run_several, show_answers, show_plans, show_sources
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.answers.selection import choose, runs_of_script
    from florctl.orchestrate.replaying.several import ask_several

    named = (find_run(word, settings.home, settings.project) for word in wanted.words)
    rows = list({row.run: row for row in named}.values())
    if wanted.of_script:
        rows = runs_of_script(rows[0], settings.home)
    chosen = choose(rows, settings.home, last=wanted.last, where=request.where)
    with _python_errors():
        several = ask_several(chosen, request, settings.home)
    if preview:
        show_sources(several)
        return 0
    if plan:
        show_plans(several, json)
        return several.exit_status
    if several.to_run:
        run_several(several, datetime.now(timezone.utc))
        harvest_now(settings.home)
    show_answers(several, settings.home, json)
    return several.exit_status


@contextmanager
def _machines(on: str | None, *, in_place: bool) -> Iterator[Machines]:
    """Where the workers are to run."""
    import os

    from florctl.orchestrate.machines.cluster import cluster
    from florctl.orchestrate.machines.machines import Here
    from florlib.ground.errors import UsageError

    if on is None:
        yield Here()
        return
    if on != "ray":
        raise UsageError(f"{on!r} is no kind of cluster", hint="flor replay --on ray")
    if in_place:
        raise UsageError("--on and --in-place exclude each other", hint="flor replay --on ray")
    with cluster(os.environ) as machines:
        yield machines


@contextmanager
def _python_errors() -> Iterator[None]:
    """A source of the user's that is no Python is told as Python tells it."""
    import sys
    import traceback

    try:
        yield
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
