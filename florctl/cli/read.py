"""`flor _read`: what `flor.runs` and its like ask of the command line; not for people."""

from __future__ import annotations

from typing import Annotated

import typer


def read(
    asked: Annotated[str, typer.Argument(help="JSON: selectors of runs, null for all.")],
) -> None:
    """Bring the catalog up to date; print where it is, and the runs that were asked for, as JSON."""
    import json

    from florctl.cli.present import harvest_now, present_settings
    from florctl.cli.views.listing import run_object
    from florctl.orchestrate.answers.lookup import find_run, runs_of

    selectors = json.loads(asked)
    settings = present_settings()
    home = settings.home
    harvest_now(home)
    if selectors is None:
        rows = runs_of(home, name=None, project=None, limit=None)
    else:
        rows = [find_run(one, home, settings.project) for one in selectors]
    typer.echo(json.dumps({"home": str(home), "runs": [run_object(row) for row in rows]}))
