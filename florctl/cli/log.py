"""`flor log`: what was recorded, and what replays have found since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.diff import diff
from florctl.cli.options import (
    CsvOption,
    JsonOption,
    PlainOption,
    RunArgument,
    chosen_format,
    harvest_now,
    present_settings,
)
from florctl.cli.pivot import pivot
from florctl.cli.plot import plot

if TYPE_CHECKING:
    from florctl.orchestrate.settings import Settings

TERMINAL_RUNS = 30
"""Runs that a terminal shows unless told otherwise; into a pipe go all."""

log_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@log_app.callback()
def _log() -> None:
    """List runs, show one, get the values it logged."""


@log_app.command("list")
def list_runs(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Only runs of this name.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Only runs of this project.")] = False,
    all_runs: Annotated[
        bool, typer.Option("--all", help=f"On a terminal too, not only the newest {TERMINAL_RUNS}.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """List the runs of all projects, newest first.

    Example: flor log list --name linear
    """
    from florctl.cli.options import Format
    from florctl.cli.render import on_terminal, show
    from florctl.cli.views import run_list
    from florctl.orchestrate.lookup import runs_of

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    is_short = form is Format.table and on_terminal() and limit is None and not all_runs
    wanted = TERMINAL_RUNS + 1 if is_short else limit
    project = settings.project if here else None
    runs = runs_of(settings.home, name=name, project=project, limit=wanted)
    if not runs and form is Format.table:
        typer.echo("flor: no runs recorded yet\nhint: flor record train.py", err=True)
        return
    show(run_list(runs[:TERMINAL_RUNS] if is_short else runs), form)
    if is_short and len(runs) > TERMINAL_RUNS:
        typer.echo("flor: older runs are not shown\nhint: flor log list --all", err=True)


@log_app.command("show")
def show_run(
    run: RunArgument,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show one run: arguments, version, loops, files, replays.

    Example: flor log show @
    """
    from florctl.cli.render import show
    from florctl.cli.views import run_page
    from florctl.orchestrate.lookup import details_of, find_run
    from florctl.orchestrate.spool_status import spooled_run

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    row = find_run(run, settings.home, settings.project)
    spooled = spooled_run(settings.home, row)
    show(run_page(row, details_of(row, settings.home), spooled), form)


@log_app.command("get")
def get_values(
    run: RunArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="What to get; without one, the names there are."),
    ] = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Get logged values in the order of execution.

    Recorded and replayed ones stand together. Printed lines are named print and stderr.

    Example: flor log get @ loss
    """
    from florctl.cli.render import show
    from florctl.cli.value_views import name_list, value_list
    from florctl.orchestrate.lookup import find_run, names_of, values_of

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    row = find_run(run, settings.home, settings.project)
    if not names:
        show(name_list(names_of(row, settings.home)), form)
        return
    wanted = list(dict.fromkeys(names))
    show(value_list(row, wanted, values_of(row, wanted, settings.home)), form)


log_app.command("pivot")(pivot)
log_app.command("plot")(plot)
log_app.command("diff")(diff)


def _harvested() -> Settings:
    """The settings of this process, and a catalog that is up to date."""
    settings = present_settings()
    harvest_now(settings.home)
    return settings
