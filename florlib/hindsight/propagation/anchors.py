"""Where in an earlier version a statement belongs: between the statements that stand for its neighbours."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from florlib.hindsight.alignment import Addition
from florlib.hindsight.propagation.scopes import Scopes, stored_by
from florlib.source.functions import MODULE
from florlib.source.matching import Matching, Statement
from florlib.source.names import names_in
from florlib.source.spans import span_of

STRONG = 0.6  # a neighbour less alike than this is not enough by itself
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_FILLING = frozenset({"add", "append", "extend", "insert"})


class NoPlace(Exception):
    """An earlier version has no place for a statement, or more than one; says why."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place between two statements of an earlier version.

    Attributes:
        line: in front of which a statement goes, from 1.
        indentation: of the block.
        function: that it is in.
        beside: a statement of the block.
        exact: whether both neighbours are what they are in the recent version.
    """

    line: int
    indentation: str
    function: str
    beside: Statement
    exact: bool


@dataclass(frozen=True, slots=True)
class Anchors:
    """Finds places in one earlier version of a file.

    Attributes:
        matching: of the recent version with it.
        recent: names of the recent version.
        earlier: names of the earlier one.
        lines: of the earlier text.
        is_pure: whether a statement of the earlier version only computes.
    """

    matching: Matching
    recent: Scopes
    earlier: Scopes
    lines: list[str]
    is_pure: Callable[[ast.AST], bool]

    def place(self, addition: Addition, needed: frozenset[str]) -> Gap:
        """Find the place of an addition.

        Args:
            addition: to the recent version.
            needed: the names that it reads, as the earlier version has them.

        Raises:
            NoPlace: there is none that is certain.
        """
        loop = self._recent_loop(addition)
        before = self._nearest(reversed(addition.before), loop)
        behind = self._nearest(addition.behind, loop)
        if isinstance(addition.statement, _DEFINITIONS) and addition.context.function == MODULE:
            if before is None and behind is None and not addition.context.in_class:
                return self._at_top()
        if before is not None and behind is not None:
            if before[1].siblings is not behind[1].siblings:
                before, behind = self._closer(before, behind, needed)
        return self._gap(addition, before, behind, needed)

    def _nearest(
        self, recents: Iterable[ast.stmt], loop: Statement | None
    ) -> tuple[Statement, Statement] | None:
        """(recent, earlier) of the first statement that the earlier version has, in the same loop."""
        for node in recents:
            ours = self.recent.statement(node)
            theirs = None if ours is None else self.matching.earlier_of(ours)
            if ours is not None and theirs is not None and self._is_in(theirs, loop):
                return ours, theirs
        return None

    def _at_top(self) -> Gap:
        """Behind a file's docstring and the imports from `__future__`."""
        first = next((one for one in self.matching.earlier if not _comes_first(one.node)), None)
        if first is None:
            raise NoPlace("that version of the file is empty")
        return Gap(span_of(first.node)[0], "", MODULE, first, exact=True)

    def _closer(
        self,
        before: tuple[Statement, Statement],
        behind: tuple[Statement, Statement],
        needed: frozenset[str],
    ) -> tuple[tuple[Statement, Statement] | None, tuple[Statement, Statement] | None]:
        """Of two neighbours that are in different blocks now, the one that has to do with the names.

        Else the one that is more as it was.
        """
        worth = [
            (len(_names_of(one[1].node) & needed), self.matching.likeness(*one))
            for one in (before, behind)
        ]
        return (before, None) if worth[0] >= worth[1] else (None, behind)

    def _gap(
        self,
        addition: Addition,
        before: tuple[Statement, Statement] | None,
        behind: tuple[Statement, Statement] | None,
        needed: frozenset[str],
    ) -> Gap:
        known = [one for one in (before, behind) if one is not None]
        if not known:
            raise NoPlace(
                "nothing in that version is like the statements around it, in the same loop"
            )
        likeness = [self.matching.likeness(*one) for one in known]
        if max(likeness) < STRONG:
            near = known[likeness.index(max(likeness))]
            raise NoPlace(
                f"{_quoted(near[0].node)} is too unlike {_quoted(near[1].node)} of that version"
            )
        siblings = known[0][1].siblings
        start = 0 if before is None else siblings.index(before[1]) + 1
        stop = len(siblings) if behind is None else siblings.index(behind[1])
        if start > stop:
            raise NoPlace(
                f"that version has {_quoted(siblings[start - 1].node)} behind"
                f" {_quoted(siblings[stop].node)}"
            )
        at = self._within(addition, siblings[start:stop], known, needed)
        exact = start == stop and all(_same(*one) for one in known)
        exact = exact and len(known) == len(_sides(addition))
        return self._between(siblings, start if at == "front" else stop, exact=exact)

    def _within(
        self,
        addition: Addition,
        between: list[Statement],
        known: list[tuple[Statement, Statement]],
        needed: frozenset[str],
    ) -> str:
        """At which end of what stands between the neighbours: "front" or "back".

        Statements that have nothing to do with what the addition reads do not count.
        """
        front = known[0][0].node in addition.before
        if isinstance(addition.statement, _DEFINITIONS):
            return "front" if front else "back"
        telling = [one for one in between if self._tells(one.node, needed)]
        ours = [one[0].node for one in known]
        first = [] if not addition.before else _behind_of(addition.before, ours)
        last = [] if not addition.behind else _before_of(addition.behind, ours)
        if not telling:
            return "front" if front else "back"
        mattering = [any(self._matters(one, needed) for one in part) for part in (first, last)]
        if mattering[0] != mattering[1]:
            return "back" if mattering[0] else "front"
        raise NoPlace(
            f"it may belong before or behind {_quoted(telling[0].node)}, which only that version has"
        )

    def _tells(self, node: ast.stmt, needed: frozenset[str]) -> bool:
        """Whether it makes a difference on which side of an earlier statement something stands."""
        return bool(names_in(node).stored & needed) or not self._is_harmless(node, needed)

    def _is_harmless(self, node: ast.stmt, needed: frozenset[str]) -> bool:
        """Whether a statement only computes, or fills a container that the names are not about."""
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            container = call.func.value
            if call.func.attr in _FILLING and isinstance(container, ast.Name):
                return container.id not in needed and all(map(self.is_pure, call.args))
        return self.is_pure(_without_stores(node))

    def _matters(self, node: ast.stmt, needed: frozenset[str]) -> bool:
        renames = self.matching.renames
        stored = frozenset(renames.overall.get(name, name) for name in names_in(node).stored)
        return bool(stored & needed) or not self._is_harmless(node, needed)

    def _between(self, siblings: list[Statement], at: int, *, exact: bool) -> Gap:
        """The place in front of the statement of this number in a block, or at the block's end."""
        beside = siblings[min(at, len(siblings) - 1)]
        line = span_of(beside.node)[0] if at < len(siblings) else span_of(siblings[-1].node)[1] + 1
        self._check_line(siblings, at)
        text = self.lines[span_of(beside.node)[0] - 1]
        indentation = text[: len(text) - len(text.lstrip())]
        return Gap(line, indentation, beside.function, beside, exact)

    def _check_line(self, siblings: list[Statement], at: int) -> None:
        """A statement on the line of another has no place before or behind it."""
        one = siblings[min(at, len(siblings) - 1)]
        first = span_of(one.node)[0]
        shares = [other for other in siblings if other is not one and _touches(other, first)]
        header = one.parent is not None and span_of(one.parent.node)[0] == first
        if header or (at < len(siblings) and any(other.number < one.number for other in shares)):
            raise NoPlace(f"{_quoted(one.node)} shares its line with another statement there")

    def _is_in(self, earlier: Statement, loop: Statement | None) -> bool:
        """Whether a statement runs in every turn of what stands for a loop of the recent version."""
        theirs = self.earlier.loop_of(earlier)
        if loop is None or theirs is None:
            return loop is None and theirs is None
        known = self.matching.earlier_of(loop)
        return known is theirs if known is not None else not self.matching.is_taken(theirs)

    def _recent_loop(self, addition: Addition) -> Statement | None:
        """The loop that an addition runs in every turn of."""
        beside = next(iter((*reversed(addition.before), *addition.behind)), None)
        at = self.recent.statement(beside)
        return None if at is None else self.recent.loop_of(at)

    def check_setters(self, gap: Gap, function: str, line: int, names: dict[str, str]) -> None:
        """The names that a statement reads must have been set by what stands for their setters.

        Args:
            gap: where it is to go.
            function: of the recent version that it stands in.
            line: of the recent version behind which it stands.
            names: that it reads, recent to earlier.

        Raises:
            NoPlace: a name has its value from something else there.
        """
        for recent, earlier in sorted(names.items()):
            ours = self.recent.setter(recent, function, line + 1)
            theirs = self.earlier.setter(earlier, gap.function, gap.line)
            if ours is None or theirs is None or isinstance(ours.node, _DEFINITIONS):
                continue
            known = self.matching.earlier_of(ours)
            if known is not None and earlier in stored_by(known.node):
                if known.function == gap.function and known.node.lineno >= gap.line:
                    raise NoPlace(f"`{earlier}` is set only behind that place in that version")
                continue
            loops = self.recent.loop_of(ours), self.earlier.loop_of(theirs)
            counterpart = None if loops[0] is None else self.matching.earlier_of(loops[0])
            if (loops[0] is None) != (loops[1] is None) or (
                counterpart is not None and counterpart is not loops[1]
            ):
                raise NoPlace(
                    f"`{earlier}` is set elsewhere in that version, by {_quoted(theirs.node)}"
                )


