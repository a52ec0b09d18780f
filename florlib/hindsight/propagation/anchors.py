"""Where in an earlier version a statement belongs: between those that stand for its neighbours."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from florlib.hindsight.alignment import Addition
from florlib.hindsight.propagation.between import Between
from florlib.hindsight.propagation.branches import (
    Branch,
    branches_of,
    chain_of,
    may_set,
    surely_sets,
)
from florlib.hindsight.propagation.refusals import NoPlace, quoted
from florlib.hindsight.propagation.scopes import DEFINITIONS, Scopes, stored_by
from florlib.source.functions import MODULE
from florlib.source.matching import Matching, Statement
from florlib.source.names import names_in
from florlib.source.purity import Purity
from florlib.source.spans import span_of

STRONG = 0.6  # a neighbour less alike than this is not enough by itself

Pair: TypeAlias = tuple[Statement, Statement]  # recent, earlier


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
        purity: of statements of the earlier version.
    """

    matching: Matching
    recent: Scopes
    earlier: Scopes
    lines: list[str]
    purity: Purity

    def place(self, addition: Addition, needed: frozenset[str]) -> Gap:
        """Find the place of an addition.

        Args:
            addition: to the recent version.
            needed: the names that it reads, as the earlier version has them.

        Raises:
            NoPlace: there is none that is certain.
        """
        addition = self._widened(addition)
        before = self._nearest(reversed(addition.before), addition)
        behind = self._nearest(addition.behind, addition)
        known = [one for one in (before, behind) if one is not None]
        if not known:
            return self._without_neighbours(addition)
        self._check_likeness(known)
        if before is None or behind is None:
            gap = self._beside(addition, before, behind, needed)
        else:
            gap = self._joined(addition, before, behind, needed)
        self._check_branches(gap, addition, known, needed)
        return gap

    def _widened(self, addition: Addition) -> Addition:
        """With what stands around a `with` that the earlier version does not have."""
        before, behind = addition.before, addition.behind
        owner = self.recent.statement(addition.context.owner)
        while owner is not None and self._is_dissolved(owner):
            nodes = [one.node for one in owner.siblings]
            at = owner.siblings.index(owner)
            before, behind = (*nodes[:at], *before), (*behind, *nodes[at + 1 :])
            owner = owner.parent
        return replace(addition, before=before, behind=behind)

    def _is_dissolved(self, owner: Statement) -> bool:
        is_with = isinstance(owner.node, (ast.With, ast.AsyncWith))
        return is_with and self.matching.earlier_of(owner) is None

    def _nearest(self, recents: Iterable[ast.stmt], addition: Addition) -> Pair | None:
        """The first of the statements that the earlier version has, in the same loop and function."""
        loop = self._recent_loop(addition)
        for node in recents:
            ours = self.recent.statement(node)
            theirs = None if ours is None else self.matching.earlier_of(ours)
            if ours is None or theirs is None:
                continue
            if self._is_in(theirs, loop) and self._is_same_function(ours, theirs):
                return ours, theirs
        return None

    def may_stand_for(self, ours: Statement, theirs: Statement) -> bool:
        """Whether two statements are in the same loop and function."""
        loop = self.recent.loop_of(ours)
        return self._is_in(theirs, loop) and self._is_same_function(ours, theirs)

    def _recent_loop(self, addition: Addition) -> Statement | None:
        """The loop that an addition runs in every turn of."""
        beside = next(iter((*reversed(addition.before), *addition.behind)), None)
        at = self.recent.statement(beside)
        return None if at is None else self.recent.loop_of(at)

    def _is_in(self, earlier: Statement, loop: Statement | None) -> bool:
        """Whether a statement runs in every turn of what stands for a loop of the recent version."""
        theirs = self.earlier.loop_of(earlier)
        if loop is None or theirs is None:
            return loop is None and theirs is None
        known = self.matching.earlier_of(loop)
        return known is theirs if known is not None else self.matching.recent_of(theirs) is None

    def _is_same_function(self, ours: Statement, theirs: Statement) -> bool:
        """Whether the functions of two statements may be one: each may have been split or joined."""
        recent = self.recent.definition(ours.function)
        earlier = self.earlier.definition(theirs.function)
        known = None if recent is None else self.matching.earlier_of(recent)
        taken = None if earlier is None else self.matching.recent_of(earlier)
        return known is earlier or known is None or (taken is None and earlier is not None)

    def _without_neighbours(self, addition: Addition) -> Gap:
        """Behind a file's docstring and the imports from `__future__`, for what goes to the top."""
        context = addition.context
        if not isinstance(addition.statement, DEFINITIONS) or context.function != MODULE:
            raise NoPlace("nothing in that version is like the statements around it, in its loop")
        if context.in_class:
            raise NoPlace("that version has nothing like its class")
        first = next((one for one in self.matching.earlier if not _comes_first(one.node)), None)
        if first is None:
            raise NoPlace("that version of the file is empty")
        return Gap(span_of(first.node)[0], "", MODULE, first, exact=True)

    def _check_likeness(self, known: list[Pair]) -> None:
        likeness = [self.matching.likeness(*one) for one in known]
        if max(likeness) < STRONG:
            near = known[likeness.index(max(likeness))]
            raise NoPlace(
                f"{quoted(near[0].node)} is too unlike {quoted(near[1].node)} of that version"
            )

    # ------------------------------------------------------------------ between two statements

    def _beside(
        self, addition: Addition, before: Pair | None, behind: Pair | None, needed: frozenset[str]
    ) -> Gap:
        """Where one side alone is known."""
        known = before or behind
        assert known is not None
        siblings = known[1].siblings
        at = siblings.index(known[1])
        start, stop = (at + 1, len(siblings)) if before else (0, at)
        return self._at(addition, siblings, start, stop, (before, behind), needed)

    def _joined(
        self, addition: Addition, before: Pair, behind: Pair, needed: frozenset[str]
    ) -> Gap:
        """Between two statements, each of which may stand deeper than the other."""
        upper, lower = _in_one_block(before[1], behind[1])
        if upper is None or lower is None:
            return self._closer(addition, before, behind, needed)
        siblings = upper.siblings
        start, stop = siblings.index(upper) + 1, siblings.index(lower)
        if start > stop:
            raise NoPlace(
                f"that version has {quoted(before[1].node)} behind {quoted(behind[1].node)}"
            )
        if upper is not before[1] and self._leaves_unset(upper, before[1], needed):
            return self._beside(addition, before, None, needed)
        if lower is not behind[1] and self._sets_on_the_way(lower, behind[1], needed):
            return self._beside(addition, None, behind, needed)
        inside = [*_rest_of(before[1], upper), *_start_of(behind[1], lower)]
        telling = self._between(addition, (before, behind), needed).telling(inside)
        if telling:
            raise NoPlace(_either_side(telling[0]))
        return self._at(addition, siblings, start, stop, (before, behind), needed)

    def _closer(
        self, addition: Addition, before: Pair, behind: Pair, needed: frozenset[str]
    ) -> Gap:
        """Of two neighbours in different functions now, by the one that has to do with the names."""
        worth = [len(_names_of(one[1].node) & needed) for one in (before, behind)]
        if worth[0] == worth[1]:
            raise NoPlace(
                f"{quoted(before[1].node)} and {quoted(behind[1].node)}"
                " are in different functions in that version"
            )
        if worth[0] > worth[1]:
            return self._beside(addition, before, None, needed)
        return self._beside(addition, None, behind, needed)

    def _leaves_unset(
        self, upper: Statement, inner: Statement, needed: frozenset[str]
    ) -> frozenset[str]:
        """Names that are set in a block, and may not be behind the statement around it."""
        first, last = upper.node.lineno, span_of(inner.node)[1]
        inside = [one for one in self.matching.earlier if first <= one.node.lineno <= last]
        stored = frozenset().union(*(stored_by(one.node) for one in inside))
        return frozenset(one for one in stored & needed if not surely_sets(upper.node, one))

    def _sets_on_the_way(
        self, lower: Statement, inner: Statement, needed: frozenset[str]
    ) -> frozenset[str]:
        """Names that have their value only within the statement around one."""
        first, last = lower.node.lineno, inner.node.lineno
        inside = [one for one in self.matching.earlier if first <= one.node.lineno < last]
        return needed & frozenset().union(*(stored_by(one.node) for one in inside))

    def _between(
        self,
        addition: Addition,
        known: tuple[Pair | None, Pair | None],
        needed: frozenset[str],
    ) -> Between:
        ours = [one[0].node for one in known if one is not None]
        return Between(addition, ours, needed, self.matching.renames, self.purity)

    def _at(
        self,
        addition: Addition,
        siblings: list[Statement],
        start: int,
        stop: int,
        known: tuple[Pair | None, Pair | None],
        needed: frozenset[str],
    ) -> Gap:
        """The place among the statements of a block from one number up to another."""
        between = self._between(addition, known, needed)
        side = between.side([one.node for one in siblings[start:stop]])
        at = start if side == "front" else stop
        pairs = [one for one in known if one is not None]
        exact = start == stop and all(_same(*one) for one in pairs)
        exact = exact and len(pairs) == len(_sides(addition))
        is_behind = at == len(siblings) or (side == "front" and at > 0)
        return self._gap(siblings, at - is_behind, is_behind=is_behind, exact=exact)

    def _gap(self, siblings: list[Statement], at: int, *, is_behind: bool, exact: bool) -> Gap:
        """The place in front of a statement of a block, or behind it."""
        if is_behind and at + 1 < len(siblings) and _on_one_line(*siblings[at : at + 2]):
            at, is_behind = at + 1, False
        last = span_of(siblings[at].node)[1]
        while is_behind and at and _on_one_line(*siblings[at - 1 : at + 1]):
            at -= 1
        beside = siblings[at]
        first = span_of(beside.node)[0]
        text = self.lines[first - 1]
        indentation = text[: len(text) - len(text.lstrip())]
        if len(indentation.encode()) != beside.node.col_offset:
            raise NoPlace(f"{quoted(beside.node)} shares its line with other code there")
        if _is_elif(beside):
            raise NoPlace(f"{quoted(beside.node)} is an `elif` there")
        return Gap(last + 1 if is_behind else first, indentation, beside.function, beside, exact)

    # ------------------------------------------------------------------ branches

    def _check_branches(
        self, gap: Gap, addition: Addition, known: list[Pair], needed: frozenset[str]
    ) -> None:
        """A statement stands in no branch that it did not stand in, without a reason."""
        if isinstance(addition.statement, DEFINITIONS):
            return
        for branch in self._new_branches(gap, known[0][0]):
            within = [one for one in known if branch in branches_of(one[1])]
            has_both = len(within) == len(known) == 2
            sets = [name for name in needed if self._is_set_in(branch, name, gap)]
            if any(may_set(block, name) for block in branch.others for name in sets):
                sets = []
            if not sets and (branch.others or not has_both):
                raise NoPlace(
                    f"it would run only under {quoted(branch.owner.node)} of that version"
                )

    def _new_branches(self, gap: Gap, ours: Statement) -> list[Branch]:
        """Branches around a place that the recent version does not have around a neighbour."""
        known = [(self.matching.earlier_of(one.owner), one.number) for one in branches_of(ours)]
        return [one for one in branches_of(gap.beside) if (one.owner, one.number) not in known]

    def _is_set_in(self, branch: Branch, name: str, gap: Gap) -> bool:
        setter = self.earlier.setter(name, gap.function, gap.line)
        return setter is not None and branch in branches_of(setter)


