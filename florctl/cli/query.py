"""`flor query`: SQL over the catalog, which it cannot change."""

from __future__ import annotations

from typing import Annotated

import typer

from florctl.cli.options import (
    CsvOption,
    JsonOption,
    PlainOption,
    chosen_format,
    harvest_now,
    present_settings,
)


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT statement.")],
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Ask the catalog in SQL: views runs, args, logs, loops, checkpoints, versions, replays.

    Example: flor query "SELECT name, count(*) FROM runs GROUP BY name"
    """
    from florctl.cli.render import Column, Table, View, show
    from florctl.orchestrate.lookup import ask

    form = chosen_format(json, csv, plain)
    settings = present_settings()
    harvest_now(settings.home)
    answer = ask(sql, settings.home)
    columns = tuple(Column(name) for name in answer.columns)
    cells = [["" if cell is None else str(cell) for cell in row] for row in answer.rows]
    show(View([Table(columns, cells)], answer.objects(), answer.columns, answer.rows), form)
