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


class Handed:
    """Which functions a name may stand for that is no function's own.

    Args:
        functions: of the project.
        targets: the functions that a call, or a read, may mean by itself.
    """

    def __init__(self, functions: Iterable[Function], targets: Targets) -> None:
        self._functions = list(functions)
        self._targets = targets
        self._known: dict[tuple[Function | None, str], dict[Function, None]] = {}
        for _ in range(_ROUNDS):
            before = self._size()
            self._look()
            if self._size() == before:
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

    def _size(self) -> int:
        return sum(map(len, self._known.values()))

    def _look(self) -> None:
        for function in self._functions:
            for statement, _ in function.statements:
                for target, value in _given(statement):
                    self._note_assigned(function, target, value)
            for site in function.calls:
                if isinstance(site.node, ast.Call):
                    for target_function in self._targets(function, site):
                        self._note_arguments(function, site.node, target_function)

    def _note_assigned(self, function: Function, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._note((function, target.id), self._of_value(function, value))
        elif isinstance(target, ast.Attribute):
            self._note((None, target.attr), self._of_value(function, value))

    def _note_arguments(self, caller: Function, call: ast.Call, target: Function) -> None:
        if isinstance(target.node, ast.Module):
            return
        arguments = target.node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        if target.owner is not None and names:
            del names[0]
        given = [*zip(names, call.args, strict=False)]
        given += [(word.arg, word.value) for word in call.keywords if word.arg is not None]
        for name, value in given:
            if isinstance(value, ast.Name | ast.Attribute | ast.Call):
                self._note((target, name), self._of_value(caller, value))

    def _note(self, key: tuple[Function | None, str], found: Iterable[Function]) -> None:
        for one in found:
            self._known.setdefault(key, {})[one] = None

    def _of_value(self, function: Function, value: ast.expr) -> Iterator[Function]:
        """What the value of an expression may be, or may call: wrappers take it first."""
        if isinstance(value, ast.IfExp):
            yield from self._of_value(function, value.body)
            yield from self._of_value(function, value.orelse)
        elif isinstance(value, ast.Name):
            yield from self._own(function, value)
        elif isinstance(value, ast.Attribute):
            if isinstance(value.value, ast.Name) and value.value.id in ("self", "cls"):
                yield from self._own(function, value)
        elif isinstance(value, ast.Call):
            if value.args:
                yield from self._of_value(function, value.args[0])
            for maker in self._targets(function, Site(value, ())):
                yield from _returned(maker)

    def _own(self, function: Function, value: ast.Name | ast.Attribute) -> Iterator[Function]:
        found = self._targets(function, Site(value, ()))
        if not found and isinstance(value, ast.Name):
            found = self.named(function, value.id)
        elif not found and isinstance(value, ast.Attribute):
            found = self.attribute(value.attr)
        # A class that is handed on is made somewhere, and what it does is said there.
        yield from (one for one in found if one.name != "__init__")


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