def _in_one_block(
    before: Statement, behind: Statement
) -> tuple[Statement | None, Statement | None]:
    """The statements around two, or themselves, that stand in the same block."""
    for upper in chain_of(before):
        for lower in chain_of(behind):
            if upper.siblings is lower.siblings:
                return upper, lower
    return None, None


def _rest_of(inner: Statement, outer: Statement) -> list[ast.stmt]:
    """What stands behind a statement within one around it, or that itself."""
    chain = chain_of(inner)
    return [
        other.node
        for one in chain[: chain.index(outer)]
        for other in one.siblings[one.siblings.index(one) + 1 :]
    ]


def _start_of(inner: Statement, outer: Statement) -> list[ast.stmt]:
    """What stands in front of a statement within one around it, or that itself."""
    chain = chain_of(inner)
    return [
        other.node
        for one in chain[: chain.index(outer)]
        for other in one.siblings[: one.siblings.index(one)]
    ]


def _either_side(node: ast.stmt) -> str:
    return f"it may belong before or behind {quoted(node)}, which only that version has"


def _on_one_line(one: Statement, other: Statement) -> bool:
    return span_of(one.node)[1] == span_of(other.node)[0]


def _is_elif(statement: Statement) -> bool:
    parent = statement.parent
    if parent is None or not isinstance(parent.node, ast.If):
        return False
    is_else = any(statement.node is node for node in parent.node.orelse)
    return is_else and statement.node.col_offset == parent.node.col_offset


def _names_of(node: ast.stmt) -> frozenset[str]:
    names = names_in(node)
    return names.stored | names.loaded


def _same(recent: Statement, earlier: Statement) -> bool:
    return ast.dump(recent.node) == ast.dump(earlier.node)


def _sides(addition: Addition) -> list[tuple[ast.stmt, ...]]:
    return [side for side in (addition.before, addition.behind) if side]


def _comes_first(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
