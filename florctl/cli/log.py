"""`flor log`: what was recorded, and what replays have found since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.diff import diff
from florctl.cli.noting import note, tag
from florctl.cli.options import (
    CsvOption,
    JsonOption,
    PlainOption,
    RunArgument,
    WhereOption,
    chosen_format,
    harvest_now,
    present_settings,
)
from florctl.cli.pivot import pivot
from florctl.cli.plot import plot
from florctl.cli.remove import remove
from florctl.cli.tail import tail

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
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N.")
    ] = None,
    where: WhereOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="NAME[,NAME]",
            help="Also show arguments, tags or the last values of logged names.",
        ),
    ] = None,
    best: Annotated[
        list[str] | None,
        typer.Option(
            "--best", metavar="min:NAME|max:NAME", help="Also the least or greatest logged value."
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="NAME",
            help="By a field (seconds, bytes), an argument, a tag, a last value, or min:NAME; "
            "the least first.",
        ),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Only runs of this project.")] = False,
    all_runs: Annotated[
        bool, typer.Option("--all", help=f"On a terminal too, not only the newest {TERMINAL_RUNS}.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """List the runs of all projects, newest first.

    Example: flor log list --columns lr,loss --best min:loss --sort min:loss
    """
    from dataclasses import replace

    from florctl.cli.options import Format
    from florctl.cli.views.listing import run_list
    from florctl.cli.views.render import on_terminal, show
    from florctl.orchestrate.answers.listing import Wanted, list_of

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    is_short = form is Format.table and on_terminal() and limit is None and not all_runs
    wanted = Wanted(
        name=name,
        project=settings.project if here else None,
        where=where,
        columns=tuple(one for word in columns or [] for one in word.split(",") if one),
        best=tuple(best or []),
        sort=sort,
        reverse=reverse,
        limit=TERMINAL_RUNS + 1 if is_short else limit,
    )
    found = list_of(wanted, settings.home)
    if not found.runs and form is Format.table:
        is_narrowed = name is not None or here or where is not None
        typer.echo("flor: no such run" if is_narrowed else "flor: no runs recorded yet", err=True)
        hint = "flor log list" if is_narrowed else "flor record train.py"
        typer.echo(f"hint: {hint}", err=True)
        return
    is_cut = is_short and len(found.runs) > TERMINAL_RUNS
    show(run_list(replace(found, runs=found.runs[:TERMINAL_RUNS]) if is_cut else found), form)
    if is_cut:
        typer.echo("flor: more runs are not shown\nhint: flor log list --all", err=True)


@log_app.command("show")
def show_run(
    run: RunArgument,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show one run: what ran, what it logged, loops, checkpoints, files, replays.

    Example: flor log show @
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.runs import run_page
    from florctl.orchestrate.answers.lookup import details_of, find_run, names_of
    from florctl.orchestrate.keeping.spool_status import spooled_run

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    row = find_run(run, settings.home, settings.project)
    spooled = spooled_run(settings.home, row)
    names = names_of(row, settings.home)
    show(run_page(row, details_of(row, settings.home), names, spooled), form)


@log_app.command("get")
def get_values(
    run: RunArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="What to get; without one, the names there are."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="DIR",
            help="Write a file for each value: .npy, .png where it is an image, .json.",
        ),
    ] = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Get logged values in the order of execution.

    Recorded and replayed ones stand together. Printed lines are named print and stderr.

    Example: flor log get @ loss
    """
    from florctl.cli.options import Format
    from florctl.cli.views.render import show
    from florctl.cli.views.values import name_list, value_list
    from florctl.orchestrate.answers.lookup import find_run, names_of, values_of
    from florlib.ground.errors import UsageError

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    row = find_run(run, settings.home, settings.project)
    if save is not None and not names:
        raise UsageError("--save wants the NAME of what to write", hint=f"flor log get {run}")
    if not names:
        show(name_list(names_of(row, settings.home)), form)
        return
    wanted = list(dict.fromkeys(names))
    values = values_of(row, wanted, settings.home)
    if save is not None:
        from florctl.orchestrate.answers.arrays import Elements
        from florctl.orchestrate.answers.saving import save_values

        written = save_values(Elements(row, settings.home).all_whole(values), save)
        typer.echo(f"flor: wrote {len(written)} files to {save}", err=True)
    if save is None or form is not Format.table:
        show(value_list(row, wanted, values), form)


log_app.command("tail")(tail)
log_app.command("pivot")(pivot)
log_app.command("plot")(plot)
log_app.command("diff")(diff)
log_app.command("note")(note)
log_app.command("tag")(tag)
log_app.command("rm")(remove)


def _harvested() -> Settings:
    """The settings of this process, and a catalog that is up to date."""
    settings = present_settings()
    harvest_now(settings.home)
    return settings
