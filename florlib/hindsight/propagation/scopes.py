"""What names mean at a place of a file: whether they have a value there, and where it was set."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from florlib.source.functions import MODULE
from florlib.source.imports import import_aliases
from florlib.source.matching import Statement, function_in
from florlib.source.names import names_in, parameters

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Scopes:
    """The names of one file.

    Args:
        tree: the file.
        statements: of it, all of them.
    """

    def __init__(self, tree: ast.Module, statements: list[Statement]) -> None:
        self.aliases = import_aliases(tree)
        self.imports_all = any("*" in stored_by(one.node) for one in statements)
        self._by_node = {id(one.node): one for one in statements}
        self._stores: dict[str, list[Statement]] = {}
        self._calls: dict[str, list[Statement]] = {}
        self._definitions: dict[str, Statement] = {}
        self._words = frozenset().union(*(one.words for one in statements))
        for one in statements:
            for name in stored_by(one.node):
                self._stores.setdefault(name, []).append(one)
            if isinstance(one.node, (*_FUNCTIONS, ast.ClassDef)):
                self._definitions[function_in(one.node, one.function)] = one
            else:
                for word in {word.removeprefix(".") for word in one.words}:
                    self._calls.setdefault(word, []).append(one)
        self._given = {
            function: frozenset(parameters(one.node.args))
            for function, one in self._definitions.items()
            if isinstance(one.node, _FUNCTIONS)
        }

    def statement(self, node: ast.AST | None) -> Statement | None:
        """The statement of a node; None for the module."""
        return self._by_node.get(id(node))

    def definition(self, function: str) -> Statement | None:
        """The statement that defines a function or class; None for the module."""
        return self._definitions.get(function)

    def has(self, name: str, function: str, line: int) -> bool:
        """Whether a name of the file's own may have a value in a function, in front of a line."""
        if self.imports_all:
            return True
        for around in around_of(function):
            if name in self._given.get(around, ()):
                return True
            stores = self._stored_in(name, around)
            if around != function and stores:
                return True
            if any(one.node.lineno < line for one in stores):
                return True
        return False

    def is_set_anywhere(self, name: str) -> bool:
        """Whether the file gives the name a value in any way."""
        return name in self._stores or any(name in given for given in self._given.values())

    def mentions(self, name: str) -> bool:
        """Whether any statement has the name."""
        return name in self._words

    def setter(self, name: str, function: str, line: int) -> Statement | None:
        """The statement of a function that stored a name last in front of a line, by the text."""
        before = [one for one in self._stored_in(name, function) if one.node.lineno < line]
        return before[-1] if before else None

    def origin(self, name: str, function: str, line: int) -> Statement | None:
        """The statement that gave a name its value, in front of a line; a definition its parameters."""
        for around in around_of(function):
            stores = self._stored_in(name, around)
            before = [one for one in stores if around != function or one.node.lineno < line]
            if before:
                return before[-1]
            if name in self._given.get(around, ()):
                return self._definitions[around]
        return None

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
            calls = self._calls.get(at.function.rstrip(".").rpartition(".")[2], [])
            at = calls[0] if len(calls) == 1 else None
        return None

    def _stored_in(self, name: str, function: str) -> list[Statement]:
        return [one for one in self._stores.get(name, ()) if one.function == function]


def around_of(function: str) -> Iterator[str]:
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
    if hasattr(node, "handlers"):
        return frozenset(one.name for one in node.handlers if one.name)
    return names_in(*_header_of(node)).stored


def given_by(node: ast.stmt) -> list[str]:
    """The names that a statement sets, in the order of its text; a definition its parameters."""
    if isinstance(node, _FUNCTIONS):
        return parameters(node.args)
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef)):
        return sorted(stored_by(node))
    if hasattr(node, "handlers"):
        return [one.name for one in node.handlers if one.name]
    inside = chain.from_iterable(ast.walk(part) for part in _header_of(node))
    names = [one for one in inside if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return [one.id for one in sorted(names, key=lambda one: (one.lineno, one.col_offset))]


def _header_of(node: ast.stmt) -> list[ast.AST]:
    """The parts of a statement outside its blocks."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.target, node.iter]
    if isinstance(node, (ast.While, ast.If)):
        return [node.test]
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return list(node.items)
    if isinstance(node, ast.Match):
        heads = [part for case in node.cases for part in (case.pattern, case.guard)]
        return [node.subject, *filter(None, heads)]
    return [] if hasattr(node, "handlers") else [node]
