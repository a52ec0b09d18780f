"""Why a statement has no place in an earlier version, in words for people."""

from __future__ import annotations

import ast

_LONGEST = 60  # characters of a statement that are quoted


class NoPlace(Exception):
    """An earlier version has no place for a statement, or more than one; says why."""


def quoted(node: ast.stmt) -> str:
    """The first line of a statement.

    >>> quoted(ast.parse("if ready:\\n    go()").body[0])
    '`if ready:`'
    """
    line = ast.unparse(node).splitlines()[0]
    return f"`{line if len(line) <= _LONGEST else line[:_LONGEST] + '…'}`"
