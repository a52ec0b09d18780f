"""What names mean at a place of a file: whether they have a value there, and where it was set."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from florlib.source.functions import MODULE
from florlib.source.imports import import_aliases
from florlib.source.matching import Statement, function_in
from florlib.source.names import names_in, parameters
from florlib.source.spans import span_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Scopes:
    """The names of one file.

    Args:
        statements: of the file, all of them.
    """

    def __init__(self, tree: ast.Module, statements: list[Statement]) -> None:
        self.aliases = import_aliases(tree)
        self._statements = statements
        self._by_node = {id(one.node): one for one in statements}
        self._stores: dict[str, list[Statement]] = {}
        for one in statements:
            for name in stored_by(one.node):
                self._stores.setdefault(name, []).append(one)

    def statement(self, node: ast.AST | None) -> Statement | None:
        """The statement of a node; None for the module."""
        return self._by_node.get(id(node))

    def has(self, name: str, function: str, line: int) -> bool:
        """Whether a name may have a value in a function, in front of a line."""
        if "*" in self._stores or hasattr(builtins, name):
            return True
        for around in _around(function):
            if name in self._parameters(around):
                return True
            if around == MODULE != function and any(self._stored_in(name, MODULE)):
                return True
            before = any(one.node.lineno < line for one in self._stored_in(name, around))
            if before or (around != function and any(self._stored_in(name, around))):
                return True
        return False

    def is_set_anywhere(self, name: str) -> bool:
        """Whether any statement stores the name."""
        return name in self._stores

    def setter(self, name: str, function: str, line: int) -> Statement | None:
        """The statement of a function that stored a name last in front of a line, by the text."""
        before = [one for one in self._stored_in(name, function) if one.node.lineno < line]
        return before[-1] if before else None

    def loop_of(self, statement: Statement) -> Statement | None:
        """The innermost loop whose turns a statement runs in.

        Where it is in a function without a loop, that around the only call of the function.
        """
        seen: set[str] = set()
        at: Statement | None = statement
        while at is not None:
            if at.loop is not None:
                return at.loop
            if at.function == MODULE or at.function in seen:
                return None
            seen.add(at.function)
            calls = self._calls(at.function.rstrip(".").rpartition(".")[2])
            at = calls[0] if len(calls) == 1 else None
        return None

    def _calls(self, name: str) -> list[Statement]:
        """The statements that call a function or method of this name in their own words."""
        return [
            one
            for one in self._statements
            if name in one.counted or f".{name}" in one.counted
            if not isinstance(one.node, (*_FUNCTIONS, ast.ClassDef))
        ]

    def _stored_in(self, name: str, function: str) -> Iterator[Statement]:
        return (one for one in self._stores.get(name, ()) if one.function == function)

    def _parameters(self, function: str) -> frozenset[str]:
        return frozenset(
            parameter
            for one in self._statements
            if isinstance(one.node, _FUNCTIONS)
            if function_in(one.node, one.function) == function
            for parameter in parameters(one.node.args)
        )


def _around(function: str) -> Iterator[str]:
    """A function and those around it; the module last."""
    if function != MODULE:
        parts = function.split(".<locals>.")
        for n in range(len(parts), 0, -1):
            yield ".<locals>.".join(parts[:n])
    yield MODULE


def stored_by(node: ast.stmt) -> frozenset[str]:
    """The names that a statement stores, its body aside."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return frozenset({node.name})
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return names_in(node.target).stored | names_in(node.iter).stored
    if isinstance(node, (ast.While, ast.If)):
        return names_in(node.test).stored
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return names_in(*node.items).stored
    if isinstance(node, ast.Try):
        return frozenset(one.name for one in node.handlers if one.name)
    return names_in(node).stored


def first_line(statement: Statement) -> int:
    """The first line of a statement, its decorators included."""
    return span_of(statement.node)[0]
