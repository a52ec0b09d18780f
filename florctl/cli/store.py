"""`flor store`: the files of all runs, what room they take, and the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption, RunArgument, given_bytes
from florctl.cli.present import chosen_format, harvest_now, present_settings, rebuild_now

if TYPE_CHECKING:
    from florctl.orchestrate.settings import Settings
    from florlib.stores.catalog.rows import RunRow

store_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

RunsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Which runs, as for flor log show; without one, all."),
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="LOOP=N[,LOOP=N]", help="One checkpoint of it.")
]


@store_app.callback()
def _store() -> None:
    """Look after what is stored: checkpoints, the room they take, the catalog."""


@store_app.command("usage")
def usage(
    runs: RunsArgument = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show how much room runs take, and what for.

    Example: flor store usage
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.store import usage_table
    from florctl.orchestrate.keeping.usage import usage_of

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    show(usage_table(usage_of(settings.home, _chosen(runs, settings))), form)


@store_app.command("sweep")
def sweep(
    runs: RunsArgument = None,
    at_most: Annotated[
        str | None,
        typer.Option("--max", metavar="SIZE", help="Of the checkpoints of these runs together."),
    ] = None,
    max_run: Annotated[
        str | None, typer.Option("--max-run", metavar="SIZE", help="Of those of each run.")
    ] = None,
    keep_runs: Annotated[
        int | None,
        typer.Option(
            "--keep-runs", min=0, metavar="N", help="Thin all but the newest N of a name."
        ),
    ] = None,
    replays: Annotated[
        bool, typer.Option("--replays", help="Delete files that replays wrote, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only shown.")] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Delete the checkpoints that are missed least, and leftovers.

    Without --yes it only shows what would go, and how much longer replays would take to what lies
    behind. Runs that are being recorded or replayed are left alone; what is pinned stays, and the
    first and the last two checkpoints of each process.

    Example: flor store sweep --max 20GB
    """
    from datetime import datetime, timezone

    from florctl.cli.views.render import show
    from florctl.cli.views.store import sweep_lines, sweep_table
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.keeping.sweep import Limits, carry_out, plan_sweep
    from florctl.orchestrate.settings import NO_LIMIT

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    example = "flor store sweep --max 20GB"
    of_run, of_all = given_bytes(max_run, example), given_bytes(at_most, example)
    everything = settings.home_bytes if not runs else NO_LIMIT
    limits = Limits(
        run_bytes=next(one for one in (of_run, settings.run_bytes, NO_LIMIT) if one is not None),
        all_bytes=everything if of_all is None else of_all,
        keep_runs=keep_runs,
        replays=replays,
    )
    chosen = _chosen(runs, settings)
    found = plan_sweep(settings.home, chosen, limits, now=datetime.now(timezone.utc))
    show(sweep_table(found, done=yes), form)
    problems = carry_out(settings.home, found) if yes else []
    for line in [*sweep_lines(found, done=yes), *(f"warning: {text}" for text in problems)]:
        tell(line)
    if problems:
        raise typer.Exit(7)


@store_app.command("pin")
def pin(run: RunArgument, at: AtOption = None, json: JsonOption = False) -> None:
    """Keep all checkpoints of a run, or one, whatever room they take.

    Example: flor store pin @ --at epoch=5
    """
    _pin(run, at, json, pinned=True)


@store_app.command("unpin")
def unpin(run: RunArgument, at: AtOption = None, json: JsonOption = False) -> None:
    """Take pins away: all of a run, or the one of a checkpoint.

    Example: flor store unpin @
    """
    _pin(run, at, json, pinned=False)


@store_app.command("verify")
def verify(
    runs: RunsArgument = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Read all checkpoints, and name the damaged ones.

    The exit status is 5 where one is damaged or missing.

    Example: flor store verify @
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.store import checked_lines, checked_table
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.keeping.checking import check

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    found = check(settings.home, _chosen(runs, settings))
    show(checked_table(found), form)
    for line in checked_lines(found):
        tell(line)
    if found.faults:
        raise typer.Exit(5)


@store_app.command("rebuild")
def rebuild(json: JsonOption = False) -> None:
    """Make the catalog anew from the files of all runs.

    Example: flor store rebuild
    """
    from florctl.cli.views.render import show_json

    runs = rebuild_now(present_settings().home)
    if json:
        show_json({"runs": runs})
    typer.echo(f"flor: the catalog holds {runs} run{'' if runs == 1 else 's'}", err=True)


def _harvested() -> Settings:
    settings = present_settings()
    harvest_now(settings.home)
    return settings


def _chosen(selectors: list[str] | None, settings: Settings) -> list[RunRow]:
    """The runs that were named, newest first; all of them where none was."""
    from florctl.orchestrate.answers.lookup import find_runs

    return find_runs(selectors or [], settings.home, settings.project)


def _pin(selector: str, at: str | None, json: bool, *, pinned: bool) -> None:
    from florctl.cli.views.render import show_json
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.keeping.pinning import pin as put
    from florctl.orchestrate.keeping.pinning import pins_of

    settings = _harvested()
    run = find_run(selector, settings.home, settings.project)
    words = put(settings.home, run, at, pinned=pinned)
    if json:
        pins = pins_of(settings.home, run)
        show_json({"run": run.run, "whole": pins.whole, "checkpoints": sorted(pins.files)})
    typer.echo(f"flor: {words} is {'pinned' if pinned else 'not pinned any more'}", err=True)
