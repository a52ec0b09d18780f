"""Telling what is asked in a file in which more was changed since it was recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from florlib.hindsight.alignment import align, logged_value
from florlib.hindsight.propagation.scopes import DEFINITIONS
from florlib.source.logs import is_log_call
from florlib.source.matching import Matching, Statement
from florlib.source.names import names_in

_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_EDITED = 0.6  # a statement at least so much like a recorded one is that, edited


def without_questions(
    present: ast.Module, recorded: ast.Module, aliases: Mapping[str, str]
) -> ast.Module:
    """A present file without what is asked of it.

    That is what logs and is new, with the imports, functions and assignments that only that needs,
    and log calls that were put around values of a statement that is otherwise the same.

    >>> recorded = ast.parse("x = f(1)\\ng(x)")
    >>> present = ast.parse("x = f(2)\\nprint(x)\\ng(x)")
    >>> ast.unparse(without_questions(present, recorded, {}))
    'x = f(2)\\ng(x)'
    """
    matching = Matching.of(present, recorded)
    calls = [call for one in matching.recent for call in _put_in(one, matching, aliases)]
    known = {id(one.node) for one in matching.recent if _was_recorded(one, matching)}
    new = [one.node for one in matching.recent if _is_new(one.node, known)]
    inside = {id(node) for one in new for node in ast.walk(one) if node is not one}
    outermost = [one for one in new if id(one) not in inside]
    return _without(present, [*_questions(outermost, present, aliases), *calls])


def _was_recorded(statement: Statement, matching: Matching) -> bool:
    recorded = matching.earlier_of(statement)
    return recorded is not None and matching.likeness(statement, recorded) >= _EDITED


def _is_new(statement: ast.stmt, known: set[int]) -> bool:
    """Whether nothing of a statement was recorded."""
    return not any(id(node) in known for node in ast.walk(statement))


def _put_in(
    statement: Statement, matching: Matching, aliases: Mapping[str, str]
) -> Iterator[ast.Call]:
    """Log calls that were put around values of a statement."""
    recorded = matching.earlier_of(statement)
    if recorded is None or hasattr(statement.node, "body"):
        return
    both = ast.Module([recorded.node], []), ast.Module([statement.node], [])
    for wrapped in align(*both, aliases).wrapped:
        yield from wrapped.calls


def _questions(
    added: list[ast.stmt], present: ast.Module, aliases: Mapping[str, str]
) -> list[ast.stmt]:
    """The added statements that log, and what they need of the others."""
    chosen = [one for one in added if _logs(one, aliases)]
    while True:
        needed = names_in(*chosen).loaded
        more = [
            one
            for one in added
            if one not in chosen
            and names_in(one).stored & needed
            and (isinstance(one, DEFINITIONS) or _is_theirs(one, chosen, present))
        ]
        if not more:
            return chosen
        chosen += more


def _is_theirs(statement: ast.stmt, chosen: list[ast.stmt], present: ast.Module) -> bool:
    """Whether what an assignment stores is read by what was chosen, and by nothing else."""
    if not isinstance(statement, _ASSIGNMENTS):
        return False
    stored = names_in(statement).stored
    own = {id(node) for one in (*chosen, statement) for node in ast.walk(one)}
    return not any(
        isinstance(node, ast.Name) and node.id in stored and id(node) not in own
        for node in ast.walk(present)
    )


def _logs(statement: ast.stmt, aliases: Mapping[str, str]) -> bool:
    if isinstance(statement, DEFINITIONS):
        return False
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(is_log_call(call, aliases) for call in calls)


def _without(present: ast.Module, asked: Iterable[ast.AST]) -> ast.Module:
    """A file without statements, and without calls around values."""
    gone = {id(node) for node in asked}

    def kept(node: Any) -> Any:
        if isinstance(node, list):
            left = [kept(one) for one in node if id(one) not in gone or isinstance(one, ast.Call)]
            return [ast.Pass()] if node and not left else left
        if isinstance(node, ast.Call) and id(node) in gone:
            return kept(logged_value(node)[1])
        if not isinstance(node, ast.AST):
            return node
        fields = {name: kept(getattr(node, name)) for name in node._fields if hasattr(node, name)}
        return ast.copy_location(type(node)(**fields), node)

    tree: ast.Module = kept(present)
    return tree
