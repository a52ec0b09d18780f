"""`flor ui`: the catalog in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.present import harvest_now, present_settings, problems_of_harvest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def ui(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs that the page is to begin with."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="0 takes a free one.")
    ] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not start a browser.")] = False,
) -> None:
    """Look at runs, curves and comparisons in a browser; serves this machine alone.

    The page follows runs as they go on. Nothing can be changed through it. It prints
    its address, and ends with Ctrl-C.

    Example: flor ui @ @~1
    """
    import sys

    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.page.server import check_installed, listening, serve

    check_installed()
    settings = present_settings()
    harvest_now(settings.home)
    asked = [find_run(word, settings.home, settings.project).run for word in runs or []]
    with listening(port) as (listener, address):
        typer.echo(address)
        sys.stdout.flush()
        tell(f"flor: serving {settings.home} for reading; Ctrl-C ends it")
        if not no_open and sys.stdout.isatty() and _has_screen():
            import webbrowser

            webbrowser.open(address)
        serve(listener, settings.home, asked, _follow(settings.home))


def _follow(home: Path) -> Callable[[], None]:
    """Brings the catalog up to date each time it is called; the same trouble is told once."""
    from florctl.cli.views.summary import tell
    from florlib.ground.errors import FlorError

    told: set[str] = set()

    def harvest() -> None:
        try:
            found = problems_of_harvest(home)
        except FlorError as error:
            found = [error.message]
        for line in found:
            if line not in told:
                told.add(line)
                tell(f"warning: {line}")

    return harvest


def _has_screen() -> bool:
    """Whether a browser would have a window; one in the terminal would take the terminal over."""
    import os
    import sys

    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
