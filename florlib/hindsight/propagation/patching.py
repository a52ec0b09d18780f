"""Putting lines into the text of an earlier file."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from florlib.hindsight.propagation.anchors import Gap
from florlib.source.spans import lines_of, span_of


@dataclass(frozen=True, slots=True)
class Insertion:
    """Lines for an earlier file.

    Attributes:
        line: in front of which they go, from 1.
        instead: so many of its lines that they stand for.
        file: that something was added to.
        statement: that was added; None for an import that one needs.
        gap: where they go; None for what stands for other lines.
        exact: whether the place is one that a three-way merge finds.
    """

    line: int
    lines: list[str]
    file: str
    statement: ast.stmt | None
    exact: bool
    instead: int = 0
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An added statement in an earlier version.

    Attributes:
        file, line: where it stands now.
        into, at: where it stands in the earlier version, with everything that was placed.
        exact: whether its neighbours are those of the recent version.
    """

    file: str
    line: int
    into: str
    at: int
    exact: bool


def patched(text: str, insertions: Iterable[Insertion]) -> str:
    """A text with lines put in."""
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = lines_of(text)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    for one in reversed(_in_order(insertions)):
        at = one.line - 1
        lines[at : at + one.instead] = [line + ending for line in one.lines]
    return "".join(lines)


def places_of(path: str, insertions: Iterable[Insertion]) -> list[Placed]:
    """Where the added statements stand in a patched file."""
    placed = []
    shift = 0
    for one in _in_order(insertions):
        if one.statement is not None:
            line = span_of(one.statement)[0]
            placed.append(Placed(one.file, line, path, one.line + shift, one.exact))
        shift += len(one.lines) - one.instead
    return placed


def _in_order(insertions: Iterable[Insertion]) -> list[Insertion]:
    return sorted(insertions, key=lambda one: one.line)
