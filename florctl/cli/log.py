"""`flor log`: what was recorded, and what replays have found since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from florctl.cli import reading
from florctl.cli.diff import diff
from florctl.cli.noting import note, tag
from florctl.cli.options import CsvOption, JsonOption, PlainOption, RunArgument, WhereOption
from florctl.cli.pivot import pivot
from florctl.cli.plot import plot
from florctl.cli.remove import remove
from florctl.cli.tail import tail

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
        bool,
        typer.Option(
            "--all", help=f"On a terminal too, not only the newest {reading.TERMINAL_RUNS}."
        ),
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """List the runs of all projects, newest first.

    Example: flor log list --columns lr,loss --best min:loss --sort min:loss
    """
    reading.list_runs(
        name=name,
        limit=limit,
        where=where,
        columns=columns,
        best=best,
        sort=sort,
        reverse=reverse,
        here=here,
        all_runs=all_runs,
        json=json,
        csv=csv,
        plain=plain,
    )


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
    reading.show_run(run, json=json, csv=csv, plain=plain)


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
    reading.get_values(run, names, save=save, json=json, csv=csv, plain=plain)


log_app.command("tail")(tail)
log_app.command("pivot")(pivot)
log_app.command("plot")(plot)
log_app.command("diff")(diff)
log_app.command("note")(note)
log_app.command("tag")(tag)
log_app.command("rm")(remove)
