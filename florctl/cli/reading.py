"""What `flor log list`, `show` and `get` do, whoever has read their words: typer, or at_once.py without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from florctl.cli.present import Format, chosen_format, harvested_settings
from florctl.cli.views.summary import tell

TERMINAL_RUNS = 30
"""Runs that a terminal shows unless told otherwise; into a pipe go all."""


def list_runs(
    *,
    name: str | None = None,
    limit: int | None = None,
    where: str | None = None,
    columns: Sequence[str] | None = None,
    best: Sequence[str] | None = None,
    sort: str | None = None,
    reverse: bool = False,
    here: bool = False,
    all_runs: bool = False,
    json: bool = False,
    csv: bool = False,
    plain: bool = False,
) -> None:
    """Show runs, a line each; what is what stands at `flor log list`."""
    from florctl.cli.views.listing import run_list
    from florctl.cli.views.render import on_terminal, show
    from florctl.orchestrate.answers.listing import Wanted, list_of

    form = chosen_format(json, csv, plain)
    settings = harvested_settings()
    is_short = form is Format.table and on_terminal() and limit is None and not all_runs
    wanted = Wanted(
        name=name,
        project=settings.project if here else None,
        where=where,
        columns=tuple(one for word in columns or [] for one in word.split(",") if one),
        best=tuple(best or []),
        sort=sort,
        reverse=reverse,
        limit=TERMINAL_RUNS + 1 if is_short else limit,
    )
    found = list_of(wanted, settings.home)
    if not found.runs and form is Format.table:
        is_narrowed = name is not None or here or where is not None
        tell("flor: no such run" if is_narrowed else "flor: no runs recorded yet")
        tell(f"hint: {'flor log list' if is_narrowed else 'flor record train.py'}")
        return
    is_cut = is_short and len(found.runs) > TERMINAL_RUNS
    show(run_list(found._replace(runs=found.runs[:TERMINAL_RUNS]) if is_cut else found), form)
    if is_cut:
        tell("flor: more runs are not shown")
        tell("hint: flor log list --all")


def show_run(run: str, *, json: bool = False, csv: bool = False, plain: bool = False) -> None:
    """Show a page on one run."""
    from florctl.cli.views.render import show
    from florctl.cli.views.runs import run_page
    from florctl.orchestrate.answers.logged import names_of
    from florctl.orchestrate.answers.lookup import details_of, find_run
    from florctl.orchestrate.keeping.spool_status import spooled_run

    form = chosen_format(json, csv, plain)
    settings = harvested_settings()
    row = find_run(run, settings.home, settings.project)
    spooled = spooled_run(settings.home, row)
    names = names_of(row, settings.home)
    show(run_page(row, details_of(row, settings.home), names, spooled), form)


def get_values(
    run: str,
    names: Sequence[str] | None = None,
    *,
    save: Path | None = None,
    json: bool = False,
    csv: bool = False,
    plain: bool = False,
) -> None:
    """Show, or write into a folder, what was logged under names; the names where none is given."""
    from florctl.cli.views.render import show
    from florctl.cli.views.values import name_list, value_list
    from florctl.orchestrate.answers.logged import names_of, values_of
    from florctl.orchestrate.answers.lookup import find_run
    from florlib.ground.errors import UsageError

    form = chosen_format(json, csv, plain)
    settings = harvested_settings()
    row = find_run(run, settings.home, settings.project)
    if save is not None and not names:
        raise UsageError("--save wants the NAME of what to write", hint=f"flor log get {run}")
    if not names:
        show(name_list(names_of(row, settings.home)), form)
        return
    wanted = list(dict.fromkeys(names))
    values = values_of(row, wanted, settings.home)
    if save is not None:
        from florctl.orchestrate.answers.arrays import Elements
        from florctl.orchestrate.answers.saving import save_values

        written = save_values(Elements(row, settings.home).all_whole(values), save)
        tell(f"flor: wrote {len(written)} files to {save}")
    if save is None or form is not Format.table:
        show(value_list(row, wanted, values), form)
