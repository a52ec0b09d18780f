"""`flor log pivot`: logged values of several runs, a column a name."""

from __future__ import annotations

from florctl.cli.options import (
    CsvOption,
    JsonOption,
    PlainOption,
    WhereOption,
    WordsArgument,
    runs_and_names,
)
from florctl.cli.present import chosen_format, harvest_now, present_settings


def pivot(
    words: WordsArgument = None,
    where: WhereOption = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show logged values with a column a name, a row a run and position.

    A recorded value goes before what replays came to, and a verified replay before
    a newer one that is not; what diverged or was not verified is marked.

    Example: flor log pivot @,@~1 loss acc
    """
    from florctl.cli.views.pivot import pivot_view
    from florctl.cli.views.render import show
    from florctl.orchestrate.answers.logged import standing_values

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    runs, names = runs_and_names(words, where, settings, "flor log pivot @,@~1 loss")
    show(pivot_view(names, standing_values(runs, names, settings.home)), form)
