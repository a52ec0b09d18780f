"""Placing the added statements of one file into one file of an earlier version."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from florlib.hindsight.alignment import Addition, Context, Wrapped
from florlib.hindsight.probes import compare
from florlib.hindsight.propagation.anchors import Anchors, Gap, NoPlace
from florlib.hindsight.propagation.asked import Asked
from florlib.hindsight.propagation.scopes import Scopes
from florlib.hindsight.propagation.wording import indented, renamed, statement_lines
from florlib.source.functions import MODULE
from florlib.source.matching import Matching, Statement
from florlib.source.names import names_in
from florlib.source.purity import Purity
from florlib.source.spans import header_span, span_of

_KEPT = frozenset({"flor", "self", "cls", *dir(builtins)})
_IMPORTS = (ast.Import, ast.ImportFrom)
_AT_TOP = Context()


@dataclass(frozen=True, slots=True)
class Insertion:
    """Lines for an earlier file.

    Attributes:
        line: in front of which they go, from 1.
        instead: so many of its lines that they stand for.
        source: the line of the added statement in the present file.
        exact: whether the place is one that a three-way merge finds.
    """

    line: int
    lines: list[str]
    source: int
    exact: bool
    instead: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """An added statement in an earlier version.

    Attributes:
        file, line: where it stands now.
        into, at: where it stands in the earlier version, with everything that was placed.
        exact: whether its neighbours are those of the recent version.
    """

    file: str
    line: int
    into: str
    at: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """An added statement that an earlier version has no certain place for, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Attributes:
    """The attributes that the files of two versions define."""

    recent: frozenset[str]
    earlier: frozenset[str]


