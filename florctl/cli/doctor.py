"""`flor doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from florctl.cli.views.render import View
    from florctl.orchestrate.doctor import Finding


def doctor(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="A run; without one, the machine, FLOR_HOME and the project."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell what is not well: with flor here, or with a run, what keeps it from exact replay.

    The exit status is 1 where a problem was found.

    Example: flor doctor @
    """
    from datetime import datetime, timezone

    from florctl.cli.present import Format, present_settings, problems_of_harvest
    from florctl.cli.views.render import show
    from florctl.cli.views.texts import size
    from florctl.orchestrate.answers.lookup import find_run, runs_of
    from florctl.orchestrate.doctor import examine, examine_run
    from florlib import __version__

    settings, now = present_settings(), datetime.now(timezone.utc)
    problems = problems_of_harvest(settings.home)
    if run is None:
        runs = runs_of(settings.home, name=None, project=None, limit=None)
        found = examine(
            settings.home,
            settings.project,
            runs,
            problems,
            sizes=size,
            version=__version__,
            now=now,
        )
    else:
        found = examine_run(settings.home, find_run(run, settings.home, settings.project))
    show(_view(found), Format.json if json else Format.table)
    raise typer.Exit(int(any(one.status == "problem" for one in found)))


def _view(found: Sequence[Finding]) -> View:
    from florctl.cli.views.layout import Column, Table
    from florctl.cli.views.render import View, records_of

    fields = ("name", "status", "text", "hint")
    objects = [one.to_json() for one in found]
    columns = (Column("what"), Column("how"), Column("found", shrinks=True), Column("hint"))
    rows = [[one.name, one.status, one.text, one.hint or ""] for one in found]
    return View(
        lambda: [Table(columns, rows)],
        lambda: objects,
        fields,
        lambda: records_of(objects, fields),
    )