def _names_of(node: ast.stmt) -> frozenset[str]:
    names = names_in(node)
    return names.stored | names.loaded


def _same(recent: Statement, earlier: Statement) -> bool:
    return ast.dump(recent.node) == ast.dump(earlier.node)


def _sides(addition: Addition) -> list[tuple[ast.stmt, ...]]:
    return [side for side in (addition.before, addition.behind) if side]


def _behind_of(before: tuple[ast.stmt, ...], known: list[ast.stmt]) -> list[ast.stmt]:
    """What stands between the known neighbour and the addition."""
    numbers = [n for n, node in enumerate(before) if node in known]
    return list(before[numbers[-1] + 1 :] if numbers else before)


def _before_of(behind: tuple[ast.stmt, ...], known: list[ast.stmt]) -> list[ast.stmt]:
    numbers = [n for n, node in enumerate(behind) if node in known]
    return list(behind[: numbers[0]] if numbers else behind)


def _without_stores(node: ast.stmt) -> ast.AST:
    """What an assignment computes: that it stores a name of its own is looked at apart."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, (ast.Name, ast.Tuple, ast.List)) for target in targets):
            return node.value
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return node.value
    return node


def _comes_first(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _touches(statement: Statement, line: int) -> bool:
    first, last = span_of(statement.node)
    return first <= line <= last


def _quoted(node: ast.stmt) -> str:
    """The first line of a statement, for people."""
    return f"`{ast.unparse(node).splitlines()[0]}`"
