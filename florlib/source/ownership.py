"""Whose objects the names of additions stand for: their own, or those of the recorded program."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from florlib.source.names import names_in, parameters

Binding: TypeAlias = "tuple[ast.expr | None, bool]"
"""(what a name is bound to, whether to an element of it); None for arguments and modules: anybody's."""
Scope: TypeAlias = "Mapping[str, list[Binding]]"
"""The names that additions alone store, and what they are bound to; nothing for new objects."""

_FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# Methods that hand out what their object holds, and nothing new.
_VIEWS = frozenset(
    """parameters named_parameters modules named_modules children named_children buffers
    named_buffers values items get setdefault detach view numpy get_submodule get_parameter
    untyped_storage""".split()
)
_PASSING = frozenset({"getattr", "next", "vars", "super"})  # builtins that do likewise
_ITERATING = frozenset(
    {"enumerate", "zip", "reversed", "iter", "list", "tuple", "sorted", "filter"}
)
_SETTERS = frozenset({"setattr", "delattr", "__setattr__", "__delattr__", "__setitem__"})
# Calls that make something new.
_MAKERS = frozenset(
    """list dict set bytearray sorted sum len int float str abs round defaultdict Counter OrderedDict
    deque zeros ones empty full arange tensor eye linspace zeros_like ones_like""".split()
)
_NEW = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.ListComp, ast.DictComp, ast.SetComp,
)  # fmt: skip
_CLASSES = frozenset({"object", "type"})
_FOLLOWED = 12  # names that stand for one another, before a chain counts as anybody's


def foreign_writes(node: ast.AST, scope: Scope) -> Iterator[str]:
    """What an addition writes to that is not its own, as source text."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        if is_borrowed(node.value, scope):
            yield ast.unparse(node)
    elif isinstance(node, ast.Call) and is_borrowed(_set_by(node), scope):
        yield ast.unparse(node)
    inner = _inside(node, scope, "") if isinstance(node, _FUNCTIONS) else scope
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.ClassDef) and isinstance(child, ast.FunctionDef):
            yield from _method_writes(node, child, scope)
        else:
            yield from foreign_writes(child, inner)


def _method_writes(kind: ast.ClassDef, method: ast.FunctionDef, scope: Scope) -> Iterator[str]:
    """Of a method of an added class: its object is one of the additions' own."""
    first = next(iter(parameters(method.args)), "") if not method.decorator_list else ""
    inner = _inside(method, scope, first)
    for child in ast.iter_child_nodes(method):
        yield from foreign_writes(child, inner)


def _inside(node: _FunctionNode, scope: Scope, own: str) -> Scope:
    inner = dict(scope)
    if not isinstance(node, ast.Lambda):
        inner |= bindings(node.body)
    inner |= {name: [(None, False)] for name in parameters(node.args)}
    return inner | ({own: []} if own else {})


def bindings(statements: Iterable[ast.stmt]) -> dict[str, list[Binding]]:
    """Everything that statements of one scope bind their names to."""
    found: dict[str, list[Binding]] = {}
    for statement in statements:
        for name in names_in(statement).stored:
            found.setdefault(name, [])
        for name, binding in _bound(statement):
            found.setdefault(name, []).append(binding)
    return found


def _bound(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value, False)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield from _unpacked(node.target, node.value, False)
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield from _unpacked(node.target, node.iter, True)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _unpacked(node.optional_vars, node.context_expr, False)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:  # a module is everybody's
            yield alias.asname or alias.name.partition(".")[0], (None, False)
    elif isinstance(node, ast.Match):
        for part in ast.walk(node):
            if isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name:
                yield part.name, (node.subject, False)
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            yield from _bound(child)


def _unpacked(target: ast.expr, value: ast.expr, element: bool) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, (value, element)
    elif isinstance(target, ast.Starred):
        yield from _unpacked(target.value, value, True)
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) and not element else []
        if len(parts) == len(target.elts):
            for one, part in zip(target.elts, parts, strict=True):
                yield from _unpacked(one, part, False)
        else:
            for one in target.elts:
                yield from _unpacked(one, value, True)


def _set_by(call: ast.Call) -> ast.expr | None:
    """The object that a call such as `setattr(net, "scale", 2)` sets something of."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name not in _SETTERS:
        return None
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if receiver is None or (isinstance(receiver, ast.Name) and receiver.id in _CLASSES):
        return call.args[0] if call.args else None
    return receiver


def is_borrowed(node: ast.expr | None, scope: Scope, element: bool = False, depth: int = 0) -> bool:
    """Whether an expression may give an object of the recorded program (or an element of one)."""
    if node is None:
        return False
    if depth > _FOLLOWED:
        return True
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        return is_borrowed(node.value, scope, element, depth)
    if isinstance(node, ast.Name):
        if node.id not in scope:
            return True
        return any(
            value is None or is_borrowed(value, scope, element or part, depth + 1)
            for value, part in scope[node.id]
        )
    if isinstance(node, (ast.Tuple, ast.List)) and element:
        return any(is_borrowed(part, scope, False, depth) for part in node.elts)
    if isinstance(node, ast.NamedExpr):
        return is_borrowed(node.value, scope, element, depth)
    if isinstance(node, ast.IfExp):
        return any(is_borrowed(part, scope, element, depth) for part in (node.body, node.orelse))
    if isinstance(node, ast.BoolOp):
        return any(is_borrowed(part, scope, element, depth) for part in node.values)
    return isinstance(node, ast.Call) and _hands_out(node, scope, element, depth)


def _hands_out(call: ast.Call, scope: Scope, element: bool, depth: int) -> bool:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in _VIEWS and is_borrowed(call.func.value, scope, element, depth)
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name in ("globals", "locals") or (name == "vars" and not call.args):
        return True
    if name in _PASSING or (name in _ITERATING and element):
        return any(is_borrowed(part, scope, element, depth) for part in call.args)
    return False


def is_new(node: ast.expr, scope: Scope, depth: int = 0) -> bool:
    """Whether an expression surely gives an object that was made in this scope."""
    if isinstance(node, _NEW):
        return True
    if isinstance(node, ast.Name) and depth <= _FOLLOWED:
        bound = scope.get(node.id, [(None, False)])
        return bool(bound) and all(
            value is not None and not part and is_new(value, scope, depth + 1)
            for value, part in bound
        )
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else None
        return (node.func.id if isinstance(node.func, ast.Name) else name) in _MAKERS
    return False
