"""What the names of an added statement are called in an earlier version, as far as that is certain."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from florlib.hindsight.alignment import Addition
from florlib.hindsight.propagation.project import Project
from florlib.hindsight.propagation.refusals import NoPlace
from florlib.hindsight.propagation.scopes import Scopes, given_by
from florlib.source.matching import Matching
from florlib.source.names import names_in

_IMPORTS = (ast.Import, ast.ImportFrom)
_LIKE = 0.6  # a setter less alike than this does not say what a name has become


@dataclass(slots=True)
class Naming:
    """Finds the names of added statements in one earlier file.

    Attributes:
        path: of the earlier file.
        matching: of the recent file with it.
        recent: names of the recent file.
        earlier: names of the earlier one.
        project: what the files of both versions define.
        imports: by name, the imports that the earlier file needs for what was named so far.
    """

    path: str
    matching: Matching
    recent: Scopes
    earlier: Scopes
    project: Project
    imports: dict[str, ast.Import | ast.ImportFrom] = field(default_factory=dict)

    def names_of(self, addition: Addition, introduced: frozenset[str]) -> dict[str, str]:
        """The names of the recent version that a statement reads, and what they are in the earlier.

        Args:
            addition: the statement.
            introduced: names that other additions give a value.

        Raises:
            NoPlace: one is something else in the earlier version, or may be.
        """
        statement, function = addition.statement, addition.context.function
        if isinstance(statement, _IMPORTS):
            self.project.check_import(statement, self.path)
        found = {}
        for name in sorted(_read_by(statement) - introduced):
            target = self.recent.aliases.get(name)
            if target is not None:
                found[name] = self._imported(name, target)
            elif self._is_builtin(name, addition):
                found[name] = name
            else:
                found[name] = self._renamed(name, function, addition.anchor)
                self._check_known(name, found[name])
        self._check_captured(statement, found)
        return found

    def _is_builtin(self, name: str, addition: Addition) -> bool:
        """Whether a name means a builtin in the recent version."""
        at = addition.context.function, addition.anchor + 1
        return hasattr(builtins, name) and not self.recent.has(name, *at)

    def _renamed(self, name: str, function: str, line: int) -> str:
        said = self.matching.renames.said_of(name, function)
        there = self._set_in_its_place(name, function, line)
        if len(there) == 1 and (len(said) != 1 or said == there):
            return there[0]
        either = sorted({*said, *there}) or [name]
        if len(either) > 1:
            raise NoPlace(f"`{name}` may be `{'` or `'.join(either)}` in that version")
        rivals = self.matching.renames.rivals(name, either[0], function)
        if rivals and either[0] != name:
            raise NoPlace(
                f"`{name}` and `{rivals[0]}` both seem to be `{either[0]}` in that version"
            )
        return either[0]

    def _set_in_its_place(self, name: str, function: str, line: int) -> list[str]:
        """The names that may be it by what stands for the statement that sets it."""
        ours = self.recent.origin(name, function, line + 1)
        theirs = None if ours is None else self.matching.earlier_of(ours)
        if ours is None or theirs is None:
            return []
        given, others = given_by(ours.node), given_by(theirs.node)
        found = {name} & set(others)
        if (
            name in given
            and len(given) == len(others)
            and self.matching.likeness(ours, theirs) >= _LIKE
        ):
            found.add(others[given.index(name)])
        return sorted(found)

    def _imported(self, name: str, target: str) -> str:
        """What the earlier version calls something that is imported; imported there, if need be."""
        if self.earlier.aliases.get(name) == target:
            return name
        for other, known in self.earlier.aliases.items():
            if known == target and self.earlier.is_set_anywhere(other):
                return other
        if self.earlier.is_set_anywhere(name):
            raise NoPlace(f"`{name}` is something else in that version")
        statement = next(
            one.node
            for one in self.matching.recent
            if isinstance(one.node, _IMPORTS) and name in names_in(one.node).stored
        )
        if isinstance(statement, ast.ImportFrom) and statement.level:
            raise NoPlace(f"`{name}` is not imported in that version")
        alone = _import_of(statement, name)
        self.project.check_import(alone, self.path)
        self.imports[name] = alone
        return name

    def _check_captured(self, statement: ast.stmt, names: Mapping[str, str]) -> None:
        inside = frozenset(_bound_in(statement))
        for ours, theirs in names.items():
            if ours != theirs and inside & {ours, theirs}:
                raise NoPlace(
                    f"`{ours}` is `{theirs}` in that version, which the line itself stores"
                )

    def check(self, names: Mapping[str, str], addition: Addition, function: str, line: int) -> None:
        """See that names have a value in a function of the earlier version, in front of a line.

        Raises:
            NoPlace: one has none.
        """
        for ours, theirs in sorted(names.items()):
            has = self.earlier.has(theirs, function, line)
            if self._is_builtin(ours, addition):
                if has:
                    raise NoPlace(f"`{ours}` is not Python's own in that version")
            elif not has and ours not in self.imports and self.earlier.is_set_anywhere(theirs):
                raise NoPlace(
                    f"`{theirs}` has no value before that place in that version of {self.path}"
                )

    def _check_known(self, ours: str, theirs: str) -> None:
        known = self.earlier.is_set_anywhere(theirs) or self.earlier.imports_all
        if not known and self._is_said(ours, theirs):
            raise NoPlace(f"`{theirs}` has no value in that version of {self.path}")

    def _is_said(self, ours: str, theirs: str) -> bool:
        """Whether either version says where a name comes from, or the earlier one does without it."""
        if self.recent.is_set_anywhere(ours):
            return True
        is_used = self.recent.mentions(ours) or self.recent.imports_all
        return is_used and not self.earlier.mentions(theirs)

    def attributes_of(self, statement: ast.stmt, function: str) -> dict[str, str]:
        """Attributes that are called otherwise in the earlier version.

        Raises:
            NoPlace: nothing there has one.
        """
        found = {}
        for node in ast.walk(statement):
            if not isinstance(node, ast.Attribute) or node.attr in self.project.attributes_then:
                continue
            if node.attr not in self.project.attributes_now:
                continue
            other = self.matching.renames.of(f".{node.attr}", function).removeprefix(".")
            if other not in self.project.attributes_then:
                raise NoPlace(f"nothing in that version has `.{node.attr}`")
            found[node.attr] = other
        return found


def _read_by(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement reads and does not set itself."""
    names = names_in(statement)
    return names.loaded - names.stored


def _bound_in(statement: ast.stmt) -> Iterator[str]:
    """All names that a statement binds, in scopes of its own too."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from node.names
    yield from names_in(statement).stored


def _import_of(statement: ast.stmt, name: str) -> ast.Import | ast.ImportFrom:
    """An import of one name alone."""
    assert isinstance(statement, _IMPORTS)
    names = [one for one in statement.names if name in (one.asname, one.name.partition(".")[0])]
    if isinstance(statement, ast.ImportFrom):
        return ast.ImportFrom(statement.module, names, statement.level)
    return ast.Import(names)