@dataclass(slots=True)
class FilePlacer:
    """Places what was added to one file into one file of an earlier version.

    Args:
        asked: what was added.
        path: of the earlier file.
        text: of it.
        others: by path, all files of that version.
        attributes: of both versions.
    """

    asked: Asked
    path: str
    text: str
    others: Mapping[str, ast.Module]
    attributes: Attributes
    insertions: list[Insertion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _tree: ast.Module = field(init=False)
    _matching: Matching = field(init=False)
    _recent: Scopes = field(init=False)
    _earlier: Scopes = field(init=False)
    _anchors: Anchors = field(init=False)
    _imports: dict[str, Insertion] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tree = ast.parse(self.text)
        self._matching = Matching.of(self.asked.recent, self._tree)
        self._recent = Scopes(self.asked.recent, self._matching.recent)
        self._earlier = Scopes(self._tree, self._matching.earlier)
        pure = Purity.of(self._tree).holds
        lines = self.text.splitlines()
        self._anchors = Anchors(self._matching, self._recent, self._earlier, lines, pure)

    @property
    def resemblance(self) -> float:
        """The share of the recent file's statements that the earlier file has as they are."""
        same = [
            one
            for one in self._matching.recent
            if (other := self._matching.earlier_of(one))
            and self._matching.likeness(one, other) == 1.0
        ]
        return len(same) / max(1, len(self._matching.recent))

    def place(self) -> None:
        """Find a place for each statement, or the reason why it has none."""
        for addition in self.asked.additions:
            self._try(addition.statement, partial(self._inserted, addition))
        for wrapped in self.asked.wrapped:
            self._try(wrapped.statement, partial(self._replaced, wrapped))
        self._refuse_dependent()
        self._refuse_changes()

    def _try(self, statement: ast.stmt, find: Callable[[], Insertion]) -> None:
        try:
            self.insertions.append(find())
        except NoPlace as error:
            self.refused.append(Refused(self.asked.path, span_of(statement)[0], str(error)))

    # ------------------------------------------------------------------ one statement

    def _inserted(self, addition: Addition) -> Insertion:
        statement = addition.statement
        stored = names_in(statement).stored
        function = addition.context.function
        names = self._names(statement, stored, function)
        gap = self._anchors.place(addition, frozenset(names.values()))
        if gap.function != MODULE or not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            self._check_names(names, gap)
            self._anchors.check_setters(gap, function, addition.anchor, names)
        self._check_captured(names, stored)
        attributes = self._attributes_of(statement, function)
        span = span_of(statement)
        lines = statement_lines(
            self.asked.present, statement, span, shared=self._is_shared(statement)
        )
        changed = {ours: theirs for ours, theirs in names.items() if ours != theirs}
        lines = indented(renamed(lines, changed, attributes), gap.indentation)
        return Insertion(gap.line, lines, span[0], gap.exact and not changed and not attributes)

    def _names(self, statement: ast.stmt, stored: frozenset[str], function: str) -> dict[str, str]:
        """The names of the recent version that a statement reads, and what they are in the earlier."""
        found = {}
        for name in names_in(statement).loaded - stored - _KEPT - self.asked.introduced:
            target = self._recent.aliases.get(name)
            if target is not None:
                found[name] = self._imported(name, target)
            else:
                found[name] = self._matching.renames.of(name, function)
        return found

    def _imported(self, name: str, target: str) -> str:
        """What the earlier version calls something that is imported; imported there, if need be."""
        if self._earlier.aliases.get(name) == target:
            return name
        for other, known in self._earlier.aliases.items():
            if known == target and self._earlier.is_set_anywhere(other):
                return other
        if self._earlier.is_set_anywhere(name):
            raise NoPlace(f"`{name}` is something else in that version")
        statement = next(
            one.node
            for one in self._matching.recent
            if isinstance(one.node, _IMPORTS) and name in names_in(one.node).stored
        )
        if isinstance(statement, ast.ImportFrom) and statement.level:
            raise NoPlace(f"`{name}` is not imported in that version")
        alone = _import_of(statement, name)
        gap = self._anchors.place(Addition(alone, _AT_TOP, 0), frozenset())
        self._imports[name] = Insertion(gap.line, [ast.unparse(alone)], 0, exact=False)
        return name

    def _check_names(self, names: Mapping[str, str], gap: Gap) -> None:
        for ours, theirs in sorted(names.items()):
            if ours in self._imports or self._earlier.has(theirs, gap.function, gap.line):
                continue
            if not self._recent.is_set_anywhere(ours):
                continue  # neither version says where it comes from
            where = "before that place " if self._earlier.is_set_anywhere(theirs) else ""
            raise NoPlace(f"`{theirs}` has no value {where}in that version of {self.path}")

    def _check_captured(self, names: Mapping[str, str], stored: frozenset[str]) -> None:
        for ours, theirs in names.items():
            if ours != theirs and theirs in stored:
                raise NoPlace(
                    f"`{ours}` is `{theirs}` in that version, which the line itself stores"
                )

    def _attributes_of(self, statement: ast.stmt, function: str) -> dict[str, str]:
        """Attributes that are called otherwise in the earlier version."""
        found = {}
        for node in ast.walk(statement):
            if not isinstance(node, ast.Attribute) or node.attr in self.attributes.earlier:
                continue
            if node.attr not in self.attributes.recent:
                continue
            other = self._matching.renames.of(f".{node.attr}", function).removeprefix(".")
            if other not in self.attributes.earlier:
                raise NoPlace(f"nothing in that version has `.{node.attr}`")
            found[node.attr] = other
        return found

    def _is_shared(self, statement: ast.stmt) -> bool:
        """Whether a statement stands on a line with others, as behind a semicolon."""
        line = self.asked.present.splitlines()[span_of(statement)[0] - 1]
        return bool(line.encode()[: statement.col_offset].strip())

    def _replaced(self, wrapped: Wrapped) -> Insertion:
        """A kept statement with log calls in it, put in place of the earlier one that is the same."""
        ours = self._kept_statement(wrapped)
        theirs = None if ours is None else self._matching.earlier_of(ours)
        if ours is None or theirs is None or not self._is_same(ours, theirs):
            raise NoPlace("the statement that the log call is put into is another in that version")
        span, header = header_span(theirs.node), header_span(wrapped.statement)
        old = self.text.splitlines()[span[0] - 1 : span[1]]
        indentation = old[0][: len(old[0]) - len(old[0].lstrip())]
        lines = statement_lines(self.asked.present, wrapped.statement, header, shared=False)
        return Insertion(
            span[0], indented(lines, indentation), header[0], exact=True, instead=len(old)
        )

    def _kept_statement(self, wrapped: Wrapped) -> Statement | None:
        """The statement of the recent version that now has log calls."""
        for one in self._matching.recent:
            if span_of(one.node)[0] > wrapped.anchor and one.function == wrapped.context.function:
                if type(one.node) is type(wrapped.statement):
                    return one
        return None

    def _is_same(self, ours: Statement, theirs: Statement) -> bool:
        simple = not hasattr(ours.node, "body")
        return simple and ast.dump(ours.node) == ast.dump(theirs.node)

    # ------------------------------------------------------------------ all of them

    def _refuse_dependent(self) -> None:
        """What needs a name of a statement that has no place has none either."""
        while True:
            missing = self._missing_names()
            lost = [
                (one, names_in(self._statement_at(one)).loaded & missing)
                for one in self.insertions
                if names_in(self._statement_at(one)).loaded & missing
            ]
            if not lost:
                return
            for insertion, names in lost:
                reason = f"`{min(names)}`, which was added as well, has no place in that version"
                self._refuse(insertion, reason)

    def _missing_names(self) -> frozenset[str]:
        lines = {one.line for one in self.refused}
        statements = [one.statement for one in self.asked.additions]
        gone = [one for one in statements if span_of(one)[0] in lines]
        there = [one for one in statements if span_of(one)[0] not in lines]
        return names_in(*gone).stored - names_in(*there).stored

    def _statement_at(self, insertion: Insertion) -> ast.stmt:
        return next(one for one in self.asked.statements if span_of(one)[0] == insertion.source)

    def _refuse(self, insertion: Insertion, reason: str) -> None:
        self.insertions.remove(insertion)
        self.refused.append(Refused(self.asked.path, insertion.source, reason))

    def _refuse_changes(self) -> None:
        """Nothing is placed that would change what the earlier version does."""
        for insertion in list(self.insertions):
            objection = self._objection([insertion])
            if objection is not None:
                self._refuse(insertion, objection)
        self._refuse_dependent()
        objection = self._objection(self.insertions) if self.insertions else None
        for insertion in list(self.insertions) if objection is not None else ():
            self._refuse(insertion, objection or "")

    def _objection(self, insertions: list[Insertion]) -> str | None:
        text = self._with(insertions)
        try:
            comparison = compare(self.path, self.text, text, self.others)
        except SyntaxError as error:
            return f"it would not be Python there ({error.msg})"
        if comparison.verdict == "changed":
            return f"it would change that version: {comparison.changes[0].partition(': ')[2]}"
        return None if comparison.verdict == "probe" else "it would do nothing there"

    def patched(self) -> tuple[str, list[Placed]]:
        """The earlier text with everything that has a place."""
        placed = []
        shift = 0
        for one in self._ordered(self.insertions):
            if one.source:
                at = one.line + shift
                placed.append(Placed(self.asked.path, one.source, self.path, at, one.exact))
            shift += len(one.lines) - one.instead
        return self._with(self.insertions), placed

    def _with(self, insertions: list[Insertion]) -> str:
        ending = "\r\n" if "\r\n" in self.text else "\n"
        lines = self.text.splitlines(keepends=True)
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += ending
        for one in reversed(self._ordered(insertions)):
            at = one.line - 1
            lines[at : at + one.instead] = [line + ending for line in one.lines]
        return "".join(lines)

    def _ordered(self, insertions: list[Insertion]) -> list[Insertion]:
        """With the imports that they need, in the order of the earlier text."""
        used = [
            self._imports[name]
            for name in sorted(self._imports)
            if any(name in names_in(self._statement_at(one)).loaded for one in insertions)
        ]
        return sorted([*used, *insertions], key=lambda one: one.line)


def _import_of(statement: ast.stmt, name: str) -> ast.stmt:
    """An import of one name alone."""
    assert isinstance(statement, _IMPORTS)
    names = [one for one in statement.names if name in (one.asname, one.name.partition(".")[0])]
    if isinstance(statement, ast.ImportFrom):
        return ast.ImportFrom(statement.module, names, statement.level)
    return ast.Import(names)
