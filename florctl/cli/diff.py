"""`flor diff`, also called `flor log diff`: two runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption
from florctl.cli.present import chosen_format, harvest_now, present_settings


def diff(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[[A] B]",
            help="Two runs, as for flor log show; by default the newest, and the one of its name "
            "before it.",
        ),
    ] = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Compare two runs: code, arguments, environment, and the last value of each name.

    Of arguments and environment, tables show what differs; --json has all of it, and
    the changed lines of the code.

    Example: flor diff linear@3 @
    """
    from florctl.cli.present import Format
    from florctl.cli.views.diff import comparison_view, comparison_words
    from florctl.cli.views.render import show
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.comparison import compare_runs, run_before
    from florctl.orchestrate.answers.lookup import find_run
    from florlib.ground.errors import UsageError

    form = chosen_format(json, csv, plain)
    words = runs or ["@"]
    if len(words) > 2:
        raise UsageError(f"{len(words)} runs are given, and two compared", hint="flor diff @~1 @")
    settings = present_settings()
    harvest_now(settings.home)
    new = find_run(words[-1], settings.home, settings.project)
    if len(words) == 2:
        old = find_run(words[0], settings.home, settings.project)
    else:
        old = run_before(new, settings.home)
    compared = compare_runs(old, new, settings.home)
    show(comparison_view(compared), form)
    if form is Format.table:
        for line in comparison_words(compared):
            tell(line)
