"""`flor resume`."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from florctl.orchestrate.recording.resumption import Resumption
    from florctl.orchestrate.settings import Settings
    from florlib.stores.catalog.rows import RunRow


class Code(str, Enum):
    """Which sources an interrupted run goes on with."""

    recorded = "recorded"
    work = "work"


def resume(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
        ),
    ] = "@",
    code: Annotated[
        Code,
        typer.Option(help="Go on with the code of the run, or with the present one (work)."),
    ] = Code.recorded,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on although the loop looks at files that it writes."),
    ] = False,
) -> None:
    """Go on with a run that crashed or was killed, from its newest whole checkpoint.

    The script runs in its own folder, with its own code, to the end that it would have
    had; what it logs from there on belongs to the same run. The exit status is the script's.

    Example: flor resume @
    """
    from florctl.cli.present import harvest_now, present_settings
    from florctl.cli.views.summary import tell_fetching
    from florctl.orchestrate.answers.lookup import find_run
    from florctl.orchestrate.recording.resumption import prepare_resumption
    from florlib.ground.layout import RunLayout

    settings = present_settings()
    harvest_now(settings.home)
    found = find_run(run, settings.home, settings.project)
    layout = RunLayout(settings.home / found.folder)
    made = prepare_resumption(layout, found.status, tell_fetching, force=force)
    raise typer.Exit(go_on(settings, found, made, code))


def go_on(settings: Settings, found: RunRow, made: Resumption, code: Code) -> int:
    """Let a run go on, and tell of it; its exit status."""
    from datetime import datetime, timezone

    from florctl.cli.present import harvest_now
    from florctl.cli.views.summary import tell, tell_limited, tell_recorded
    from florctl.orchestrate.answers.harvest import forget
    from florctl.orchestrate.recording.resume import resume as resume_run
    from florlib.ground.errors import FlorError

    def reread() -> None:
        forget(settings.home, made.layout)
        harvest_now(settings.home)

    for text in made.warnings:
        tell(f"warning: {text}")
    _tell_of_code(made, code)
    tell(f"flor: resuming {found.name}@{found.ordinal} ({found.run}) {made.where}")
    try:
        status = resume_run(
            made,
            present_code=code is Code.work,
            now=datetime.now(timezone.utc),
            reread=reread,
            tell=tell,
        )
    except OSError as error:
        raise FlorError(
            f"{made.content['command'][0]} cannot be started ({error.strerror})",
            hint=f"flor log show {found.run}",
        ) from error
    finally:
        harvest_now(settings.home)
    tell_recorded(settings.home, found.run)
    tell_limited(settings.home, found.run, settings.home_bytes)
    return status


def _tell_of_code(made: Resumption, code: Code) -> None:
    """Say which sources are others now, and which of the two run."""
    from florctl.cli.views.summary import tell

    for path, reason in made.changed.items():
        if code is Code.work:
            tell(f"warning: {path} is not that of the run: {reason}; the present one runs")
        else:
            tell(f"flor: {path} has changed since ({reason}); the recorded one runs")
