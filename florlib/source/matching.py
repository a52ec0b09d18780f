"""Pairing the statements of two versions of a file, however far apart they are.

Statements are alike by the words in them (a compound one by its header), and a little by what they
stand in. The order of the text is kept; what that leaves over is paired once more by itself, as
where a loop has become a function. Renamed names are found from pairs, and pairs again with them.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from florlib.source.functions import MODULE
from florlib.source.purity import is_idle
from florlib.source.renames import Renames, unstored_builtins

_BODIES = ("body", "orelse", "finalbody")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
_LEAST = 0.4  # below it, statements are no pair
_SAME_TARGET = 0.5  # at least so much alike are two assignments to the same
_PARENT_WEIGHT = 0.3
_TARGET_WEIGHT = 0.3
_DEPTH_WEIGHT = 0.02
_OTHER_KIND = 0.9
_ROUNDS = 3
_CELLS = 40_000  # pairs that are looked at in one alignment; more take seconds for 2000 lines


@dataclass(slots=True, eq=False)
class Statement:
    """A statement and where it stands.

    Attributes:
        number: in the order of the text.
        parent: the compound statement around, as far as there is one.
        siblings: all statements of its block, itself among them.
        function: qualname of the function around, "<module>" outside of functions.
        words: names, attributes and constants in it, those of a body aside.
        targets: those of what an assignment stores to; else none.
        depth: how many compound statements are around it.
    """

    node: ast.stmt
    number: int
    parent: Statement | None
    siblings: list[Statement]
    function: str
    words: tuple[str, ...]
    targets: tuple[str, ...]
    depth: int

    @property
    def loop(self) -> Statement | None:
        """The innermost loop around it in the same function."""
        inner, outer = self, self.parent
        while outer is not None and not isinstance(outer.node, (*_FUNCTIONS, ast.ClassDef)):
            if isinstance(outer.node, _LOOPS) and _is_in(inner, outer.node.body):
                return outer
            inner, outer = outer, outer.parent
        return None


def _is_in(statement: Statement, body: Sequence[ast.stmt]) -> bool:
    return any(statement.node is node for node in body)


def statements_of(tree: ast.Module) -> list[Statement]:
    """All statements that do something, in the order of the text."""
    found: list[Statement] = []

    def block(body: Sequence[ast.stmt], parent: Statement | None, function: str) -> None:
        siblings: list[Statement] = []
        for node in body:
            if is_idle(node):
                continue
            words, targets = tuple(_words(node)), tuple(_targets(node))
            depth = 0 if parent is None else parent.depth + 1
            one = Statement(node, len(found), parent, siblings, function, words, targets, depth)
            siblings.append(one)
            found.append(one)
            inner = function_in(node, function)
            for part in _blocks_of(node):
                block(part, one, inner)

    block(tree.body, None, MODULE)
    return found


def function_in(node: ast.stmt, around: str) -> str:
    """What function the body of a statement belongs to; of a class, how its methods' names begin."""
    prefix = "" if around == MODULE else around + ("" if around.endswith(".") else ".<locals>.")
    if isinstance(node, _FUNCTIONS):
        return f"{prefix}{node.name}"
    return f"{prefix}{node.name}." if isinstance(node, ast.ClassDef) else around


