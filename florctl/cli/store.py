"""`flor store`: the files that all runs share."""

from __future__ import annotations

import typer

from florctl.cli.options import present_settings, rebuild_now

store_app = typer.Typer(
    help="Look after what is stored: the catalog.", no_args_is_help=True, rich_markup_mode=None
)


@store_app.callback()
def _store() -> None:
    """Look after what is stored: the catalog."""


@store_app.command("rebuild")
def rebuild() -> None:
    """Make the catalog anew from the files of all runs.

    Example: flor store rebuild
    """
    runs = rebuild_now(present_settings().home)
    typer.echo(f"flor: the catalog holds {runs} run{'' if runs == 1 else 's'}", err=True)
