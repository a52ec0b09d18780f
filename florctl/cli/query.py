"""`flor query`: SQL over the catalog, which it cannot change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption
from florctl.cli.present import chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.cli.views.layout import Table
    from florctl.orchestrate.answers.asking import Answer


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT statement.")],
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Ask the catalog in SQL.

    Its views: runs, args, logs, series, loops, checkpoints, versions, replays.

    Example: flor query "SELECT name, count(*) FROM runs GROUP BY name"
    """
    from florctl.cli.views.render import View, show
    from florctl.orchestrate.answers.asking import ask

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    answer = ask(sql, settings.home)
    show(View(lambda: [_table(answer)], answer.objects, answer.columns, lambda: answer.rows), form)


def _table(answer: Answer) -> Table:
    from florctl.cli.views.layout import Column, Table

    columns = tuple(Column(name, shrinks=True) for name in answer.columns)
    return Table(
        columns, [["" if cell is None else str(cell) for cell in row] for row in answer.rows]
    )
