"""Which functions train: lead to `.backward()` or to an optimizer step.

A scheduler's or an environment's `step()` does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from florlib.source.calls import CallGraph
from florlib.source.functions import Function, Site
from florlib.source.imports import dotted_name
from florlib.source.logs import last_word

_STEPPERS = ("opt", "solver", "scaler", "trainer")
_NEVER_STEPPERS = ("sched", "env", "prof")


class Training:
    """What trains in a project, by its call graph."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._optimizers = {path: _optimizer_words(graph, path) for path in graph.modules}
        self._functions = self._closure()

    def leads_to_step(self, caller: Function, site: Site) -> bool:
        """Whether a call is a backward pass or an optimizer step, or reaches one."""
        if self._is_step(caller, site):
            return True
        return any(target in self._functions for target in self._graph.targets(caller, site))

    def trains(self, function: Function) -> bool:
        """Whether a function holds a backward pass or an optimizer step, or reaches one."""
        return function in self._functions

    def drives(self, caller: Function, site: Site) -> bool:
        """Whether iterating over what a call returns trains: it calls a generator that does."""
        targets = self._graph.targets(caller, site)
        return any(target.yields and target in self._functions for target in targets)

    def _closure(self) -> set[Function]:
        callers: dict[Function, set[Function]] = {}
        pending = []
        for function in self._graph.functions:
            if any(self._is_step(function, site) for site in function.calls):
                pending.append(function)
            for _, target in self._graph.callees(function):
                callers.setdefault(target, set()).add(function)
        found = set(pending)
        while pending:
            for caller in callers.get(pending.pop(), ()):
                if caller not in found:
                    found.add(caller)
                    pending.append(caller)
        return found

    def _is_step(self, caller: Function, site: Site) -> bool:
        target = site.target
        if not isinstance(target, ast.Attribute):
            return False
        if target.attr in ("backward", "manual_backward"):
            return True
        word = last_word(target.value)
        if target.attr != "step" or any(part in word.lower() for part in _NEVER_STEPPERS):
            return False
        named = any(part in word.lower() for part in _STEPPERS)
        return named or word in self._optimizers[caller.path]


def _optimizer_words(graph: CallGraph, path: str) -> set[str]:
    """Identifiers in a file that hold something made by torch.optim."""
    module = graph.modules[path]
    words: set[str] = set()
    before = -1
    while len(words) != before:
        before = len(words)
        for function in module.functions:
            for statement, _ in function.statements:
                value, targets = _flow(statement)
                if value is not None and _holds_optimizer(value, words, module.aliases):
                    words.update(_words(targets))
    return words


def _flow(statement: ast.stmt) -> tuple[ast.expr | None, list[ast.expr]]:
    if isinstance(statement, ast.Assign):
        return statement.value, statement.targets
    if isinstance(statement, ast.AnnAssign):
        return statement.value, [statement.target]
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return statement.iter, [statement.target]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if isinstance(call.func, ast.Attribute) and call.func.attr == "append" and call.args:
            return call.args[0], [call.func.value]
    return None, []


def _holds_optimizer(value: ast.expr, words: set[str], aliases: dict[str, str]) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            name = dotted_name(node.func, aliases) or ""
            if name.startswith("torch.optim.") and name.count(".") == 2:
                return True
    if isinstance(value, ast.Call):  # zip(opts, nets), opts.values(), but not train(opt)
        receiver = value.func.value if isinstance(value.func, ast.Attribute) else None
        parts = [*value.args, *([receiver] if receiver is not None else [])]
        iterates = last_word(value.func) in ("enumerate", "zip", "values", "items", "reversed")
        return iterates and any(last_word(part) in words for part in parts)
    return isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) and last_word(value) in words


def _words(targets: Iterable[ast.expr]) -> set[str]:
    found: set[str] = set()
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            found |= _words(target.elts)
        else:
            found.add(last_word(target))
    return found - {""}
