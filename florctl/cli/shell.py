"""`flor shell`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import JsonOption

if TYPE_CHECKING:
    from florctl.orchestrate.replaying.shell import Opening, Shelled
    from florlib.stores.catalog.rows import RunRow


def shell(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
        ),
    ] = "@",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="epoch=5[,step=100]",
            help="Before iteration 5, at its turn 100; or crash, where the run was cut short. By "
            "default the newest checkpoint between iterations.",
        ),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option("-c", metavar="CODE", help="Execute this there, and leave."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Open a prompt within the training loop, at any moment of a run.

    All names of the loop are there and can be assigned. step() executes its next turn,
    run_to("epoch=7") goes on to there, log(name, value) keeps a value, with the origin
    shell. Nothing else is kept: the run and your files stay as they are. Without a
    terminal, the code is read from standard input.

    Example: flor shell @ --at epoch=5 -c "print(net.fc.weight.norm())"
    """
    import secrets
    from datetime import datetime, timezone

    from florctl.cli.present import harvest_now, present_settings
    from florctl.cli.views.summary import tell, tell_fetching
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.replaying.shell import check_code, open_shell, prepare_shell
    from florlib.ground.errors import UsageError
    from florlib.ground.layout import RunLayout
    from florlib.ground.position import describe

    if json and code is None and sys.stdin.isatty():
        raise UsageError("--json wants code", hint="flor shell @ --json -c 'print(dir())'")
    if code is None and not sys.stdin.isatty():
        code = sys.stdin.read()
    if code is not None:
        check_code(code)
    settings = present_settings()
    harvest_now(settings.home)
    row = find_run(run, settings.home, settings.project)
    opening = prepare_shell(RunLayout(settings.home / row.folder), settings.home, at)
    for text in opening.warnings:
        tell(f"warning: {text}")
    if code is None:
        where = describe(opening.moment.position)
        tell(f"flor: {row.name}@{row.ordinal} ({row.run}) is brought to {where}")
    shelled = open_shell(
        opening,
        tell_fetching,
        code=code,
        shown=not json,
        now=datetime.now(timezone.utc),
        token=secrets.token_hex(3),
    )
    harvest_now(settings.home)
    if json:
        _show(row, opening, shelled)
    for path in shelled.files:
        tell(f"flor: {path} was written there")
    raise typer.Exit(shelled.status)


def _show(row: RunRow, opening: Opening, shelled: Shelled) -> None:
    import json as json_module

    from florctl.cli.views.values import position_objects

    content = {
        "run": row.run,
        "position": position_objects(shelled.position),
        "output": shelled.said,
        "status": shelled.status,
        "logged": shelled.logged,
        "files": [str(path) for path in shelled.files],
        "warnings": opening.warnings,
    }
    typer.echo(json_module.dumps(content))
