"""What a program reports or decides by the wall clock: values that no replay can reproduce."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from florlib.source.calls import CallGraph
from florlib.source.functions import Function
from florlib.source.logs import is_log_call
from florlib.source.purity import is_pure
from florlib.source.spans import LineSpan, header_span
from florlib.source.taint import FLOWING, Taint, call_arguments, header_expressions


@dataclass(frozen=True, slots=True)
class WallClock:
    """What depends on the time of day, or on other readings of the machine, in one file."""

    names: frozenset[tuple[str, str]] = frozenset()  # (qualname of the function, variable)
    attributes: frozenset[str] = frozenset()  # attributes that hold such a value, of any object
    sites: frozenset[LineSpan] = frozenset()  # statements that log such a value
    control: tuple[tuple[int, str], ...] = ()  # (line, test) of branches decided by such a value


def wall_clock(trees: Mapping[str, ast.Module]) -> dict[str, WallClock]:
    """Say for each file, by project-relative path, what in it depends on the wall clock."""
    graph = CallGraph(trees)
    taint = Taint(graph)
    attributes: dict[str, set[str]] = {path: set() for path in trees}
    for kind, name in taint.attributes:
        for path, module in graph.modules.items():
            if not kind or any(one.name == kind for one in module.classes):
                attributes[path].add(name)
    return {path: _of_file(path, graph, taint, frozenset(attributes[path])) for path in trees}


def _of_file(path: str, graph: CallGraph, taint: Taint, attributes: frozenset[str]) -> WallClock:
    names = frozenset(
        (function.qualname, name) for function, name in taint.names if function.path == path
    )
    sites: set[LineSpan] = set()
    control: list[tuple[int, str]] = []
    for function in graph.modules[path].functions:
        reader = _Reader(function, taint, graph.modules[path].aliases)
        sites |= reader.sites()
        control += reader.control()
    return WallClock(names, attributes, frozenset(sites), tuple(sorted(control)))


class _Reader:
    """Reads one function, once the taint of everything is known."""

    def __init__(self, function: Function, taint: Taint, aliases: Mapping[str, str]) -> None:
        self._function = function
        self._taint = taint
        self._aliases = aliases
        self._branches = [
            statement
            for statement, _ in function.statements
            if isinstance(statement, (ast.If, ast.While))
            and taint.of(function, statement.test) & FLOWING
        ]

    def sites(self) -> set[LineSpan]:
        """Spans of statements that log a tainted value, or log at a moment chosen by the clock."""
        found = {
            header_span(statement)
            for statement, _ in self._function.statements
            if any(self._reports_clock(call) for call in self._log_calls(statement))
        }
        for branch in self._branches:
            for node in ast.walk(branch):
                if isinstance(node, ast.stmt) and any(self._log_calls(node)):
                    found.add(header_span(node))
        return found

    def control(self) -> Iterator[tuple[int, str]]:
        """(line, test) of the branches that do more than log."""
        for branch in self._branches:
            if not self._only_reports(branch, [*branch.body, *branch.orelse]):
                yield branch.lineno, ast.unparse(branch.test)

    def _log_calls(self, statement: ast.stmt) -> Iterator[ast.Call]:
        for expression in header_expressions(statement):
            for node in ast.walk(expression):
                if isinstance(node, ast.Call) and is_log_call(node, self._aliases):
                    yield node

    def _reports_clock(self, call: ast.Call) -> bool:
        return any(self._taint.of(self._function, part) for part in call_arguments(call))

    def _only_reports(self, branch: ast.If | ast.While, body: list[ast.stmt]) -> bool:
        for statement in body:
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                if not self._stays_inside(branch, statement):
                    return False
            elif isinstance(statement, (ast.If, ast.For, ast.With)):
                inner = [*statement.body, *getattr(statement, "orelse", ())]
                if not self._only_reports(branch, inner):
                    return False
            elif not isinstance(statement, (ast.Expr, ast.Pass)) or not is_pure(
                statement, self._aliases
            ):
                return False
        return True

    def _stays_inside(
        self, branch: ast.stmt, statement: ast.Assign | ast.AugAssign | ast.AnnAssign
    ) -> bool:
        """Whether a store is of a clock's value itself, or is read in the branch alone."""
        if self._taint.of(self._function, statement.value) & FLOWING:
            return True
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        inside = set(ast.walk(branch))
        read = {
            node.id
            for node in ast.walk(self._function.node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in inside
        }
        return all(isinstance(target, ast.Name) and target.id not in read for target in targets)
