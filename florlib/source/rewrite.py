"""Rewriting a module so that the runtime sees its loops and guards its hindsight statements.

    for x in E:   ->  for x in __flor__.loop(E, PATH, ORDINAL):
    while C:      ->  for __flor__.turn in __flor__.turns(PATH, ORDINAL):
                          if not C: __flor__.finish(PATH, ORDINAL); continue
    STATEMENTS    ->  with __flor__.probe(PURE, PATH, LINE): STATEMENTS

Nothing else changes: no name appears in the user's scopes, and every node of the user's keeps its
line and column, so that tracebacks and debuggers show the source as it was written.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from florlib.source.functions import LoopNode, loop_nodes
from florlib.source.imports import import_aliases
from florlib.source.loops import explicit_loop
from florlib.source.purity import Purity, is_idle
from florlib.source.spans import LineSpan, span_of

_Node = TypeVar("_Node", bound=ast.AST)

# Called when the loop starts, and not before: a skipped loop must not start its DataLoader.
_DEFERRED = frozenset({"enumerate", "zip", "tqdm", "reversed"})
_DEFINITIONS = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


def rewrite(
    tree: ast.Module,
    *,
    path: str,
    wrap: Collection[int],
    hindsight: frozenset[LineSpan] = frozenset(),
    runtime: str = "__flor__",
) -> ast.Module:
    """Wrap loops and hindsight statements of a module; the given tree stays as it is.

    Args:
        tree: the module as parsed.
        path: its project-relative path, handed to the runtime.
        wrap: ordinals of the loops to wrap. Those that call flor's loop themselves are left alone.
        hindsight: spans of the statements to guard. Definitions that do no more are not.
        runtime: the global name under which the runtime is found.
    """
    aliases = import_aliases(tree)
    ordinals = {
        node: number
        for number, node in enumerate(loop_nodes(tree, hindsight))
        if number in wrap and not (isinstance(node, ast.For) and explicit_loop(node.iter, aliases))
    }
    purity = Purity.of(tree)
    rewritten = _Rewriter(path, ordinals, hindsight, runtime, purity).rebuild(tree)
    return ast.fix_missing_locations(rewritten)


class _Rewriter:
    """Builds new nodes where something below changes, and shares the others with the old tree."""

    def __init__(
        self,
        path: str,
        ordinals: Mapping[LoopNode, int],
        hindsight: frozenset[LineSpan],
        runtime: str,
        purity: Purity,
    ) -> None:
        self._path = path
        self._ordinals = ordinals
        self._hindsight = hindsight
        self._runtime = runtime
        self._purity = purity

    def rebuild(self, node: _Node) -> _Node:
        """The node with everything below it rewritten."""
        changed: dict[str, object] = {}
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                parts = self._parts(value)
                if len(parts) != len(value) or any(
                    new is not old for new, old in zip(parts, value, strict=True)
                ):
                    changed[name] = parts
            elif isinstance(value, ast.AST):
                part = self._visit(value)
                if part is not value:
                    changed[name] = part
        if not changed:
            return node
        fields = {**dict(ast.iter_fields(node)), **changed}
        return ast.copy_location(type(node)(**fields), node)

    def _parts(self, nodes: list[object]) -> list[object]:
        """A list of nodes, neighbouring hindsight statements together under one guard.

        One guard, because they belong together: `net.eval()` is to hold for the line below it.
        A recorded `pass` between them separates nothing.
        """
        parts: list[object] = []
        together: list[ast.stmt] = []
        idle: list[ast.stmt] = []
        for node in nodes:
            if isinstance(node, ast.stmt) and self._is_hindsight(node):
                together += [*idle, node]
                idle = []
            elif isinstance(node, ast.stmt) and together and is_idle(node):
                idle.append(node)
            else:
                parts += [*self._guarded(together), *idle]
                together, idle = [], []
                parts.append(self._visit(node) if isinstance(node, ast.AST) else node)
        return [*parts, *self._guarded(together), *idle]

    def _is_hindsight(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return False  # has to stay in front of everything
        return bool(self._hindsight) and span_of(node) in self._hindsight

    def _visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr):
            return node  # no statement stands below an expression
        if isinstance(node, ast.For) and node in self._ordinals:
            return self._for(node, self._ordinals[node])
        if isinstance(node, ast.While) and node in self._ordinals:
            return self._while(node, self._ordinals[node])
        return self.rebuild(node)

    def _for(self, node: ast.For, ordinal: int) -> ast.For:
        iterable = node.iter
        if isinstance(iterable, ast.Call) and _may_wait(iterable):
            call = self._call(
                "loop_over", iterable, self._path, ordinal, iterable.func, *iterable.args
            )
            call.keywords = iterable.keywords
        else:
            call = self._call("loop", iterable, iterable, self._path, ordinal)
        body = self.rebuild(node)
        wrapped = ast.For(body.target, call, body.body, body.orelse, body.type_comment)
        return ast.copy_location(wrapped, node)

    def _while(self, node: ast.While, ordinal: int) -> ast.For:
        header = ast.copy_location(ast.Pass(), node)
        header.end_lineno, header.end_col_offset = node.test.end_lineno, node.test.end_col_offset
        turn = ast.copy_location(self._attribute("turn", header, ast.Store()), header)
        body = self.rebuild(node)
        statements = list(body.body)
        if not (isinstance(node.test, ast.Constant) and node.test.value):
            statements.insert(0, self._finish_unless(node.test, ordinal))
        turns = self._call("turns", header, self._path, ordinal)
        return ast.copy_location(ast.For(turn, turns, statements, body.orelse, None), node)

    def _finish_unless(self, test: ast.expr, ordinal: int) -> ast.If:
        finish = ast.copy_location(ast.Expr(self._call("finish", test, self._path, ordinal)), test)
        leave = ast.copy_location(ast.Continue(), test)
        refused = ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
        return ast.copy_location(ast.If(refused, [finish, leave], []), test)

    def _guarded(self, nodes: list[ast.stmt]) -> Sequence[ast.stmt]:
        acting = [node for node in nodes if not self._only_defines(node)]
        if not acting:
            return nodes
        pure = all(map(self._purity.holds, acting))
        guard = self._call("probe", acting[0], pure, self._path, acting[0].lineno)
        located = ast.copy_location(ast.With([ast.withitem(guard)], nodes), nodes[0])
        located.end_lineno, located.end_col_offset = nodes[-1].end_lineno, nodes[-1].end_col_offset
        return [located]

    def _only_defines(self, node: ast.stmt) -> bool:
        return isinstance(node, _DEFINITIONS) and self._purity.holds(node)

    def _call(self, verb: str, at: ast.AST, *arguments: object) -> ast.Call:
        """A call of the runtime, located where `at` stands."""
        parts = [
            part if isinstance(part, ast.expr) else ast.copy_location(_constant(part), at)
            for part in arguments
        ]
        function = self._attribute(verb, at, ast.Load())
        return ast.copy_location(ast.Call(function, parts, []), at)

    def _attribute(self, name: str, at: ast.AST, context: ast.expr_context) -> ast.Attribute:
        runtime = ast.copy_location(ast.Name(self._runtime, ast.Load()), at)
        return ast.copy_location(ast.Attribute(runtime, name, context), at)


def _constant(value: object) -> ast.Constant:
    return ast.Constant(value)  # type: ignore[arg-type]


def _may_wait(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Name) and call.func.id in _DEFERRED):
        return False
    unmovable = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)
    return not any(isinstance(part, unmovable) for part in ast.walk(call))
