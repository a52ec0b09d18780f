"""Tables laid out in lines: aligned into a pipe, fitted to the width of a terminal.

Where every row is a line, this is all it takes; rich, which folds cells, takes six bare interpreters
to be loaded and lay thirty rows out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SHRUNK = 10
"""Columns of a terminal that a column which gives way keeps at least."""

LEGIBLE = 24
"""Columns that it keeps as long as there are others that can be left out."""

STYLES = {
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


class Column(NamedTuple):
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


class Table(NamedTuple):
    """Rows of texts under titles; without titles, a list of names and what they are."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str]]
    title: str = ""


_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""Of ECMA-48, SGR."""


class Colours(NamedTuple):
    """What a terminal shows.

    Attributes:
        has_styles: it shows any.
        has_colours: it shows colours, and not only bold text.
    """

    has_styles: bool = True
    has_colours: bool = True

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Colours:
        """As the environment says (TERM, and NO_COLOR of no-color.org)."""
        is_dumb = environ.get("TERM", "").lower() in ("dumb", "unknown")
        return cls(not is_dumb, not environ.get("NO_COLOR"))

    def styled(self, text: str, style: str) -> str:
        """A text in a style such as "bold red".

        >>> Colours().styled("failed", "bold red")
        '\\x1b[1;31mfailed\\x1b[0m'
        """
        names = style.split() if self.has_styles else []
        codes = [_CODES[name] for name in names if self.has_colours or name == "bold"]
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes else text


def aligned(table: Table) -> str:
    """A table as text, with nothing cut off.

    >>> print(aligned(Table((Column("epoch", right=True), Column("loss")), [["0", "0.5"]])), end="")
    epoch  loss
        0  0.5
    """
    columns = [*zip(*table.rows, strict=True)] or [()] * len(table.columns)
    cells = [_in_lines(column) for column in columns]
    titles = [column.title for column in table.columns]
    if any(titles):
        cells = [[title, *column] for title, column in zip(titles, cells, strict=True)]
    widths = [max(map(len, column)) for column in cells]
    form = "  ".join(
        f"%{width}s" if column.right else f"%-{width}s"
        for width, column in zip(widths, table.columns, strict=True)
    )
    head = [table.title] if table.title else []
    lines = [(form % line).rstrip() for line in zip(*cells, strict=True)]
    return "".join(f"{line}\n" for line in [*head, *lines])


def _in_lines(cells: Sequence[str]) -> list[str]:
    """The cells of a column, each on one line; all of them are mostly found to be so at once."""
    return list(cells) if "".join(cells).isprintable() else [one_line(cell) for cell in cells]


def laid_out(table: Table, width: int, colours: Colours) -> str | None:
    """A table as a terminal of this width shows it; None where something has to be folded for that.

    >>> table = Table((Column("n", right=True), Column("what", shrinks=True)), [["10", "abc" * 5]])
    >>> print(laid_out(table, 15, Colours(has_styles=False)), end="")
     n  what
    10  abcabcabca…
    """
    titles = [column.title for column in table.columns]
    widths = fitted(table, width)
    if not any(titles) or _too_wide(widths, width) > 0:
        return None
    if any(table.columns[at].folds for at in widths):
        return None
    cells = [[one_line(row[at]) for at in widths] for row in table.rows]
    if not all(_is_narrow(cell) for row in cells for cell in row):
        return None
    columns = [(table.columns[at].right, room) for at, room in widths.items()]
    lines = [colours.styled(table.title, "bold")] if table.title else []
    lines.append(_line([titles[at] for at in widths], columns, colours, "bold"))
    lines += [_line(row, columns, colours) for row in cells]
    return "".join(f"{line}\n" for line in lines)


def _line(
    cells: Sequence[str], columns: Sequence[tuple[bool, int]], colours: Colours, style: str = ""
) -> str:
    texts = []
    for cell, (right, room) in zip(cells, columns, strict=True):
        text = cell if len(cell) <= room else f"{cell[: room - 1]}…"
        space = " " * (room - len(text))
        text = colours.styled(text, style or STYLES.get(cell, ""))
        texts.append(space + text if right else text + space)
    return "  ".join(texts).rstrip()


def _is_narrow(text: str) -> bool:
    """Whether each character takes one column of a terminal."""
    if text.isascii():
        return True
    return not any(
        unicodedata.combining(char) or unicodedata.east_asian_width(char) in "WF" for char in text
    )


def fitted(table: Table, width: int) -> dict[int, int]:
    """The columns that a terminal shows, by number, with the width of each.

    Left to rich, all columns lose alike, and dates and statuses become illegible.
    """
    cells = [[column.title for column in table.columns], *table.rows]
    widths = {at: max(len(one_line(row[at])) for row in cells) for at in range(len(table.columns))}
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


def one_line(text: str) -> str:
    """A text without line breaks, and without codes that would move or colour the terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
