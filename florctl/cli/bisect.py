"""`flor bisect`."""

from __future__ import annotations

from typing import Annotated

import typer

from florctl.cli.options import JsonOption


def bisect(
    expression: Annotated[
        str, typer.Argument(metavar="EXPR", help="Python over the names of the training loop.")
    ],
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
        ),
    ] = "@",
    json: JsonOption = False,
) -> None:
    """Find the first moment of a run at which an expression turns true.

    Restores checkpoints, halving what is left, and executes only what lies between the
    last that says no and the first that says yes. The expression is taken to stay true
    once it is. The exit status is 1 where it never was.

    Example: flor bisect "torch.isnan(net.fc.weight).any()"
    """
    import json as json_module
    import secrets

    from florctl.cli.present import harvest_now, present_settings
    from florctl.cli.views.summary import counted, tell, tell_fetching
    from florctl.cli.views.values import position_objects
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.replaying.bisect import bisect as search
    from florctl.orchestrate.replaying.bisect import check_expression
    from florlib.ground.layout import RunLayout
    from florlib.ground.position import describe

    check_expression(expression)
    settings = present_settings()
    harvest_now(settings.home)
    row = find_run(run, settings.home, settings.project)
    layout = RunLayout(settings.home / row.folder)
    token = secrets.token_hex(6)
    found = search(layout, settings.home, expression, token=token, fetching=tell_fetching)
    for warning in found.warnings:
        tell(f"warning: {warning['text']}")
    if json:
        position = None if found.position is None else position_objects(found.position)
        content = {
            "run": row.run,
            "position": position,
            "restores": found.restores,
            "steps": found.steps,
            "checkpoints": found.checkpoints,
            "warnings": found.warnings,
        }
        typer.echo(json_module.dumps(content))
    elif found.position is not None:
        typer.echo(describe(found.position))
    cost = f"{counted(found.restores, 'restore')}, {counted(found.steps, 'step')} executed"
    if found.position is None:
        tell(f"flor: {expression} was never true in {row.name}@{row.ordinal} ({cost})")
        raise typer.Exit(1)
    tell(f"flor: {expression} is true from there on in {row.name}@{row.ordinal} ({cost})")
