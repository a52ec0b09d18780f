"""Tables in lines look as rich shows them, and are left to rich where something has to be folded."""

from __future__ import annotations

import io
import random
import re

import pytest
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from florctl.cli.views.layout import STYLES, Colours, Column, Table, fitted, laid_out

WORDS = [
    "done",
    "crashed",
    "running",
    "12.5 s",
    "train.py --lr 0.1",
    "",
    "a/rather/long/path",
    "ü—…",
]


def by_rich(table: Table, width: int) -> str:
    """The same widths, laid out by rich, without what stands behind the last text of a line."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=width, highlight=False, color_system="standard"
    )
    grid = RichTable(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    widths = fitted(table, width)
    for at, room in widths.items():
        column = table.columns[at]
        justify = "right" if column.right else "left"
        grid.add_column(
            column.title, justify=justify, no_wrap=True, overflow="ellipsis", width=room
        )
    for row in table.rows:
        grid.add_row(*(Text(row[at], style=STYLES.get(row[at], "")) for at in widths))
    if table.title:
        console.print(Text(table.title, style="bold"))
    console.print(grid)
    return out.getvalue()


def cells(text: str) -> list[list[tuple[str, str]]]:
    """Each line as characters with their style, whatever codes lead to it; blanks have none."""
    lines = []
    for line in text.split("\n"):
        style, found = "", []
        for code, char in re.findall(r"\x1b\[([\d;]*)m|(.)", line):
            if char:
                found.append((char, style if char != " " else ""))
            else:
                style = "" if code == "0" else code
        while found and found[-1][0] == " ":
            found.pop()
        lines.append(found)
    return lines


@pytest.mark.parametrize("seed", range(30))
def test_a_table_looks_as_rich_shows_it(seed: int):
    chance = random.Random(seed)
    columns = tuple(
        Column(
            f"title {n}" * chance.randrange(1, 3),
            right=chance.random() < 0.4,
            wide=chance.random() < 0.3,
            shrinks=chance.random() < 0.5,
        )
        for n in range(chance.randrange(1, 7))
    )
    rows = [[chance.choice(WORDS) for _ in columns] for _ in range(chance.randrange(1, 5))]
    table = Table(columns, rows, title=chance.choice(["", "runs"]))
    laid = 0

    for width in (30, 60, 80, 140):
        lines = laid_out(table, width, Colours())
        if lines is not None:
            laid += 1
            assert cells(lines) == cells(by_rich(table, width))

    assert laid


@pytest.mark.parametrize(
    "table",
    [
        Table((Column(""), Column("")), [["name", "what it is"]]),
        Table((Column("reason", folds=True),), [["as it is"]]),
        Table((Column("title"),), [["far too wide for this"]]),
        Table((Column("title"),), [["漢字"]]),
        Table((Column("title"),), [["e\u0301"]]),
    ],
    ids=["no titles", "folds", "too wide", "wide characters", "combining characters"],
)
def test_what_takes_more_than_lines_is_left_to_rich(table: Table):
    assert laid_out(table, 12, Colours()) is None


def test_codes_of_a_terminal_are_shown_as_escapes():
    lines = laid_out(Table((Column("what"),), [["a\x1b[31mb\nc"]]), 80, Colours())

    assert lines == "\x1b[1mwhat\x1b[0m\na\\x1b[31mb\\nc\n"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm"}, "\x1b[1;31mx\x1b[0m"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "\x1b[1mx\x1b[0m"),
        ({"TERM": "xterm", "NO_COLOR": ""}, "\x1b[1;31mx\x1b[0m"),
        ({"TERM": "dumb"}, "x"),
    ],
)
def test_what_the_terminal_does_not_show_is_left_out(environ: dict[str, str], expected: str):
    assert Colours.of(environ).styled("x", "bold red") == expected
