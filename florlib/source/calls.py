"""Who may call whom in a project: a call graph by name, over the files that are known.

Receivers are told apart where the text says their class (`trainer = Trainer(...)`, `self`); where
it does not, a method call may mean any method of that name. Functions that are handed on are
followed as far as handed.py goes.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from florlib.source.assignments import assigned
from florlib.source.functions import MODULE, Class, Function, Module, Site, read_module
from florlib.source.handed import Handed, is_own
from florlib.source.logs import last_word
from florlib.source.spans import LineSpan

_FOREIGN = None  # made by code outside the project, or a literal: none of its methods are ours
_LITERALS = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip

# Methods that modules, optimizers and environments have as well: followed only where the text
# says whose they are.
_COMMON_VERBS = frozenset({"train", "eval", "step"})


class CallGraph:
    """Functions of a project and the functions that their calls may reach."""

    def __init__(
        self,
        trees: Mapping[str, ast.Module],
        hindsight: Mapping[str, Collection[LineSpan]] | None = None,
    ) -> None:
        spans = hindsight or {}
        self.modules: dict[str, Module] = {
            path: read_module(path, tree, spans.get(path, ())) for path, tree in trees.items()
        }
        self.functions = [one for module in self.modules.values() for one in module.functions]
        self._classes: dict[str, list[Class]] = {}
        self._plain: dict[str, list[Function]] = {}  # functions of module level
        self._methods: dict[str, list[Function]] = {}
        for module in self.modules.values():
            for kind in module.classes:
                self._classes.setdefault(kind.name, []).append(kind)
            for function in module.functions:
                if function.owner is not None:
                    self._methods.setdefault(function.name, []).append(function)
                elif function.outer is not None and function.outer.qualname == MODULE:
                    self._plain.setdefault(function.name, []).append(function)
        self._roots = {
            part.removesuffix(".py") for path in self.modules for part in path.split("/")
        }
        self._origins = _Origins(self)
        self._known: dict[tuple[Function, int], list[Function]] = {}  # by caller, and node's id
        self._handed = Handed(self.functions, self._direct)

    def targets(self, caller: Function, site: Site) -> list[Function]:
        """The functions that a call, or a read, in `caller` may mean; classes mean `__init__`."""
        found, target = self._direct(caller, site), site.target
        if not found and isinstance(target, ast.Name):
            return self._handed.named(caller, target.id)
        if not found and isinstance(target, ast.Attribute) and is_own(target):
            return self._handed.attribute(target.attr)
        return found

    def _direct(self, caller: Function, site: Site) -> list[Function]:
        """The same, without what was handed on."""
        target = site.target
        key = caller, id(target)
        if key not in self._known:
            found: list[Function] = []
            if isinstance(target, ast.Name):
                found = self._by_name(caller, target.id)
            elif isinstance(target, ast.Attribute):
                found = self._by_attribute(caller, target)
            self._known[key] = found
        return self._known[key]

    def callees(self, caller: Function) -> Iterator[tuple[Site, Function]]:
        """Every call of a function with each function it may mean."""
        for site in caller.calls:
            for target in self.targets(caller, site):
                yield site, target

    def classes_named(self, caller: Function, name: str) -> list[Class]:
        """Project classes that a name may mean in a function."""
        if caller.binds(name):
            return []
        local = [kind for kind in self._classes.get(name, ()) if kind.path == caller.path]
        if local:
            return local
        final = self._imported(caller.path, name)
        return self._classes.get(final, []) if final else []

    def family(self, kind: Class) -> list[Class]:
        """A class, its ancestors and its descendants within the project."""
        return [*self.ancestors(kind), *self.descendants(kind)]

    def ancestors(self, kind: Class) -> list[Class]:
        """A class and the project classes it derives from, by name."""
        found = [kind]
        for one in found:
            for base in one.node.bases:
                found += [c for c in self._classes.get(last_word(base), ()) if c not in found]
        return found

    def descendants(self, kind: Class) -> list[Class]:
        """The project classes that derive from a class, by name."""
        everyone = [one for same in self._classes.values() for one in same]
        return [one for one in everyone if one is not kind and kind in self.ancestors(one)]

    def class_of(self, function: Function) -> Class | None:
        """The class that a function is a method of, or is nested in a method of."""
        at: Function | None = function
        while at is not None and at.owner is None:
            at = at.outer
        if at is None:
            return None
        kinds = self.modules[at.path].classes
        return next((kind for kind in kinds if kind.qualname == at.owner), None)

    def _by_name(self, caller: Function, name: str) -> list[Function]:
        scope: Function | None = caller
        while scope is not None and scope.qualname != MODULE:
            if name in scope.inner:
                return [scope.inner[name]]
            if scope.binds(name):
                return []
            scope = scope.outer
        kinds = self.classes_named(caller, name)
        if kinds:
            return _methods(self._with_ancestors(kinds), "__init__")
        same_file = [one for one in self._plain.get(name, ()) if one.path == caller.path]
        final = None if same_file else self._imported(caller.path, name)
        return same_file or (self._plain.get(final, []) if final else [])

    def _by_attribute(self, caller: Function, target: ast.Attribute) -> list[Function]:
        name, receiver = target.attr, target.value
        own = self.class_of(caller)
        if own and is_own(target):
            return _methods(self.family(own), name)
        if own and isinstance(receiver, ast.Call) and last_word(receiver) == "super":
            return _methods(self.ancestors(own)[1:], name)
        if isinstance(receiver, ast.Name):
            kinds = self.classes_named(caller, receiver.id)
            if kinds:
                return _methods([m for kind in kinds for m in self.family(kind)], name)
            if receiver.id in self.modules[caller.path].aliases and not caller.binds(receiver.id):
                return self._of_import(caller.path, receiver.id, name)
        known = self._origins.of(caller, receiver)
        if known:
            classes = [kind for kind in known if kind is not _FOREIGN]
            return _methods([m for kind in classes for m in self.family(kind)], name)
        if name in _COMMON_VERBS and not _sounds_like_trainer(receiver):
            return []
        return self._methods.get(name, [])

    def _of_import(self, path: str, alias: str, name: str) -> list[Function]:
        if not self._imported(path, alias):
            return []
        kinds = self._classes.get(name)
        if kinds:
            return _methods(self._with_ancestors(kinds), "__init__")
        return [*self._plain.get(name, ()), *self._methods.get(name, ())]

    def _imported(self, path: str, name: str) -> str | None:
        """The last part of what a name was imported as, where it comes from the project."""
        aliases = self.modules[path].aliases
        dotted = aliases.get(name) or (aliases.get("*") and f"{aliases['*'][:-1]}{name}")
        if not dotted:
            return None
        ours = dotted.startswith(".") or dotted.partition(".")[0] in self._roots
        return dotted.rpartition(".")[2] if ours else None

    def _with_ancestors(self, kinds: Iterable[Class]) -> list[Class]:
        return [one for kind in kinds for one in self.ancestors(kind)]


class _Origins:
    """Which class the objects behind a name come from, by the assignments in sight."""

    def __init__(self, graph: CallGraph) -> None:
        self._graph = graph
        self._known: dict[tuple[Function | None, str], set[Class | None] | None] = {}
        for function in graph.functions:
            for statement, _ in function.statements:
                for target, value in assigned(statement):
                    self._note(function, target, value)

    def of(self, caller: Function, receiver: ast.expr) -> set[Class | None] | None:
        """Classes of a receiver, with None among them for foreign ones; None where unknown."""
        if isinstance(receiver, ast.Call):
            return self._of_value(caller, receiver)
        if isinstance(receiver, ast.Attribute):
            return self._known.get((None, receiver.attr))
        if not isinstance(receiver, ast.Name):
            return {_FOREIGN} if isinstance(receiver, _LITERALS) else None
        scope: Function | None = caller
        while scope is not None:
            if (scope, receiver.id) in self._known or scope.binds(receiver.id):
                return self._known.get((scope, receiver.id))
            scope = scope.outer
        return None

    def _note(self, function: Function, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            key: tuple[Function | None, str] = (function, target.id)
        elif isinstance(target, ast.Attribute):
            key = (None, target.attr)
        else:
            return
        found = self._of_value(function, value)
        if key in self._known:
            before = self._known[key]
            self._known[key] = None if before is None or found is None else before | found
        else:
            self._known[key] = found

    def _of_value(self, function: Function, value: ast.expr | None) -> set[Class | None] | None:
        if isinstance(value, _LITERALS):
            return {_FOREIGN}
        if not isinstance(value, ast.Call):
            return None
        name = last_word(value.func)
        if isinstance(value.func, ast.Name):
            kinds = self._graph.classes_named(function, name)
            if kinds:
                return set(kinds)
            aliases = self._graph.modules[function.path].aliases
            imported = name in aliases and not self._graph._imported(function.path, name)
            return {_FOREIGN} if imported and not function.binds(name) else None
        root = value.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return None
        aliases = self._graph.modules[function.path].aliases
        if root.id in aliases and not function.binds(root.id):
            if not self._graph._imported(function.path, root.id):
                return {_FOREIGN}
            return set(self._graph._classes.get(name, ())) or None
        return None


def _methods(kinds: Iterable[Class], name: str) -> list[Function]:
    return list(dict.fromkeys(kind.methods[name] for kind in kinds if name in kind.methods))


def _sounds_like_trainer(receiver: ast.expr) -> bool:
    word = last_word(receiver).lower()
    return any(part in word for part in ("train", "agent", "learner", "engine", "runner", "solver"))
