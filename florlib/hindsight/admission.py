"""Which added statements are let in: those that leave alone everything the recorded file has."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from florlib.hindsight.alignment import Addition, Context
from florlib.hindsight.overriding import Attributes
from florlib.hindsight.steering import lasting_calls, steers
from florlib.source.functions import MODULE
from florlib.source.imports import import_aliases
from florlib.source.names import Names, names_in, parameters
from florlib.source.ownership import Binding, bindings, foreign_writes

_IMPORTS = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Admission:
    """Judges additions to one recorded file.

    Args:
        recorded: the file.
        additions: all that was added to it.
        aliases: imports of the present file.
        attributes: what all recorded files say of attributes.
        shared: names that files which import this one with `*` have.
    """

    def __init__(
        self,
        recorded: ast.Module,
        additions: list[Addition],
        aliases: Mapping[str, str],
        attributes: Attributes,
        shared: frozenset[str] = frozenset(),
    ) -> None:
        self._recorded = recorded
        self._aliases = aliases
        self._recorded_aliases = import_aliases(recorded)
        self._attributes = attributes
        self._shared = shared
        self._scopes = dict(_scopes(recorded))
        self._removes = any(_removes(addition.statement) for addition in additions)
        self.introduced: dict[str, set[str]] = {MODULE: set()}  # function -> names of additions
        self._bindings: dict[str, dict[str, list[Binding]]] = {}
        for addition in additions:
            if not addition.context.in_class:
                self._introduce(addition)

    def _introduce(self, addition: Addition) -> None:
        function, stored = addition.context.function, names_in(addition.statement).stored
        wide = _declared(addition.statement, ast.Global)
        self.introduced.setdefault(function, set()).update(stored - wide)
        self.introduced[MODULE].update(stored & wide)
        bound = self._bindings.setdefault(function, {})
        for name, values in bindings([addition.statement]).items():
            bound.setdefault(name, []).extend(values)

    def new_names(self) -> frozenset[tuple[str, str]]:
        """(function, name) of what additions store and the recorded code there does not."""
        return frozenset(
            (function, name) for function in self.introduced for name in self._own_names(function)
        )

    def _own_names(self, function: str) -> set[str]:
        return self.introduced.get(function, set()) - self._scopes[function].stored

    def objections(self, addition: Addition) -> list[str]:
        """Why an addition is a change of the program; empty for a probe."""
        statement, context = addition.statement, addition.context
        found = [*steers(statement)]
        found += lasting_calls(statement, self._aliases, removes=self._removes)
        if context.block == "orelse" and isinstance(context.owner, (ast.For, ast.While)):
            if not context.owner.orelse:
                found.append("gives the loop an `else`, which runs only if no `break` did")
        if context.in_class:
            found += self._in_class(statement, context)
        else:
            found += self._stores(statement, context)
        found += self._declarations(statement, context)
        found += self._deletions(statement, context)
        scope = {name: self._bound(name, context) for name in self._names_at(context)}
        found += [f"writes to `{text}`" for text in foreign_writes(statement, scope)]
        return list(dict.fromkeys(found))

    def _names_at(self, context: Context) -> set[str]:
        return self._own_names(context.function) | self._own_names(MODULE)

    def _bound(self, name: str, context: Context) -> list[Binding]:
        local = self._bindings.get(context.function, {})
        return local.get(name, []) or self._bindings.get(MODULE, {}).get(name, [])

    def _in_class(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            if names_in(statement).stored:
                yield "adds an attribute to a class"
        elif not isinstance(context.owner, ast.ClassDef) or self._attributes.may_replace(
            context.owner, self._recorded_aliases, statement.name
        ):
            yield f"may replace `{statement.name}` of the class or its bases"

    def _stores(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        stored = names_in(statement).stored
        if "*" in stored:
            yield "imports with `*`, which may replace any name"
        same = self._repeated_imports(statement, context)
        wide = _declared(statement, ast.Global)
        for name in sorted(stored - same - {"*"}):
            yield from self._store(name, context.function)
            if name in wide:
                yield from self._store(name, MODULE)
        if context.function == MODULE:
            for name in sorted(stored & self._shared):
                yield f"`{name}` goes with `import *` to a file that has the name"

    def _store(self, name: str, function: str) -> Iterator[str]:
        scope = self._scopes[function]
        if name in scope.stored:
            yield f"stores to `{name}`, which the recorded code has"
        elif name in scope.loaded:
            known = "a builtin that" if hasattr(builtins, name) else "which"
            yield f"stores to `{name}`, {known} the recorded code reads"

    def _repeated_imports(self, statement: ast.stmt, context: Context) -> set[str]:
        """Names that a module-level import binds once more to what they are already."""
        if context.function != MODULE or not isinstance(statement, _IMPORTS):
            return set()
        again = import_aliases(ast.Module([statement], []))
        bound: dict[str, set[str]] = {}
        for node in self._recorded.body:
            if isinstance(node, _IMPORTS):
                for name, target in import_aliases(ast.Module([node], [])).items():
                    bound.setdefault(name, set()).add(target)
        others = [node for node in self._recorded.body if not isinstance(node, _IMPORTS)]
        rebound = names_in(*others).stored
        return {
            name
            for name, target in again.items()
            if bound.get(name) == {target} and name not in rebound
        }

    def _declarations(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        """Names of outer scopes that a statement declares as its own to store to."""
        own = self._own_names(MODULE)
        for node in ast.walk(statement):
            if isinstance(node, ast.Global):
                alien = [name for name in node.names if name not in own]
                if alien:
                    yield f"declares `{', '.join(alien)}` of an outer scope"
        # Functions that were added inside one another may share names; the recorded ones have theirs.
        around = {name for scope in self._around(context.function) for name in scope.stored}
        for name in sorted(_declared(statement, ast.Nonlocal)):
            if isinstance(statement, ast.Nonlocal) or name in around:
                yield f"declares `{name}` of an outer scope"

    def _around(self, function: str) -> Iterator[Names]:
        """The names of a recorded function and of those around it."""
        parts = function.split(".<locals>.")
        for n in range(1, len(parts) + 1):
            name = ".<locals>.".join(parts[:n])
            if name != MODULE:
                yield self._scopes[name]

    def _deletions(self, statement: ast.stmt, context: Context) -> Iterator[str]:
        for node, inside in _deletions(statement, self._names_at(context)):
            alien = [
                ast.unparse(target)
                for target in node.targets
                if isinstance(target, (ast.Name, ast.Tuple, ast.List))
                and not names_in(target).stored <= inside
            ]
            if alien:
                yield f"deletes `{', '.join(alien)}`"


def _deletions(node: ast.AST, names: set[str]) -> Iterator[tuple[ast.Delete, set[str]]]:
    """Every `del` with the names that are an addition's own where it stands."""
    if isinstance(node, ast.Delete):
        yield node, names
    if isinstance(node, _FUNCTIONS):
        inner = names_in(*node.body)
        names = (names | inner.stored | set(parameters(node.args))) - inner.declared
    for child in ast.iter_child_nodes(node):
        yield from _deletions(child, names)


def _declared(node: ast.AST, kind: type[ast.Global] | type[ast.Nonlocal]) -> frozenset[str]:
    return frozenset(
        name for part in ast.walk(node) if isinstance(part, kind) for name in part.names
    )


def _removes(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr == "remove" for part in ast.walk(node))


def _scopes(recorded: ast.Module) -> Mapping[str, Names]:
    """Qualname -> names of each function, parameters among the stored; of the module as well.

    What is loaded includes what functions nested in it load.
    """
    found = {MODULE: names_in(*recorded.body)}

    def enter(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, _FUNCTIONS):
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
