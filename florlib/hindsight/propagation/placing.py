"""Placing the added statements of one file into one file of an earlier version."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from florlib.hindsight.alignment import Addition, Context, Wrapped
from florlib.hindsight.probes import compare
from florlib.hindsight.propagation.anchors import Anchors
from florlib.hindsight.propagation.asked import Asked
from florlib.hindsight.propagation.branches import chain_of
from florlib.hindsight.propagation.naming import Naming
from florlib.hindsight.propagation.patching import Insertion, patched
from florlib.hindsight.propagation.project import Project
from florlib.hindsight.propagation.refusals import NoPlace, quoted
from florlib.hindsight.propagation.scopes import DEFINITIONS, Scopes, around_of
from florlib.hindsight.propagation.values import Values
from florlib.hindsight.propagation.wording import indented, is_alone, renamed, statement_lines
from florlib.source.matching import Matching, Statement
from florlib.source.names import names_in
from florlib.source.purity import Purity
from florlib.source.spans import lines_of, span_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Refused:
    """An added statement that an earlier version has no certain place for, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class FilePlacer:
    """Places what was added to one file into one file of an earlier version.

    Args:
        asked: what was added.
        path: of the earlier file.
        text: of it.
        project: both versions.
        others: what is placed in the file already.
    """

    asked: Asked
    path: str
    text: str
    project: Project
    others: list[Insertion] = field(default_factory=list)
    insertions: list[Insertion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _matching: Matching = field(init=False)
    _recent: Scopes = field(init=False)
    _earlier: Scopes = field(init=False)
    _anchors: Anchors = field(init=False)
    _naming: Naming = field(init=False)
    _values: Values = field(init=False)

    def __post_init__(self) -> None:
        tree = self.project.earlier[self.path]
        self._matching = Matching.of(self.asked.recent, tree)
        self._recent = Scopes(self.asked.recent, self._matching.recent)
        self._earlier = Scopes(tree, self._matching.earlier)
        both = (self._matching, self._recent, self._earlier)
        self._anchors = Anchors(*both, lines_of(self.text), Purity.of(tree))
        self._naming = Naming(self.path, *both, self.project)
        self._values = Values(*both)

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
        statement, function = addition.statement, addition.context.function
        names = self._names(addition)
        needed = {*names.values()}.union(
            *(self._names(one).values() for one in self._linked(addition))
        )
        gap = self._anchors.place(addition, frozenset(needed))
        if isinstance(statement, _FUNCTIONS):  # reads when it is called
            self._naming.check(names, addition, gap.function, sys.maxsize)
        else:
            self._naming.check(names, addition, gap.function, gap.line)
            self._values.check(gap, addition, names)
        attributes = self._naming.attributes_of(statement, function)
        lines = statement_lines(self.asked.present, statement)
        changed = {ours: theirs for ours, theirs in names.items() if ours != theirs}
        lines = indented(renamed(lines, changed, attributes), gap.indentation)
        exact = gap.exact and not changed and not attributes
        return Insertion(gap.line, lines, self.asked.path, statement, exact, gap=gap)

    def _names(self, addition: Addition) -> dict[str, str]:
        introduced = self.asked.introduced(addition.context.function)
        return self._naming.names_of(addition, introduced)

    def _linked(self, addition: Addition) -> list[Addition]:
        """Additions at the same place that set what this one reads, or read what it sets."""
        if isinstance(addition.statement, DEFINITIONS):
            return []
        beside = [
            one
            for one in self.asked.additions
            if (one.before, one.behind) == (addition.before, addition.behind)
            if not isinstance(one.statement, DEFINITIONS)
        ]
        linked = [addition]
        for one in linked:  # grows while it is gone through
            linked += [other for other in beside if other not in linked and _share(one, other)]
        return linked[1:]

    def _replaced(self, wrapped: Wrapped) -> Insertion:
        """A kept statement with log calls in it, put in place of the earlier one that is the same."""
        statement = wrapped.statement
        if hasattr(statement, "body") or hasattr(statement, "cases"):
            raise NoPlace(
                "a log call in the head of a block is not carried over; log on its own line"
            )
        if not is_alone(self.asked.present, statement):
            raise NoPlace("the log call is on a line of several statements; give it its own line")
        ours = self._kept_statement(wrapped)
        theirs = None if ours is None else self._matching.earlier_of(ours)
        if ours is None or theirs is None or ast.dump(ours.node) != ast.dump(theirs.node):
            raise NoPlace("the statement that the log call is put into is another in that version")
        if not is_alone(self.text, theirs.node):
            raise NoPlace(f"{quoted(theirs.node)} shares its line with another statement there")
        if not self._anchors.may_stand_for(ours, theirs):
            raise NoPlace("the statement that the log call is put into is in another loop there")
        added = names_in(statement).loaded - names_in(ours.node).loaded
        at = Addition(_reading(added), wrapped.context, wrapped.anchor)
        names = self._names(at)
        self._naming.check(names, at, theirs.function, theirs.node.lineno)
        changed = [name for name, other in names.items() if name != other]
        if changed:
            raise NoPlace(f"`{changed[0]}` is `{names[changed[0]]}` in that version")
        first, last = span_of(theirs.node)
        old = lines_of(self.text)[first - 1 : last]
        indentation = old[0][: len(old[0]) - len(old[0].lstrip())]
        lines = indented(statement_lines(self.asked.present, statement), indentation)
        return Insertion(first, lines, self.asked.path, statement, exact=True, instead=len(old))

    def _kept_statement(self, wrapped: Wrapped) -> Statement | None:
        """The statement of the recent version that now has log calls."""
        for one in self._matching.recent:
            if span_of(one.node)[0] > wrapped.anchor and one.function == wrapped.context.function:
                if type(one.node) is type(wrapped.statement):
                    return one
        return None

    # ------------------------------------------------------------------ all of them

    def _refuse_dependent(self) -> None:
        """What needs a name of a statement that has no place, or one behind it, has none either."""
        while lost := [(one, why) for one in self.insertions if (why := self._lacks(one))]:
            for insertion, reason in lost:
                self._refuse(insertion, reason)

    def _lacks(self, insertion: Insertion) -> str | None:
        """Why a name that was added too has no value where a statement goes."""
        reader = self._addition(insertion)
        if reader is None:
            return None
        for name in sorted(names_in(reader.statement).loaded):
            setters = [
                one for one in self.asked.additions if name in names_in(one.statement).stored
            ]
            seen = [
                one for one in setters if one.context.function in around_of(reader.context.function)
            ]
            placed = [
                one for one in self.insertions if one.statement in [s.statement for s in seen]
            ]
            if seen and not any(_is_ahead(one, insertion) for one in placed):
                where = "no place" if not placed else "its place only behind"
                return f"`{name}`, which was added as well, has {where} in that version"
        return None

    def _addition(self, insertion: Insertion) -> Addition | None:
        additions = (one for one in self.asked.additions if one.statement is insertion.statement)
        return next(additions, None)

    def _refuse(self, insertion: Insertion, reason: str) -> None:
        assert insertion.statement is not None
        self.insertions.remove(insertion)
        line = span_of(insertion.statement)[0]
        self.refused.append(Refused(self.asked.path, line, reason))

    def _refuse_changes(self) -> None:
        """Nothing is placed that would change what the earlier version does."""
        if not self.insertions or self._objection(self.insertions) is None:
            return
        for insertion in list(self.insertions):
            objection = self._objection([insertion])
            if objection is not None:
                self._refuse(insertion, objection)
        self._refuse_dependent()
        objection = self._objection(self.insertions) if self.insertions else None
        for insertion in list(self.insertions) if objection is not None else ():
            self._refuse(insertion, objection or "")

    def _objection(self, insertions: list[Insertion]) -> str | None:
        text = patched(self.text, [*self.others, *self._with_imports(insertions)])
        try:
            comparison = compare(self.path, self.text, text, self.project.earlier)
        except SyntaxError as error:
            return f"it would not be Python there ({error.msg})"
        if comparison.verdict == "changed":
            return f"it would change that version: {comparison.changes[0].partition(': ')[2]}"
        return None if comparison.verdict == "probe" else "it would do nothing there"

    @property
    def complete(self) -> list[Insertion]:
        """What is placed, with the imports that it needs in front."""
        return self._with_imports(self.insertions)

    def _with_imports(self, insertions: list[Insertion]) -> list[Insertion]:
        read = names_in(*(one.statement for one in insertions if one.statement is not None)).loaded
        needed = [name for name in sorted(self._naming.imports) if name in read]
        return [*(self._import(self._naming.imports[name]) for name in needed), *insertions]

    def _import(self, statement: ast.stmt) -> Insertion:
        gap = self._anchors.place(Addition(statement, Context(), 0), frozenset())
        return Insertion(gap.line, [ast.unparse(statement)], self.asked.path, None, exact=False)


def _reading(names: Iterable[str]) -> ast.stmt:
    """A statement that reads names."""
    return ast.Expr(ast.Tuple([ast.Name(name, ast.Load()) for name in sorted(names)], ast.Load()))


def _share(one: Addition, other: Addition) -> bool:
    names = names_in(one.statement), names_in(other.statement)
    return bool(names[0].stored & names[1].loaded or names[1].stored & names[0].loaded)


def _is_ahead(setter: Insertion, reader: Insertion) -> bool:
    """Whether a statement is executed before another that reads what it sets."""
    if setter is reader or setter.gap is None:
        return setter is reader
    if reader.gap is None or setter.gap.function != reader.gap.function:
        return True
    around = [one.siblings for one in chain_of(reader.gap.beside)]
    is_around = any(siblings is setter.gap.beside.siblings for siblings in around)
    return is_around and setter.line <= reader.line
