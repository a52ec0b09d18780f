"""Views on their way to stdout: a table for people, or JSON, CSV and tab-separated text.

Off a terminal there is no colour and nothing is cut off; rich is imported only where lines are folded.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from florctl.cli.present import Format
from florctl.cli.views.layout import STYLES, Colours, Table, aligned, fitted, laid_out, one_line
from florlib.ground.cells import bytes_text, field_text

if TYPE_CHECKING:
    from rich.console import Console

RICH_ROWS = 500
"""Longer tables are not folded: rich takes about a millisecond a row."""


class View(NamedTuple):
    """An answer in all its forms, each made when it is asked for: values may be many.

    Attributes:
        tables: for people.
        content: for --json.
        fields: the names of --csv.
        records: the rows of --csv and --plain.
    """

    tables: Callable[[], Sequence[Table]]
    content: Callable[[], Any]
    fields: Sequence[str]
    records: Callable[[], Iterable[Sequence[Any]]]


def records_of(objects: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[list[Any]]:
    """JSON objects as flat records."""
    return [[item[name] for name in fields] for item in objects]


def tables_only(tables: Sequence[Table]) -> View:
    """A view for people alone."""
    return View(lambda: tables, lambda: None, (), lambda: ())


def show(view: View, form: Format = Format.table) -> None:
    """Print a view in the form that was asked for."""
    if form is Format.json:
        show_json(view.content())
    elif form is Format.csv:
        _write_csv(view)
    elif form is Format.plain:
        _write("".join(f"{plain_line(row)}\n" for row in view.records()))
    else:
        _show_tables(view.tables())


def show_json(content: Any) -> None:
    """Print what --json asks for, of a command that has no table."""
    _write(json.dumps(content, indent=2, default=bytes_text) + "\n")


def plain_line(cells: Sequence[Any]) -> str:
    """A record as --plain prints it: tabs between, and no line breaks."""
    return "\t".join(one_line(field_text(cell)) for cell in cells)


def on_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def show_lines(lines: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Print lines of texts, each with the style that it has where there are colours."""
    if not _is_styled():
        for line in lines:
            _write("".join(text for text, _ in line).rstrip() + "\n")
        return
    from rich.text import Text

    console = _console()
    for line in lines:
        console.print(Text.assemble(*line), no_wrap=True, overflow="ignore", crop=False)


def _is_styled() -> bool:
    return on_terminal() or bool(os.environ.get("FORCE_COLOR"))


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, force_terminal=True, width=_width(), highlight=False)


def _width() -> int:
    # FORCE_COLOR into a pipe: colours, and still nothing cut off.
    return shutil.get_terminal_size().columns if on_terminal() else 100_000


def _show_tables(tables: Sequence[Table]) -> None:
    styled = _is_styled()
    width = _width()
    for number, table in enumerate(table for table in tables if table.rows):
        if number:
            _write("\n")
        if not styled or len(table.rows) > RICH_ROWS:
            _write(aligned(table))
        elif (lines := laid_out(table, width, Colours.of(os.environ))) is not None:
            _write(lines)
        else:
            _show_rich(table)


def _show_rich(table: Table) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    console = _console()
    widths = fitted(table, console.width)
    shown = list(widths)
    titled = any(column.title for column in table.columns)
    grid = RichTable(
        box=None, show_header=titled, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0)
    )
    for at in shown:
        column = table.columns[at]
        grid.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=titled and not column.folds,
            overflow="ellipsis" if titled and not column.folds else "fold",
            width=widths[at],
        )
    for row in table.rows:
        cells = (one_line(row[at]) for at in shown)
        grid.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    if table.title:
        console.print(Text(table.title, style="bold"))
    console.print(grid)


def _write_csv(view: View) -> None:
    write_csv_rows([view.fields])
    write_csv_rows(view.records())


def write_csv_rows(rows: Iterable[Sequence[Any]]) -> None:
    """Print records as lines of CSV."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([field_text(cell) for cell in row] for row in rows)


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    # A terminal or pipe in a narrow encoding shows escapes instead of ending the command.
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
