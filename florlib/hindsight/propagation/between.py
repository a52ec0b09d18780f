"""On which side of statements that only an earlier version has a statement belongs."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from florlib.hindsight.alignment import Addition
from florlib.hindsight.propagation.refusals import NoPlace, quoted
from florlib.hindsight.propagation.scopes import DEFINITIONS
from florlib.source.names import names_in
from florlib.source.purity import Purity
from florlib.source.renames import Renames

_NAMES = (ast.Name, ast.Tuple, ast.List, ast.Starred, ast.expr_context)
_FILLING = frozenset({"add", "append", "extend", "insert"})


@dataclass(frozen=True, slots=True)
class Between:
    """Looks at what stands between the neighbours of an addition.

    Attributes:
        addition: to the recent version.
        known: its neighbours there that the earlier version has.
        needed: the names that it reads, as the earlier version has them.
        renames: recent to earlier.
        purity: of statements of the earlier version.
    """

    addition: Addition
    known: list[ast.stmt]
    needed: frozenset[str]
    renames: Renames
    purity: Purity

    def side(self, between: list[ast.stmt]) -> Literal["front", "back"]:
        """At which end of what stands between the neighbours.

        Statements that have nothing to do with what the addition reads do not count.

        Raises:
            NoPlace: it may be either.
        """
        near: Literal["front", "back"] = "back"
        if any(node in self.addition.before for node in self.known):
            near = "front"
        telling = self.telling(between)
        if not telling:
            return near
        ahead, behind = self._passed(), self._ahead()
        if len(ahead) >= len(telling) and not behind:
            return "back"
        if len(behind) >= len(telling) and not ahead:
            return "front"
        raise NoPlace(
            f"it may belong before or behind {quoted(telling[0])}, which only that version has"
        )

    def telling(self, nodes: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Those of earlier statements on whose sides the addition is not the same."""
        if isinstance(self.addition.statement, DEFINITIONS):
            return []
        return [
            one for one in nodes if names_in(one).stored & self.needed or not self._is_harmless(one)
        ]

    def _passed(self) -> list[ast.stmt]:
        """What that matters stands between the known neighbour and the addition."""
        before = self.addition.before
        numbers = [n for n, node in enumerate(before) if node in self.known]
        return self._mattering(before[numbers[-1] + 1 :] if numbers else before)

    def _ahead(self) -> list[ast.stmt]:
        behind = self.addition.behind
        numbers = [n for n, node in enumerate(behind) if node in self.known]
        return self._mattering(behind[: numbers[0]] if numbers else behind)

    def _mattering(self, nodes: Iterable[ast.stmt]) -> list[ast.stmt]:
        overall = self.renames.overall
        return [
            one
            for one in nodes
            if {overall.get(name, name) for name in names_in(one).stored} & self.needed
            or not self._is_harmless(one)
        ]

    def _is_harmless(self, node: ast.stmt) -> bool:
        """Whether a statement only computes, or fills a container that the names are not about."""
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            container = call.func.value
            if call.func.attr in _FILLING and isinstance(container, ast.Name):
                return container.id not in self.needed and all(map(self.purity.holds, call.args))
        return self.purity.holds(_without_stores(node))


def _without_stores(node: ast.stmt) -> ast.AST:
    """What an assignment computes: that it stores a name of its own is looked at apart."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(one, _NAMES) for target in targets for one in ast.walk(target)):
            return node.value
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return node.value
    return node
