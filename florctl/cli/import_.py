"""`flor import`: runs that other programs have recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from florctl.cli.options import JsonOption
from florctl.cli.present import harvest_now, present_settings


def import_(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A folder of event files, a repository, or one file of either."
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The name that the runs get.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="tensorboard, flor-2, flordb-3 or flordb-4; without it flor finds out.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Take in runs of TensorBoard, Flor 2 and FlorDB: what they logged, and where.

    A run that was taken in before stays as it is. What cannot be read is told, the
    rest is taken in, and the exit status is 7. They cannot be replayed.

    Example: flor import ../experiments/runs --name vision
    """
    from datetime import datetime, timezone
    from json import dumps

    from florctl.cli.views.summary import counted, tell
    from florctl.orchestrate.importing.flow import import_runs

    home = present_settings().home
    done = import_runs(
        place.expanduser(), home, name=name, origin=origin, now=datetime.now(timezone.utc)
    )
    harvest_now(home)
    if json:
        typer.echo(dumps(done.to_json(), indent=2))
    else:
        for run in done.runs:
            typer.echo(f"{run['run']}  {run['name']}  {counted(run['values'], 'value')}")
    for problem in done.problems:
        tell(f"warning: {problem}")
    known = f", {done.known} there already" if done.known else ""
    tell(f"flor: imported {counted(len(done.runs), 'run')}{known}")
    raise typer.Exit(7 if done.problems else 0)
