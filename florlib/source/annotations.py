"""Leaving annotations out of a syntax tree, where nothing in the program looks at them."""

from __future__ import annotations

import ast
import re

# Whatever makes annotations a part of what a program does.
_READERS = re.compile(
    r"__annotations__|get_type_hints|get_annotations|signature|singledispatch|typer|pydantic|fire"
    r"|beartype|jaxtyping|injector|hydra|attrs?\b|click|fastapi"
)


def may_leave_out(text: str) -> bool:
    """Whether nothing in a source suggests that its annotations are read while it runs."""
    return _READERS.search(text) is None


def without_annotations(tree: ast.Module) -> ast.Module:
    """The tree, changed in place, without the annotations that do nothing.

    Those of class bodies stay, as dataclasses read them, and those of decorated functions.

    >>> ast.unparse(without_annotations(ast.parse("def f(x: int) -> str:\\n    y: int = x")))
    'def f(x):\\n    y = x'
    """
    remover = _Remover()
    remover.body(tree.body)
    tree.body = [remover.visit(statement) for statement in tree.body]
    return tree


class _Remover(ast.NodeTransformer):
    def body(self, statements: list[ast.stmt]) -> None:
        """Put `pass` for annotations of a module's names that have no value."""
        for n, statement in enumerate(statements):
            if isinstance(statement, ast.AnnAssign) and statement.value is None:
                if isinstance(statement.target, ast.Name) and _is_inert(statement.annotation):
                    statements[n] = ast.copy_location(ast.Pass(), statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        for statement in node.body:
            if isinstance(statement, functions):
                self.visit(statement)
        return node

    def visit_FunctionDef(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.FunctionDef | ast.AsyncFunctionDef:
        self.generic_visit(node)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
        annotations = [node.returns, *(argument.annotation for argument in every)]
        if not node.decorator_list and all(_is_inert(one) for one in annotations if one):
            node.returns = None
            for argument in every:
                argument.annotation = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign | ast.Assign:
        if node.value is None or not isinstance(node.target, ast.Name):
            return node
        if not _is_inert(node.annotation):
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _is_inert(annotation: ast.expr) -> bool:
    """Whether evaluating an annotation calls nothing that is written in it."""
    acting = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return not any(isinstance(node, acting) for node in ast.walk(annotation))
