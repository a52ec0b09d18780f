"""Views on their way to stdout: a table for people, or JSON, CSV and tab-separated text.

Off a terminal there is no colour and nothing is cut off; rich is imported only for a terminal.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from florctl.cli.options import Format
from florlib.ground.values import bytes_text, field_text

if TYPE_CHECKING:
    from rich.console import Console

SHRUNK = 10
"""Columns of a terminal that a column which gives way keeps at least."""

LEGIBLE = 24
"""Columns that it keeps as long as there are others that can be left out."""

RICH_ROWS = 500
"""Longer tables are laid out by ourselves: rich takes about a millisecond a row."""

_STYLES = {
    "running": "cyan",
    "done": "green",
    "crashed": "red",
    "killed": "red",
    "unknown": "yellow",
    "equal": "green",
    "differs": "bold red",
    "verified": "green",
    "diverged": "bold red",
    "unverified": "yellow",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table for people.

    Attributes:
        right: numbers stand at the right.
        wide: left out where a terminal has no room for all columns.
        shrinks: cut off, or folded where there are no titles, when a terminal has no room.
        folds: folded in any case, not cut off: a reason is read to its end.
    """

    title: str
    right: bool = False
    wide: bool = False
    shrinks: bool = False
    folds: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under titles; without titles, a list of names and what they are."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class View:
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
    return "\t".join(_one_line(field_text(cell)) for cell in cells)


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

    # FORCE_COLOR into a pipe: colours, and still nothing cut off.
    width = shutil.get_terminal_size().columns if on_terminal() else 100_000
    return Console(file=sys.stdout, force_terminal=True, width=width, highlight=False)


def _show_tables(tables: Sequence[Table]) -> None:
    styled = _is_styled()
    for number, table in enumerate(table for table in tables if table.rows):
        if number:
            _write("\n")
        if styled and len(table.rows) <= RICH_ROWS:
            _show_rich(table)
        else:
            _write(aligned(table))


def aligned(table: Table) -> str:
    """A table as text, with nothing cut off.

    >>> print(aligned(Table((Column("epoch", right=True), Column("loss")), [["0", "0.5"]])), end="")
    epoch  loss
        0  0.5
    """
    titles = [column.title for column in table.columns]
    rows = [[_one_line(cell) for cell in row] for row in table.rows]
    lines = [titles, *rows] if any(titles) else rows
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    texts = [
        "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in lines
    ]
    head = [table.title] if table.title else []
    return "".join(f"{text}\n" for text in [*head, *texts])


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
        cells = (_one_line(row[at]) for at in shown)
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    if table.title:
        console.print(Text(table.title, style="bold"))
    console.print(grid)


def fitted(table: Table, width: int) -> dict[int, int]:
    """The columns that a terminal shows, by number, with the width of each.

    Left to rich, all columns lose alike, and dates and statuses become illegible.
    """
    cells = [[column.title for column in table.columns], *table.rows]
    widths = {at: max(len(_one_line(row[at])) for row in cells) for at in range(len(table.columns))}
    shrinking = [at for at in widths if table.columns[at].shrinks]
    wide = [at for at in widths if table.columns[at].wide]
    while wide and _too_wide(widths, width) > _spare(widths, shrinking):
        del widths[wide.pop()]
    for at in reversed([at for at in shrinking if at in widths]):
        spare = max(0, widths[at] - max(SHRUNK, len(table.columns[at].title)))
        widths[at] -= min(spare, max(0, _too_wide(widths, width)))
    return widths


def _spare(widths: dict[int, int], shrinking: list[int]) -> int:
    """How much the columns that are left can give way and stay legible."""
    return sum(max(0, widths[at] - LEGIBLE) for at in shrinking if at in widths)


def _too_wide(widths: dict[int, int], width: int) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1) - width


def _write_csv(view: View) -> None:
    write_csv_rows([view.fields])
    write_csv_rows(view.records())


def write_csv_rows(rows: Iterable[Sequence[Any]]) -> None:
    """Print records as lines of CSV."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([field_text(cell) for cell in row] for row in rows)


def _one_line(text: str) -> str:
    """A text without line breaks, and without codes that would move or colour the terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    # A terminal or pipe in a narrow encoding shows escapes instead of ending the command.
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
