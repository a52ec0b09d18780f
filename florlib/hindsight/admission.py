"""Which added statements are let in: those that leave alone everything the recorded file has."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from florlib.hindsight.alignment import Addition, Context
from florlib.source.imports import dotted_name, import_aliases
from florlib.source.names import Names, names_in, parameters

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (*_DEFINITIONS, ast.Lambda)
_ENDINGS = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit", "os.kill"})
_WORDS: dict[type[ast.AST], str] = {
    ast.Return: "returns",
    ast.Yield: "yields",
    ast.YieldFrom: "yields",
    ast.Await: "awaits",
    ast.AsyncFor: "awaits",
    ast.AsyncWith: "awaits",
}


class Admission:
    """Judges additions to one recorded file."""

    def __init__(self, recorded: ast.Module, additions: list[Addition]) -> None:
        self._recorded = recorded
        self._aliases = import_aliases(recorded)
        self._scopes = dict(_scopes(recorded))
        self._attributes = {
            node.attr for node in ast.walk(recorded) if isinstance(node, ast.Attribute)
        }
        self.introduced: dict[str, set[str]] = {}  # function -> names of its additions
        for addition in additions:
            stored = names_in(addition.statement).stored
            if not addition.context.in_class:
                self.introduced.setdefault(addition.context.function, set()).update(stored)

    def new_names(self) -> frozenset[tuple[str, str]]:
        """(function, name) of what additions store and the recorded code there does not."""
        return frozenset(
            (function, name)
            for function, names in self.introduced.items()
            for name in names - self._scopes[function].stored
        )

    def objections(self, addition: Addition) -> list[str]:
        """Why an addition is a change of the program; empty for a probe."""
        statement, context = addition.statement, addition.context
        found = list(_control(statement, 0, False))
        if context.block == "orelse" and isinstance(context.owner, (ast.For, ast.While)):
            if not context.owner.orelse:
                found.append("gives the loop an `else`, which runs only if no `break` did")
        if context.in_class:
            found += self._in_class(statement)
        else:
            found += self._stores(statement, context)
        found += self._mutations(statement, context)
        return found

    def _in_class(self, statement: ast.stmt) -> Iterator[str]:
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            if names_in(statement).stored:
                yield "adds an attribute to a class"
        elif statement.name.startswith("__") or statement.name in self._attributes:
            yield f"may replace `{statement.name}` of the class or its bases"

    def _stores(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        names = names_in(statement)
        if "*" in names.stored:
            yield "imports with `*`, which may replace any name"
        same = self._repeated_imports(statement, context)
        for name in sorted(names.stored - same - {"*"}):
            scope = self._scopes[context.function]
            if name in scope.stored:
                yield f"stores to `{name}`, which the recorded code has"
            elif name in scope.loaded:
                known = "a builtin that" if hasattr(builtins, name) else "which"
                yield f"stores to `{name}`, {known} the recorded code reads"

    def _repeated_imports(self, statement: ast.stmt, context: Context) -> set[str]:
        """Names that a module-level import binds once more to what they are already."""
        if context.function != "<module>" or not isinstance(
            statement, (ast.Import, ast.ImportFrom)
        ):
            return set()
        again = import_aliases(ast.Module([statement], []))
        bound = set()
        for node in self._recorded.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                bound |= set(import_aliases(ast.Module([node], [])).items())
        return {name for name, target in again.items() if (name, target) in bound}

    def _mutations(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        own = self.introduced.get(context.function, set()) | self.introduced.get("<module>", set())
        own = own - self._scopes[context.function].stored
        for node, local in _with_locals(statement, frozenset(own)):
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                if not isinstance(node.ctx, ast.Load) and _root(node) not in local:
                    yield f"writes to `{ast.unparse(node)}`"


def _control(node: ast.AST, loops: int, caught: bool) -> Iterator[str]:
    """Statements that steer the program around them."""
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        yield f"declares `{', '.join(node.names)}` of an outer scope"
    elif isinstance(node, ast.Delete):
        yield f"deletes `{', '.join(ast.unparse(target) for target in node.targets)}`"
    elif isinstance(node, (ast.Break, ast.Continue)) and not loops:
        yield f"`{type(node).__name__.lower()}` leaves a recorded loop"
    elif isinstance(node, (ast.Raise, ast.Assert)) and not caught:
        yield f"may raise: `{ast.unparse(node)}`"
    elif type(node) in _WORDS:
        yield f"{_WORDS[type(node)]} from the recorded code"
    elif isinstance(node, ast.Call) and dotted_name(node.func, {}) in _ENDINGS:
        yield f"ends the program: `{ast.unparse(node)}`"
    if isinstance(node, _SCOPES):
        yield from _declarations(node)
        return
    for name, value in ast.iter_fields(node):
        inside = loops + (isinstance(node, (ast.For, ast.While)) and name == "body")
        safe = caught or (isinstance(node, ast.Try) and name == "body" and bool(node.handlers))
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _control(part, inside, safe)


def _declarations(scope: ast.AST) -> Iterator[str]:
    for node in ast.walk(scope):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield f"declares `{', '.join(node.names)}` of an outer scope"


def _with_locals(node: ast.AST, local: frozenset[str]) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Every node with the names that are an addition's own where it stands."""
    yield node, local
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        local = (local | names_in(*node.body).stored) - set(parameters(node.args))
    for child in ast.iter_child_nodes(node):
        yield from _with_locals(child, local)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _scopes(recorded: ast.Module) -> Mapping[str, Names]:
    """Qualname -> names of each function, parameters among the stored; of the module as well.

    What is loaded includes what functions nested in it load.
    """
    found = {"<module>": names_in(*recorded.body)}

    def enter(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names = names_in(*child.body)
                stored = names.stored | set(parameters(child.args))
                qualname = f"{prefix}{child.name}"
                before = found.get(qualname, Names(frozenset(), frozenset()))
                found[qualname] = Names(
                    before.stored | stored, before.loaded | names.loaded, names.declared
                )
                inner = f"{qualname}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inner = f"{prefix}{child.name}."
            enter(child, inner)

    enter(recorded, "")
    return found
