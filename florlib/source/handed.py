"""Functions behind variables, attributes and parameters, as far as the text says which.

`step = partial(train_step, net)`, `step = make_step()`, `fit(train_step)`, `self.step = step`: what
is called by these names is a function of the project that was handed on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from florlib.source.assignments import assigned
from florlib.source.functions import Function, Site

_ROUNDS = 4  # a function that is handed on more often than that is not followed

Targets = Callable[[Function, Site], list[Function]]


Key = tuple[Function | None, str]
"""(function, variable), or (None, attribute of whatever object)."""


class Handed:
    """Which functions a name may stand for that is no function's own.

    Args:
        functions: of the project.
        targets: the functions that a call, or a read, may mean by itself.
    """

    def __init__(self, functions: Iterable[Function], targets: Targets) -> None:
        self._targets = targets
        self._known: dict[Key, dict[Function, None]] = {}
        flows = [flow for function in functions for flow in self._flows(function)]
        for _ in range(_ROUNDS):
            passed = [self._pass_on(key, source) for key, source in flows]
            if not any(passed):
                break

    def named(self, caller: Function, name: str) -> list[Function]:
        """What a variable or parameter may stand for that is seen in a function."""
        scope: Function | None = caller
        while scope is not None:
            if (scope, name) in self._known or scope.binds(name):
                return list(self._known.get((scope, name), ()))
            scope = scope.outer
        return []

    def attribute(self, name: str) -> list[Function]:
        """What an attribute of any object may stand for."""
        return list(self._known.get((None, name), ()))

    def _pass_on(self, key: Key, source: Function | Key) -> bool:
        """Whether a name now stands for more than before."""
        if isinstance(source, Function):
            found = [source]
        else:
            scope, name = source
            found = self.attribute(name) if scope is None else self.named(scope, name)
        new = [one for one in found if one not in self._known.get(key, ())]
        for one in new:
            self._known.setdefault(key, {})[one] = None
        return bool(new)

    def _flows(self, function: Function) -> Iterator[tuple[Key, Function | Key]]:
        """What a function hands on to which names: functions, or what other names stand for."""
        for statement, _ in function.statements:
            for target, value in _given(statement):
                if isinstance(target, ast.Name | ast.Attribute):
                    key = _key(function, target)
                    yield from ((key, source) for source in self._sources(function, value))
        for site in function.calls:
            if isinstance(site.node, ast.Call) and (site.node.args or site.node.keywords):
                for target_function in self._targets(function, site):
                    for key, value in _arguments(site.node, target_function):
                        yield from ((key, source) for source in self._sources(function, value))

    def _sources(self, function: Function, value: ast.expr) -> Iterator[Function | Key]:
        """What the value of an expression may be, or may call: wrappers take it first."""
        if isinstance(value, ast.IfExp):
            yield from self._sources(function, value.body)
            yield from self._sources(function, value.orelse)
        elif isinstance(value, ast.Name) or (isinstance(value, ast.Attribute) and is_own(value)):
            found = self._targets(function, Site(value, ()))
            # A class that is handed on is made somewhere, and what it does is said there.
            yield from (one for one in found if one.name != "__init__")
            if not found:
                yield _key(function, value)
        elif isinstance(value, ast.Call):
            if value.args:
                yield from self._sources(function, value.args[0])
            for maker in self._targets(function, Site(value, ())):
                yield from _returned(maker)


def is_own(target: ast.Attribute) -> bool:
    """Whether it is an attribute of the object or class whose method this is."""
    return isinstance(target.value, ast.Name) and target.value.id in ("self", "cls")


def _key(function: Function, target: ast.Name | ast.Attribute) -> Key:
    return (function, target.id) if isinstance(target, ast.Name) else (None, target.attr)


def _arguments(call: ast.Call, target: Function) -> Iterator[tuple[Key, ast.expr]]:
    if isinstance(target.node, ast.Module):
        return
    arguments = target.node.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    if target.owner is not None and names:
        del names[0]
    given: list[tuple[str | None, ast.expr]] = [*zip(names, call.args, strict=False)]
    given += [(word.arg, word.value) for word in call.keywords]
    yield from (((target, name), value) for name, value in given if name is not None)


def _given(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets of a statement, with what each may get: `a, b = make()`, `for f in (a, b)` as well."""
    for target, value in assigned(statement):
        if value is not None:
            yield target, value
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        for target in statement.targets:
            if isinstance(target, ast.Tuple | ast.List):
                yield from ((part, statement.value) for part in target.elts)
    if isinstance(statement, ast.For) and isinstance(statement.iter, ast.Tuple | ast.List):
        yield from ((statement.target, item) for item in statement.iter.elts)


def _returned(maker: Function) -> Iterator[Function]:
    """The functions within another one that it returns."""
    for statement, _ in maker.statements:
        if isinstance(statement, ast.Return) and statement.value is not None:
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Name) and node.id in maker.inner:
                    yield maker.inner[node.id]
