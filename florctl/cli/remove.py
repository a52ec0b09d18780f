"""`flor log rm`: removing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption, WhereOption
from florctl.cli.present import chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from florctl.orchestrate.keeping.removal import Removal
    from florctl.orchestrate.settings import Settings


def remove(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Which runs, as for flor log show."),
    ] = None,
    where: WhereOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go; remove nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is pinned, or may go on elsewhere.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Remove runs: their values, checkpoints and replays. Nothing brings them back.

    Shows what goes and asks, unless --yes is given. What is being recorded or
    replayed stays. The code of the runs stays on flor.shadow, and their numbers
    are not given again.

    Example: flor log rm --where "status = 'crashed' and iterations = 0"
    """
    from florctl.cli.present import Format
    from florctl.cli.views.removal import counts, removal_table
    from florctl.cli.views.render import show
    from florctl.cli.views.runs import place
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.keeping.removal import remove as remove_run
    from florlib.ground.errors import UsageError

    form = chosen_format(json, csv, plain)
    if not runs and where is None:
        raise UsageError("no run is given", hint="flor log rm @ --dry-run")
    settings = present_settings()
    found = _planned(runs or [], where, force, settings)
    going = [one for one in found if one.obstacle is None]
    if form is Format.table:
        show(removal_table(found, done=False))
    for one in found:
        if one.obstacle is not None:
            tell(f"flor: {one.run.name}@{one.run.ordinal} {one.obstacle}; it stays")
    is_done = bool(going) and not dry_run
    if is_done and not (yes or _agreed(going, runs or [], where)):
        tell("flor: nothing was removed")
        raise typer.Exit(1)
    problems = []
    if is_done:
        # Somebody may have thought for long: what is going on by now stays.
        going = _planned([one.run.run for one in going], None, force, settings)
        for one in going:
            try:
                remove_run(settings.home, one.run)
            except OSError as error:
                problems.append(f"{one.run.name}@{one.run.ordinal}: {error}")
        harvest_now(settings.home)
    if form is not Format.table:
        show(removal_table(found, done=is_done), form)
    tell(f"flor: {'removed' if is_done else 'would remove'} {counts(going)}")
    for one in going:
        if one.copies:
            tell(
                f"flor: {one.run.name}@{one.run.ordinal} stays in {', '.join(map(place, one.copies))}"
            )
    for text in problems:
        tell(f"warning: not everything was deleted of {text}")
    if problems:
        raise typer.Exit(7)


def _planned(
    selectors: Sequence[str], where: str | None, force: bool, settings: Settings
) -> list[Removal]:
    """What is to go, as of now; of runs that were named, an obstacle is an error."""
    from datetime import datetime, timezone

    from florctl.orchestrate.answers.selection import runs_chosen
    from florctl.orchestrate.keeping.removal import plan_removal, refuse

    harvest_now(settings.home)
    chosen = runs_chosen(selectors, where, settings.home, settings.project)
    found = plan_removal(settings.home, chosen, force=force, now=datetime.now(timezone.utc))
    if where is None:
        refuse(found)
    return found


def _agreed(going: Sequence[Removal], runs: Sequence[str], where: str | None) -> bool:
    """Whether the person at the terminal says yes.

    Raises:
        UsageError: nobody is there.
    """
    import shlex
    import sys

    from florctl.cli.views.removal import counts
    from florlib.ground.errors import UsageError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        words = [*runs, *(["--where", where] if where is not None else []), "--yes"]
        raise UsageError(
            f"{counts(going)} would go, and nobody is there to ask",
            hint=f"flor log rm {shlex.join(words)}",
        )
    return typer.confirm(f"remove {counts(going)}?", err=True)
