"""Spans of source lines: how statements are pointed at from outside a syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import TypeAlias

LineSpan: TypeAlias = tuple[int, int]  # first line, last line; both count from 1 and are included
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def span_of(node: ast.stmt | ast.expr) -> LineSpan:
    """The lines of a node, its decorators included."""
    decorators = getattr(node, "decorator_list", ())
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first, node.end_lineno or node.lineno


def header_span(statement: ast.stmt) -> LineSpan:
    """The lines before a compound statement's body; all lines of a simple statement.

    >>> header_span(ast.parse("if a:\\n    b\\n    c").body[0])
    (1, 1)
    """
    first, last = span_of(statement)
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if isinstance(body, list):
        start = body[0].pattern.lineno if isinstance(body[0], ast.match_case) else body[0].lineno
        return first, max(first, start - 1)
    return first, last


def lies_within(node: ast.stmt | ast.expr, spans: Collection[LineSpan]) -> bool:
    """Whether one of the spans covers the node."""
    first, last = span_of(node)
    return any(start <= first and last <= end for start, end in spans)


def lines_of(text: str) -> list[str]:
    """The lines of a source as Python counts them, with their ends; `str.splitlines` knows more ends.

    >>> lines_of("a = 1\\r\\nb = '\\x0c'\\n")
    ['a = 1\\r\\n', "b = '\\x0c'\\n"]
    """
    return _LINE.findall(text)
