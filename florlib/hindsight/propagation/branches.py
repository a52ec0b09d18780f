"""The branches around a statement, and what is certain behind them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from florlib.hindsight.propagation.scopes import stored_by
from florlib.source.matching import Statement
from florlib.source.names import names_in

_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LEAVING = (ast.Raise, ast.Return, ast.Continue, ast.Break)


@dataclass(frozen=True, slots=True)
class Branch:
    """A block that may be left out.

    Attributes:
        owner: the statement that decides.
        number: of the block among those of the statement.
    """

    owner: Statement
    number: int

    @property
    def others(self) -> list[list[ast.stmt]]:
        """The blocks that may be executed instead."""
        blocks = _alternatives(self.owner.node)
        return [block for n, block in enumerate(blocks) if n != self.number and block]


def branches_of(statement: Statement) -> Iterator[Branch]:
    """The branches around a statement in its function and its loop, from the innermost."""
    inner, outer = statement, statement.parent
    while outer is not None and not isinstance(outer.node, _BODIES):
        for number, block in enumerate(_alternatives(outer.node)):
            if any(inner.node is node for node in block) and not _is_script(outer.node):
                yield Branch(outer, number)
        if isinstance(outer.node, _LOOPS) and any(inner.node is one for one in outer.node.body):
            return
        inner, outer = outer, outer.parent


def _alternatives(node: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a statement of which not each is executed."""
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    if isinstance(node, ast.Match):
        return [case.body for case in node.cases]
    if hasattr(node, "handlers"):
        return [one.body for one in node.handlers]
    return [node.orelse] if isinstance(node, _LOOPS) else []


def _is_script(node: ast.stmt) -> bool:
    """Whether it asks for what holds of every script."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def chain_of(statement: Statement) -> list[Statement]:
    """A statement and those around it in its function, from the innermost."""
    chain = [statement]
    while chain[-1].parent is not None and not isinstance(chain[-1].parent.node, _BODIES):
        chain.append(chain[-1].parent)
    return chain


def surely_sets(node: ast.stmt, name: str) -> bool:
    """Whether a name has a new value after a statement, whichever branch was taken."""
    if name in stored_by(node):
        return not isinstance(node, (*_LOOPS, ast.Match)) and not hasattr(node, "handlers")
    if isinstance(node, ast.If):
        return all(_sets(block, name) for block in (node.body, node.orelse))
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return _sets(node.body, name)
    if hasattr(node, "handlers"):
        handlers: list[ast.ExceptHandler] = node.handlers
        body: list[ast.stmt] = getattr(node, "body", [])
        return _sets(body, name) and all(_leaves(one.body) for one in handlers)
    return False


def _sets(block: list[ast.stmt], name: str) -> bool:
    return _leaves(block) or any(surely_sets(node, name) for node in block)


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], _LEAVING)


def may_set(block: list[ast.stmt], name: str) -> bool:
    """Whether anything in a block stores a name."""
    return name in names_in(*block).stored