def _blocks_of(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in _BODIES:
        yield getattr(node, name, None) or []
        if name == "body":
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield part.body


def _words(node: ast.AST) -> Iterator[str]:
    """The words of a node in the order of its text; attributes with a dot, keywords with `=`."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield from _words(node.value)
        yield f".{node.attr}"
    elif isinstance(node, ast.Constant):
        yield repr(node.value)
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
    elif isinstance(node, (ast.operator, ast.cmpop, ast.unaryop, ast.boolop)):
        yield f"<{type(node).__name__}>"
    else:
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.keyword) and node.arg:
            yield f"{node.arg}="
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"
        for name, value in ast.iter_fields(node):
            if name in (*_BODIES, "handlers", "cases") and isinstance(node, ast.stmt):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from _words(part)


def _targets(node: ast.stmt) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else ():
        yield from _words(target)


class _Words:
    """The words of a statement, made ready to be compared often.

    Attributes:
        each: every word once, a repeated one with its number.
    """

    __slots__ = ("all", "each", "targets")

    def __init__(self, words: tuple[str, ...], targets: tuple[str, ...]) -> None:
        self.all, self.targets = words, targets
        self.each = frozenset(words)
        if len(self.each) < len(words):
            seen: Counter[str] = Counter()
            numbered = []
            for word in words:
                numbered.append(f"{word} {seen[word]}" if seen[word] else word)
                seen[word] += 1
            self.each = frozenset(numbered)


@dataclass(slots=True)
class Matching:
    """Which statements of an earlier version stand for those of a recent one.

    Attributes:
        renames: of names and attributes, recent to earlier.
    """

    recent: list[Statement]
    earlier: list[Statement]
    renames: Renames = field(default_factory=Renames)
    _taken: dict[int, int] = field(default_factory=dict)
    _pairs: dict[int, int] = field(default_factory=dict)
    _likeness: dict[tuple[int, int], float] = field(default_factory=dict)
    _ours: list[_Words] = field(default_factory=list)
    _theirs: list[_Words] = field(default_factory=list)

    @classmethod
    def of(cls, recent: ast.Module, earlier: ast.Module) -> Matching:
        """Pair the statements of two versions.

        >>> recent = ast.parse("for x in data:\\n    loss = f(net, x)\\n    loss.backward()")
        >>> earlier = ast.parse("for x in data:\\n    err = f(net, x)\\n    err.backward()")
        >>> Matching.of(recent, earlier).renames.of("loss", "<module>")
        'err'
        """
        made = cls(statements_of(recent), statements_of(earlier))
        made._theirs = [_Words(one.words, one.targets) for one in made.earlier]
        made._rename(Renames())
        kept = unstored_builtins(recent), unstored_builtins(earlier)
        for _ in range(_ROUNDS):
            made._pairs = made._paired()
            before = made.renames
            made._rename(Renames.inferred(made._evidence(), *kept))
            if made.renames == before:
                break
        made._taken = {theirs: ours for ours, theirs in made._pairs.items()}
        return made

    def earlier_of(self, statement: Statement) -> Statement | None:
        """What stands for a recent statement."""
        number = self._pairs.get(statement.number)
        return None if number is None else self.earlier[number]

    def recent_of(self, statement: Statement) -> Statement | None:
        """What an earlier statement stands for."""
        number = self._taken.get(statement.number)
        return None if number is None else self.recent[number]

    def likeness(self, recent: Statement, earlier: Statement) -> float:
        """From 0 to 1, where all words are the same but for renames."""
        key = (recent.number, earlier.number)
        if key not in self._likeness:
            self._likeness[key] = self._compute_likeness(recent, earlier)
        return self._likeness[key]

    def _rename(self, renames: Renames) -> None:
        if renames.overall != self.renames.overall or not self._ours:
            named = renames.all_of
            self._ours = [_Words(named(one.words), named(one.targets)) for one in self.recent]
            self._likeness.clear()
        self.renames = renames

    def _compute_likeness(self, recent: Statement, earlier: Statement) -> float:
        kind = _kinship(recent.node, earlier.node)
        ours, theirs = self._ours[recent.number], self._theirs[earlier.number]
        if not kind or ours.all == theirs.all:
            return kind
        shared = len(ours.each & theirs.each)
        ratio = 0.98 * 2 * shared / (len(ours.all) + len(theirs.all))
        if ratio < _SAME_TARGET and self._same_target(recent, earlier):
            ratio = _SAME_TARGET
        return ratio

    def _same_target(self, recent: Statement, earlier: Statement) -> bool:
        """Whether two assignments store to the same."""
        ours, theirs = self._ours[recent.number].targets, self._theirs[earlier.number].targets
        return bool(ours) and ours == theirs

    def _evidence(self) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], float]]:
        """(function, words, earlier words, likeness) of each pair."""
        for number, other in self._pairs.items():
            ours, theirs = self.recent[number], self.earlier[other]
            yield ours.function, ours.words, theirs.words, self.likeness(ours, theirs)

    # ------------------------------------------------------------------ pairing

    def _paired(self) -> dict[int, int]:
        pairs: dict[int, int] = {}
        start, below = 0, 0
        ends = (len(self.recent), len(self.earlier))
        for here, there in [*self._certain(), ends]:
            pairs.update(self._aligned(range(start, here), range(below, there)))
            if (here, there) != ends:
                pairs[here] = there
            start, below = here + 1, there + 1
        for _ in range(_ROUNDS):  # what stands in another order, as a loop that became a function
            left = [n for n in range(ends[0]) if n not in pairs]
            taken = set(pairs.values())
            more = self._aligned(left, [n for n in range(ends[1]) if n not in taken])
            if not more:
                break
            pairs.update(more)
        return pairs

    def _certain(self) -> list[tuple[int, int]]:
        """Pairs of statements that are the same and of which there is only one in each version.

        The longest series of them that are in the same order in both, as a patience diff has it.
        """
        ours = _unique((self._ours[one.number].all, one) for one in self.recent)
        theirs = _unique((one.words, one) for one in self.earlier)
        both = {
            (one.number, theirs[key].number)
            for key, one in ours.items()
            if key in theirs and type(one.node) is type(theirs[key].node)
        }
        ours, theirs = (_unique(map(_defined, side)) for side in (self.recent, self.earlier))
        both |= {(one.number, theirs[key].number) for key, one in ours.items() if key in theirs}
        return _longest_rising(sorted(both))

    def _aligned(self, ours: Sequence[int], theirs: Sequence[int]) -> dict[int, int]:
        """The best pairs of two series of statements, in order."""
        if not ours or not theirs:
            return {}
        weights = self._weights(ours, theirs)
        best = [[0.0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
        for i in range(len(ours) - 1, -1, -1):
            row, below, own = best[i], best[i + 1], weights[i]
            for j in range(len(theirs) - 1, -1, -1):
                value = max(below[j], row[j + 1])
                if own[j]:
                    value = max(value, below[j + 1] + own[j])
                row[j] = value
        pairs: dict[int, int] = {}
        i = j = 0
        while i < len(ours) and j < len(theirs):
            if weights[i][j] and best[i][j] == best[i + 1][j + 1] + weights[i][j]:
                pairs[ours[i]] = theirs[j]
                i, j = i + 1, j + 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return pairs

    def _weights(self, ours: Sequence[int], theirs: Sequence[int]) -> list[list[float]]:
        """By row and column; of large series, those beside the diagonal alone."""
        rows = []
        width = max(1, _CELLS // len(ours))
        for n, i in enumerate(ours):
            middle = n * len(theirs) // len(ours)
            start, stop = max(0, middle - width // 2), middle + width // 2 + 1
            near = [self._weight(i, j) for j in theirs[start:stop]]
            rows.append([*[0.0] * start, *near, *[0.0] * (len(theirs) - start - len(near))])
        return rows

    def _weight(self, here: int, there: int) -> float:
        ours, theirs = self.recent[here], self.earlier[there]
        likeness = self.likeness(ours, theirs)
        if likeness < _LEAST:
            return 0.0
        context = _PARENT_WEIGHT * self._likeness_of_parents(ours, theirs)
        context += _TARGET_WEIGHT * self._same_target(ours, theirs)
        return likeness + context - _DEPTH_WEIGHT * abs(ours.depth - theirs.depth)

    def _likeness_of_parents(self, ours: Statement, theirs: Statement) -> float:
        if ours.parent is None or theirs.parent is None:
            return float(ours.parent is theirs.parent)
        return self.likeness(ours.parent, theirs.parent)


def _kinship(recent: ast.stmt, earlier: ast.stmt) -> float:
    """1 for statements of one kind, 0 for those that cannot be a pair."""
    if type(recent) is type(earlier):
        return 1.0
    for kinds in (_SIMPLE, _LOOPS, _FUNCTIONS):
        if isinstance(recent, kinds) and isinstance(earlier, kinds):
            return _OTHER_KIND
    return 0.0


def _defined(statement: Statement) -> tuple[tuple[str, ...], Statement]:
    """What a statement defines: a function or class of this name, and nothing else."""
    node = statement.node
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return (type(node).__name__, function_in(node, statement.function)), statement
    return (), statement


def _unique(
    keyed: Iterable[tuple[tuple[str, ...], Statement]],
) -> dict[tuple[str, ...], Statement]:
    """Those whose key no other has; statements without words are never unique."""
    found: dict[tuple[str, ...], Statement | None] = {}
    for key, one in keyed:
        if key:
            found[key] = None if key in found else one
    return {key: one for key, one in found.items() if one is not None}


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest series of pairs, sorted by the first number, that rises in the second."""
    ends: list[int] = []  # the lowest second number in which a series of each length ends
    last: list[int] = []  # which pair that is
    before: list[int | None] = []
    for n, (_, value) in enumerate(pairs):
        length = bisect_left(ends, value)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1] = [value]
        last[length : length + 1] = [n]
    series: list[tuple[int, int]] = []
    at: int | None = last[-1] if last else None
    while at is not None:
        series.append(pairs[at])
        at = before[at]
    return series[::-1]
