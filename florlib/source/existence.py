"""Whether code that a loop may run asks which files are there, of which no event tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from florlib.source.logs import last_word

_ASKS = frozenset({"exists", "lexists", "isfile", "is_file", "isdir", "is_dir", "islink", "access"})
_MAKES = frozenset({"makedirs", "mkdir"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def asks_existence(tree: ast.Module) -> bool:
    """Whether a loop, or a function that has no loop around the question, asks that.

    Not counted: what merely makes a folder that is missing, and what a constructor asks or, ahead
    of its loops, a function that has some: that is before training.

    >>> asks_existence(ast.parse("for e in range(3):\\n    if os.path.exists('best'): load()"))
    True
    >>> asks_existence(ast.parse("if not os.path.exists('out'): os.makedirs('out')"))
    False
    """
    return any(_is_asked_later(parents) for parents in _questions(tree, ()))


def _questions(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, ...]]:
    """What stands around each call that asks, outermost first."""
    if isinstance(node, ast.If) and _only_makes(node):
        return
    if isinstance(node, ast.Call) and last_word(node.func) in _ASKS:
        yield parents
    for child in ast.iter_child_nodes(node):
        yield from _questions(child, (*parents, node))


def _only_makes(node: ast.If) -> bool:
    """`if not exists(folder): makedirs(folder)`"""
    first = node.body[0]
    call = first.value if isinstance(first, ast.Expr) else None
    made = isinstance(call, ast.Call) and last_word(call.func) in _MAKES
    return made and len(node.body) == 1 and not node.orelse


def _is_asked_later(parents: tuple[ast.AST, ...]) -> bool:
    if any(isinstance(one, _LOOPS) for one in parents):
        return True
    function = next((one for one in reversed(parents) if isinstance(one, _FUNCTIONS)), None)
    if function is None or getattr(function, "name", "") == "__init__":
        return False
    return not any(isinstance(one, _LOOPS) for one in ast.walk(function))
