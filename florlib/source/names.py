"""Names that a piece of code stores and loads in its own scope, by Python's scoping rules.

Inner scopes count for what reaches out of them: the free names that they load, and the names
that they declare `global` or `nonlocal` and store.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from florlib.source.spans import LineSpan, lies_within


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one piece of code; `declared` are those under `global` or `nonlocal`."""

    stored: frozenset[str]
    loaded: frozenset[str]
    declared: frozenset[str] = frozenset()


def names_in(*nodes: ast.AST, hidden: Collection[LineSpan] = ()) -> Names:
    """Names stored and loaded by nodes that share one scope, statements in `hidden` left out.

    >>> names = names_in(ast.parse("a += [b for b in c if (d := b)]"))
    >>> sorted(names.stored), sorted(names.loaded)
    (['a', 'd'], ['a', 'c'])
    """
    collector = _Collector(hidden)
    for node in nodes:
        collector.visit(node)
    return Names(
        frozenset(collector.stored), frozenset(collector.loaded), frozenset(collector.declared)
    )


def parameters(arguments: ast.arguments) -> list[str]:
    """Names of a function's parameters, in order of position."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return [argument.arg for argument in every]


class _Collector(ast.NodeVisitor):
    def __init__(self, hidden: Collection[LineSpan]) -> None:
        self.hidden = hidden
        self.stored: set[str] = set()
        self.loaded: set[str] = set()
        self.declared: set[str] = set()

    def visit(self, node: ast.AST) -> None:
        if not (self.hidden and isinstance(node, ast.stmt) and lies_within(node, self.hidden)):
            super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        (self.loaded if isinstance(node.ctx, ast.Load) else self.stored).add(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.loaded.add(node.target.id)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.declared.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.stored.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._store(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self._store(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._store(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._store(node.name)
        outside: list[ast.AST | None] = [*node.decorator_list, node.returns]
        self._visit_all([*outside, *_defaults(node.args), *_annotations(node.args)])
        self._leave(names_in(*node.body, hidden=self.hidden), parameters(node.args))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all(_defaults(node.args))
        self._leave(names_in(node.body), parameters(node.args))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._store(node.name)
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        inner = names_in(*node.body, hidden=self.hidden)
        self.stored |= inner.stored & inner.declared
        self.loaded |= inner.loaded  # the class body may read an outer name before it stores it

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._visit_comprehension(node.generators, [node.elt])

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node.generators, [node.key, node.value])

    def _visit_comprehension(
        self, generators: list[ast.comprehension], elements: list[ast.expr]
    ) -> None:
        self.visit(generators[0].iter)
        targets: set[str] = set()
        inner = _Collector(self.hidden)
        for number, generator in enumerate(generators):
            targets |= names_in(generator.target).stored
            inner._visit_all([generator.iter] if number else [])
            inner._visit_all(generator.ifs)
        inner._visit_all(elements)
        self.stored |= inner.stored  # by := alone: it binds in the scope around
        self.loaded |= inner.loaded - targets

    def _leave(self, inner: Names, own: list[str]) -> None:
        self.stored |= inner.stored & inner.declared
        self.loaded |= inner.loaded - ((inner.stored - inner.declared) | set(own))

    def _store(self, name: str | None) -> None:
        if name:
            self.stored.add(name)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)


def _defaults(arguments: ast.arguments) -> list[ast.expr | None]:
    return [*arguments.defaults, *arguments.kw_defaults]


def _annotations(arguments: ast.arguments) -> list[ast.expr | None]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return [argument.annotation for argument in every]
