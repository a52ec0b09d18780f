"""Which names may still be read, at a loop's head or behind it, before they are set again.

The textbook's backward analysis of live variables over Python's structured statements. It errs
towards "live": only a plain store to a name ends its life, what nested functions read counts
as read always, and code that looks names up by text makes every name live.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from florlib.source.functions import loop_nodes
from florlib.source.logs import last_word
from florlib.source.spans import LineSpan

Names = frozenset[str]
_NONE: Names = frozenset()
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_BY_TEXT = frozenset({"globals", "locals", "vars", "eval", "exec"})
# Contexts that end no exception; any other may be like contextlib.suppress.
_TRANSPARENT = frozenset(
    """no_grad enable_grad inference_mode set_grad_enabled autocast set_detect_anomaly fork_rng
    record_function profile device stream no_sync summon_full_params open Lock RLock
    nullcontext redirect_stdout redirect_stderr closing TemporaryDirectory catch_warnings
    localcontext errstate printoptions""".split()
)
_Loop = ast.For | ast.AsyncFor | ast.While


def live_names(
    tree: ast.Module,
    ordinal: int,
    hindsight: Collection[LineSpan] = frozenset(),
    *,
    after: bool,
) -> Names | None:
    """The names of the loop's own scope that may be read from a point on.

    Args:
        tree: the module that holds the loop.
        ordinal: of the loop, as `find_loops` numbers them.
        hindsight: spans of statements whose loops are not numbered.
        after: behind the loop instead of at its head, between two turns.

    Returns:
        None where every name has to count as live.

    >>> tree = ast.parse("for i in x:\\n    a = i\\n    b = b + a\\nprint(b)")
    >>> sorted(live_names(tree, 0, after=False))
    ['b', 'print']
    """
    loops = loop_nodes(tree, hindsight)
    if not 0 <= ordinal < len(loops):
        return None
    loop = loops[ordinal]
    scope = _scope_of(tree, loop)
    if scope is None or _looks_up_by_text(scope):
        return None
    flow = _Flow()
    flow.block(scope.body, _NONE, _Exits(_NONE, _NONE, _NONE))
    head, behind = flow.loops[loop]
    return (behind if after else head) | _read_elsewhere(tree, scope)


_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def _scope_of(tree: ast.Module, loop: ast.AST) -> _Scope | None:
    """The function or module that holds a loop; None for a class body."""

    def search(node: ast.AST, scope: ast.AST) -> ast.AST | None:
        for child in ast.iter_child_nodes(node):
            if child is loop:
                return scope
            opens = isinstance(child, (*_SCOPES, ast.ClassDef))
            found = search(child, child if opens else scope)
            if found is not None:
                return found
        return None

    scope = search(tree, tree)
    return scope if isinstance(scope, _Scope) else None


def _looks_up_by_text(scope: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_TEXT
        for node in ast.walk(scope)
    )


def _read_elsewhere(tree: ast.Module, scope: _Scope) -> Names:
    """Names read in functions within the scope, and those declared global or nonlocal."""
    inner = tree if isinstance(scope, ast.Module) else scope
    names: set[str] = set()
    for node in ast.walk(inner):
        if isinstance(node, (*_SCOPES, ast.ClassDef)) and node is not scope:
            names |= _loads(node)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names.update(node.names)
    return frozenset(names)


def _loads(*nodes: ast.AST | None) -> Names:
    return frozenset(
        name.id
        for node in nodes
        if node is not None
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and not isinstance(name.ctx, ast.Store)
    )


def _lets_errors_through(context: ast.expr) -> bool:
    return isinstance(context, ast.Call) and last_word(context.func) in _TRANSPARENT


def _plain_stores(targets: Iterable[ast.expr]) -> Iterator[str]:
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            yield from _plain_stores(target.elts)
        elif isinstance(target, ast.Starred):
            yield from _plain_stores([target.value])


@dataclass(frozen=True, slots=True)
class _Exits:
    """What is live where a statement jumps to: break, continue, and return or raise.

    Attributes:
        on_error: what is live where an exception is caught, which any statement may raise.
    """

    on_break: Names
    on_continue: Names
    on_unwind: Names
    on_error: Names = _NONE


class _Flow:
    """Walks statements backwards; remembers each loop's live names at its head and behind it."""

    def __init__(self) -> None:
        self.loops: dict[ast.AST, tuple[Names, Names]] = {}

    def block(self, statements: Iterable[ast.stmt], live: Names, exits: _Exits) -> Names:
        """What is live before the statements, given what is live behind them."""
        for statement in reversed(list(statements)):
            live = self._statement(statement, live, exits) | exits.on_error
        return live

    def _statement(self, node: ast.stmt, live: Names, exits: _Exits) -> Names:
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            return self._loop(node, live, exits)
        if isinstance(node, ast.If):
            either = self.block(node.body, live, exits) | self.block(node.orelse, live, exits)
            return either | _loads(node.test)
        if isinstance(node, ast.With | ast.AsyncWith):
            return self._with(node, live, exits)
        if isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            return self._try(node, live, exits)
        if isinstance(node, ast.Match):
            cases = [self.block(case.body, live, exits) for case in node.cases]
            return live.union(_loads(node), *cases)
        if isinstance(node, ast.Break):
            return exits.on_break
        if isinstance(node, ast.Continue):
            return exits.on_continue
        if isinstance(node, ast.Return | ast.Raise):
            return exits.on_unwind | _loads(node)
        return self._simple(node, live)

    def _with(self, node: ast.With | ast.AsyncWith, live: Names, exits: _Exits) -> Names:
        stored = [item.optional_vars for item in node.items if item.optional_vars]
        inner = exits
        if not all(_lets_errors_through(item.context_expr) for item in node.items):
            inner = replace(exits, on_error=exits.on_error | live)  # may go on behind the block
        inside = self.block(node.body, live, inner) - frozenset(_plain_stores(stored))
        return inside | _loads(*node.items) | inner.on_error

    def _simple(self, node: ast.stmt, live: Names) -> Names:
        if isinstance(node, ast.Assign):
            return (live - frozenset(_plain_stores(node.targets))) | _loads(node)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return (live - frozenset(_plain_stores([node.target]))) | _loads(node)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            return live | _loads(node) | {node.target.id}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return (live - {node.name}) | _loads(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {(part.asname or part.name).partition(".")[0] for part in node.names}
            return live - names
        return live | _loads(node)

    def _loop(self, node: _Loop, live: Names, exits: _Exits) -> Names:
        otherwise = self.block(node.orelse, live, exits)
        if isinstance(node, ast.While):
            stored, before, entry = _NONE, _loads(node.test), _NONE
        else:
            stored = frozenset(_plain_stores([node.target]))
            before, entry = _loads(node.target), _loads(node.iter)
        head = otherwise | before | exits.on_error
        for _ in range(2):  # live sets grow once around a loop; the second pass changes nothing
            inner = _Exits(live, head, exits.on_unwind, exits.on_error)
            head |= self.block(node.body, head, inner) - stored
        self.loops[node] = (head, live)
        return head | entry

    def _try(self, node: ast.stmt, live: Names, exits: _Exits) -> Names:
        assert isinstance(node, ast.Try) or hasattr(node, "handlers")
        parts: ast.Try = node  # type: ignore[assignment]
        after = self.block(parts.finalbody, live | exits.on_unwind, exits)
        caught = after.union(
            *(self.block(part.body, after, exits) for part in parts.handlers),
            *(_loads(part.type) for part in parts.handlers),
        )
        # An exception may leave the body anywhere, so nothing it stores is certain.
        inner = _Exits(
            exits.on_break | after,
            exits.on_continue | after,
            exits.on_unwind | caught,
            exits.on_error | caught,
        )
        body = self.block(parts.body, self.block(parts.orelse, after, inner), inner)
        return body | caught
