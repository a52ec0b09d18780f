"""Functions of a module as they stand in the text: their calls, references and loops.

The module itself counts as a function named `<module>`. What calls what is said by calls.py.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from florlib.source.imports import import_aliases
from florlib.source.names import Names, names_in, parameters
from florlib.source.spans import LineSpan, lies_within

MODULE = "<module>"
LoopNode: TypeAlias = "ast.For | ast.While"
FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Site:
    """A call, or a name or attribute that is read without being called."""

    node: ast.expr
    loops: tuple[LoopNode, ...]  # whose turns run it, outermost first, in the same function
    iterates: LoopNode | None = None  # the loop whose iterable it stands in, if any

    @property
    def target(self) -> ast.expr:
        """What is called or read."""
        return self.node.func if isinstance(self.node, ast.Call) else self.node


@dataclass(eq=False, slots=True)
class Function:
    """One function of one file; two of the same name stay apart."""

    path: str
    qualname: str
    node: FunctionNode | ast.Module
    owner: str | None = None  # qualname of the class that it is a method of
    outer: Function | None = None
    calls: list[Site] = field(default_factory=list)
    reads: list[Site] = field(default_factory=list)
    statements: list[tuple[ast.stmt, tuple[LoopNode, ...]]] = field(default_factory=list)
    loops: list[tuple[LoopNode, tuple[LoopNode, ...]]] = field(default_factory=list)
    yields: bool = False
    inner: dict[str, Function] = field(default_factory=dict)
    names: Names = field(default_factory=lambda: Names(frozenset(), frozenset()))

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]

    def binds(self, name: str) -> bool:
        """Whether the name is a local variable or parameter here (not a nested function)."""
        if isinstance(self.node, ast.Module) or name in self.inner:
            return False
        return name in self.names.stored - self.names.declared or name in parameters(self.node.args)


@dataclass(eq=False, slots=True)
class Class:
    """One class of one file."""

    path: str
    qualname: str
    node: ast.ClassDef
    methods: dict[str, Function] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(eq=False, slots=True)
class Module:
    """What stands in one file."""

    path: str
    functions: list[Function]
    classes: list[Class]
    aliases: dict[str, str]


def read_module(
    path: str, tree: ast.Module, hindsight: Collection[LineSpan] = frozenset()
) -> Module:
    """List the functions and classes of a file, hindsight statements left out."""
    reader = _Reader(path, hindsight)
    top = reader.open(tree, MODULE, None, None)
    reader.body(tree.body, top, (), MODULE, None)
    return Module(path, reader.functions, reader.classes, import_aliases(tree))


def loop_nodes(
    tree: ast.AST, hindsight: Collection[LineSpan] = frozenset()
) -> tuple[LoopNode, ...]:
    """All `for` and `while` statements in source order; a loop's ordinal is its index here."""
    loops = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.While))
        and not (hindsight and lies_within(node, hindsight))
    ]
    return tuple(sorted(loops, key=lambda loop: (loop.lineno, loop.col_offset)))


class _Reader:
    def __init__(self, path: str, hindsight: Collection[LineSpan]) -> None:
        self.path = path
        self.hindsight = hindsight
        self.functions: list[Function] = []
        self.classes: list[Class] = []

    def open(
        self,
        node: FunctionNode | ast.Module,
        qualname: str,
        owner: str | None,
        outer: Function | None,
    ) -> Function:
        function = Function(self.path, qualname, node, owner, outer)
        function.names = names_in(*node.body, hidden=self.hindsight)
        self.functions.append(function)
        return function

    def body(
        self,
        statements: list[ast.stmt],
        function: Function,
        loops: tuple[LoopNode, ...],
        prefix: str,
        owner: Class | None,
    ) -> None:
        for statement in statements:
            if self.hindsight and lies_within(statement, self.hindsight):
                continue
            function.statements.append((statement, loops))
            if isinstance(statement, _SCOPES):
                self._define(statement, function, loops, prefix, owner)
            elif isinstance(statement, ast.ClassDef):
                self._define_class(statement, function, loops, prefix)
            elif isinstance(statement, (ast.For, ast.While)):
                self._loop(statement, function, loops, prefix, owner)
            else:
                self._parts(statement, function, loops, prefix, owner)

    def _define(
        self,
        node: FunctionNode,
        function: Function,
        loops: tuple[LoopNode, ...],
        prefix: str,
        owner: Class | None,
    ) -> None:
        for expression in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]:
            if expression is not None:
                self._expression(expression, function, loops)
        qualname = node.name if prefix == MODULE else f"{prefix}.{node.name}"
        inner = self.open(node, qualname, owner.qualname if owner else None, function)
        if owner:
            owner.methods[node.name] = inner
        else:
            function.inner[node.name] = inner
        self.body(node.body, inner, (), f"{qualname}.<locals>", None)

    def _define_class(
        self, node: ast.ClassDef, function: Function, loops: tuple[LoopNode, ...], prefix: str
    ) -> None:
        for expression in [*node.decorator_list, *(word.value for word in node.keywords)]:
            self._expression(expression, function, loops)
        qualname = node.name if prefix == MODULE else f"{prefix}.{node.name}"
        owner = Class(self.path, qualname, node)
        self.classes.append(owner)
        self.body(node.body, function, loops, qualname, owner)

    def _loop(
        self,
        node: LoopNode,
        function: Function,
        loops: tuple[LoopNode, ...],
        prefix: str,
        owner: Class | None,
    ) -> None:
        function.loops.append((node, loops))
        inside = (*loops, node)
        if isinstance(node, ast.For):
            self._expression(node.iter, function, loops, node)
            self._expression(node.target, function, inside)
        else:
            self._expression(node.test, function, inside)
        self.body(node.body, function, inside, prefix, owner)
        self.body(node.orelse, function, loops, prefix, owner)

    def _parts(
        self,
        node: ast.AST,
        function: Function,
        loops: tuple[LoopNode, ...],
        prefix: str,
        owner: Class | None,
    ) -> None:
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "type_comment"):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.stmt):
                    self.body([part], function, loops, prefix, owner)
                elif isinstance(part, ast.expr):
                    self._expression(part, function, loops)
                elif isinstance(part, ast.AST):
                    self._parts(part, function, loops, prefix, owner)

    def _expression(
        self,
        node: ast.expr,
        function: Function,
        loops: tuple[LoopNode, ...],
        iterates: LoopNode | None = None,
    ) -> None:
        called: set[int] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                called.add(id(part.func))
                function.calls.append(Site(part, loops, iterates))
            elif isinstance(part, (ast.Yield, ast.YieldFrom)):
                function.yields = True
            elif isinstance(part, (ast.Name, ast.Attribute)) and id(part) not in called:
                if isinstance(part.ctx, ast.Load):
                    function.reads.append(Site(part, loops, iterates))
