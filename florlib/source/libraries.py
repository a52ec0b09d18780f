"""What a file changes in libraries: attributes of their modules and classes, and containers there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from florlib.source.imports import dotted_name, import_aliases

# Methods by which containers change.
_CHANGING = frozenset(
    """add append appendleft clear discard extend extendleft insert pop popitem popleft remove reverse
    setdefault sort update""".split()
)


def library_attributes(tree: ast.AST) -> set[tuple[str, str]]:
    """(owner, attribute) that a file sets or changes by name; the owner is a dotted path.

    Other names for a module or class count, where they are bound to it as they stand.

    >>> library_attributes(ast.parse("import torch; torch.backends.cudnn.benchmark = True"))
    {('torch.backends.cudnn', 'benchmark')}
    >>> library_attributes(ast.parse("import mimetypes as m; types = m; types.types_map['.x'] = 'y'"))
    {('mimetypes', 'types_map')}
    """
    aliases = _with_other_names(tree, import_aliases(tree))
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        for target in _changed(node):
            owner = _owner(target.value, aliases)
            if owner:
                found.add((owner, target.attr))
    return found


def put_attributes(tree: ast.AST) -> set[str]:
    """The names of attributes that a file sets on other objects than `self`, and `__del__` where
    it defines that.

    >>> sorted(put_attributes(ast.parse("bar.hits += 1; self.n = 0; setattr(x, 'seen', 1)")))
    ['hits', 'seen']
    """
    nodes = list(ast.walk(tree))
    found = [target for node in nodes for target in _changed(node)]
    ends = {n.name for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "__del__"}
    return ends | {
        one.attr
        for one in found
        if not (isinstance(one.value, ast.Name) and one.value.id == "self")
    }


def _changed(node: ast.AST) -> Iterator[ast.Attribute]:
    """The attributes that a node sets, or whose items or content it changes."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        target = node.value if isinstance(node, ast.Subscript) else node
        if isinstance(target, ast.Attribute):
            yield target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of = node.func.value
        if node.func.attr in _CHANGING and isinstance(of, ast.Attribute):
            yield of
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) >= 2:
        name = node.args[1]
        if node.func.id in ("setattr", "delattr") and isinstance(name, ast.Constant):
            yield ast.Attribute(node.args[0], str(name.value), ast.Store())


def _owner(expression: ast.expr, aliases: Mapping[str, str]) -> str | None:
    """The dotted path of a module, or of what lies in one, that an expression stands for."""
    loaded = _loaded_module(expression)
    if loaded:
        return loaded
    root = expression
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and root.id in aliases:
        return dotted_name(expression, aliases)
    return None


def _loaded_module(expression: ast.expr) -> str | None:
    """The name in `sys.modules["name"]`."""
    if isinstance(expression, ast.Subscript) and isinstance(expression.slice, ast.Constant):
        of = expression.value
        if isinstance(of, ast.Attribute) and of.attr == "modules":
            return str(expression.slice.value)
    return None


def _with_other_names(tree: ast.AST, aliases: dict[str, str]) -> dict[str, str]:
    """Imported names, and those that an assignment gives to what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, owner = node.targets[0], _owner(node.value, aliases)
            if owner and isinstance(target, ast.Name):
                aliases.setdefault(target.id, owner)
    return aliases
