"""Aligning two versions of a file, statement by statement: what was kept, added, removed.

`pass`, docstrings and other constants standing alone do nothing, and count for nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from florlib.source.logs import is_flor_log, is_flor_loop
from florlib.source.loops import explicit_loop, loop_name
from florlib.source.purity import is_idle, is_pure
from florlib.source.spans import header_span

_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_REMOVAL = 1000  # dearer than any number of wrapped values


@dataclass(frozen=True, slots=True)
class Context:
    """Where a statement stands in the present file, told in terms of the recorded one."""

    function: str = "<module>"
    prefix: str = ""  # what stands before the name of a function defined here in its qualname
    loops: tuple[ast.For | ast.While, ...] = ()  # recorded loops around, in the same function
    block: str = "body"  # the field of the statement around that holds it
    owner: ast.AST | None = None  # the recorded statement around, or the module
    in_class: bool = False


@dataclass(frozen=True, slots=True)
class Addition:
    """A statement that the recorded file does not have.

    Attributes:
        anchor: the recorded line behind which it stands; 0 before everything.
        before: the recorded statements of its block that it stands behind.
        behind: those that stand behind it.
    """

    statement: ast.stmt
    context: Context
    anchor: int
    before: tuple[ast.stmt, ...] = ()
    behind: tuple[ast.stmt, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A kept statement in whose header values now pass through a log call."""

    statement: ast.stmt
    context: Context
    anchor: int
    calls: tuple[ast.Call, ...]


@dataclass(slots=True)
class Alignment:
    """All differences between two files."""

    additions: list[Addition] = field(default_factory=list)
    wrapped: list[Wrapped] = field(default_factory=list)
    removals: list[ast.stmt] = field(default_factory=list)


def align(recorded: ast.Module, present: ast.Module, aliases: Mapping[str, str]) -> Alignment:
    """Compare two trees; `aliases` are the imports of the present one."""
    aligner = _Aligner(aliases)
    aligner.blocks(recorded.body, present.body, Context(owner=recorded), 0)
    return aligner.result


class _Aligner:
    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._dumps: dict[int, str] = {}
        self._costs: dict[tuple[int, int], int | None] = {}
        self.result = Alignment()

    def blocks(
        self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], context: Context, before: int
    ) -> None:
        """Note the differences of two blocks; `before` is the recorded line ahead of them."""
        anchor, passed, doing = before, 0, _doing(old)
        for ours, theirs in self._pairs(doing, _doing(new)):
            if ours is None and theirs is not None:
                sides = tuple(doing[:passed]), tuple(doing[passed:])
                self.result.additions.append(Addition(theirs, context, anchor, *sides))
            elif ours is not None and theirs is None:
                self.result.removals.append(ours)
            elif ours is not None and theirs is not None:
                self._kept(ours, theirs, context, anchor)
            if ours is not None:
                anchor, passed = ours.end_lineno or ours.lineno, passed + 1

    def _kept(self, old: ast.stmt, new: ast.stmt, context: Context, anchor: int) -> None:
        if self._dump(old) == self._dump(new):
            return
        calls: list[ast.Call] = []
        self._same_header(old, new, calls)
        if calls or self._header_dump(old) != self._header_dump(new):
            self.result.wrapped.append(Wrapped(new, context, anchor, tuple(calls)))
        before = _header_end(old)
        for name, ours, theirs in _blocks(old, new):
            self.blocks(ours, theirs, _enter(context, old, name), before)
            before = max([before, *((one.end_lineno or 0) for one in ours)])

    def _pairs(
        self, old: list[ast.stmt], new: list[ast.stmt]
    ) -> Iterator[tuple[ast.stmt | None, ast.stmt | None]]:
        """The cheapest alignment of two blocks, in order; None stands for nothing."""
        start, end = 0, 0
        shortest = min(len(old), len(new))
        while start < shortest and self._equal(old[start], new[start]):
            start += 1
        while end < shortest - start and self._equal(old[-1 - end], new[-1 - end]):
            end += 1
        yield from zip(old[:start], new[:start], strict=True)
        yield from self._cheapest(old[start : len(old) - end], new[start : len(new) - end])
        if end:
            yield from zip(old[-end:], new[-end:], strict=True)

    def _cheapest(
        self, old: list[ast.stmt], new: list[ast.stmt]
    ) -> Iterator[tuple[ast.stmt | None, ast.stmt | None]]:
        best = self._table(old, new)
        i = j = 0
        while i < len(old) or j < len(new):
            if i < len(old) and j < len(new):
                cost = self._cost(old[i], new[j])
                if cost is not None and best[i][j] == cost + best[i + 1][j + 1]:
                    yield old[i], new[j]
                    i, j = i + 1, j + 1
                    continue
            if j < len(new) and best[i][j] == best[i][j + 1]:
                yield None, new[j]
                j += 1
            else:
                yield old[i], None
                i += 1

    def _table(self, old: list[ast.stmt], new: list[ast.stmt]) -> list[list[int]]:
        """Cost of aligning old[i:] with new[j:], at [i][j]. Additions are free."""
        best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
        for i in range(len(old) - 1, -1, -1):
            best[i][len(new)] = best[i + 1][len(new)] + _removal(old[i])
            for j in range(len(new) - 1, -1, -1):
                options = [best[i][j + 1], best[i + 1][j] + _removal(old[i])]
                cost = self._cost(old[i], new[j])
                if cost is not None:
                    options.append(cost + best[i + 1][j + 1])
                best[i][j] = min(options)
        return best

    def _cost(self, old: ast.stmt, new: ast.stmt) -> int | None:
        """What it costs to take one statement for the other; None where that is impossible."""
        if type(old) is not type(new):
            return None
        key = (id(old), id(new))
        if key not in self._costs:
            self._costs[key] = self._compute_cost(old, new)
        return self._costs[key]

    def _compute_cost(self, old: ast.stmt, new: ast.stmt) -> int | None:
        if self._equal(old, new):
            return 0
        if not self._same_header(old, new, []):
            return None
        total = 1
        for _, ours, theirs in _blocks(old, new):
            for one, other in self._pairs(_doing(ours), _doing(theirs)):
                if one is not None:
                    total += self._cost(one, other) or 0 if other else _removal(one)
        return total

    def _same_header(self, old: ast.stmt, new: ast.stmt, calls: list[ast.Call]) -> bool:
        """Whether two statements do the same, bodies aside; notes the log calls put in."""
        names = [name for name in old._fields if name not in (*_BODIES, "type_comment")]
        if isinstance(old, ast.For) and isinstance(new, ast.For):
            names.remove("iter")
            if not self._same_iterable(old, new, calls):
                return False
        if not all(self._same(getattr(old, n), getattr(new, n), calls) for n in names):
            return False
        return self._same_clauses(old, new)

    def _same_clauses(self, old: ast.stmt, new: ast.stmt) -> bool:
        for name, heads in (("handlers", ("type", "name")), ("cases", ("pattern", "guard"))):
            ours, theirs = getattr(old, name, ()), getattr(new, name, ())
            if len(ours) != len(theirs):
                return False
            for one, other in zip(ours, theirs, strict=True):
                if not all(self._same(getattr(one, h), getattr(other, h), []) for h in heads):
                    return False
        return True

    def _same_iterable(self, old: ast.For, new: ast.For, calls: list[ast.Call]) -> bool:
        if self._same(old.iter, new.iter, calls):
            return True
        call = new.iter
        if explicit_loop(old.iter, self._aliases) or not isinstance(call, ast.Call):
            return False
        wraps = is_flor_loop(call, self._aliases) and bool(call.args)
        if not wraps or loop_name(new, self._aliases) != loop_name(old, self._aliases):
            return False
        return self._same(old.iter, call.args[-1], calls)

    def _same(self, old: object, new: object, calls: list[ast.Call]) -> bool:
        """Whether two expressions give the same, the log calls put in around values aside."""
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(
                self._same(one, other, calls) for one, other in zip(old, new, strict=True)
            )
        if not isinstance(old, ast.AST) or not isinstance(new, ast.AST):
            return type(old) is type(new) and old == new
        if self._dump(old) == self._dump(new):
            return True
        if isinstance(new, ast.Call) and is_flor_log(new, self._aliases):
            name, value = logged_value(new)
            inside: list[ast.Call] = []
            if value is not None and is_pure(name) and self._same(old, value, inside):
                calls += [new, *inside]
                return True
        if type(old) is not type(new):
            return False
        fields = [self._comparable(old, name) for name in old._fields]
        others = [self._comparable(new, name) for name in new._fields]
        return all(self._same(a, b, calls) for a, b in zip(fields, others, strict=True))

    def _comparable(self, node: ast.AST, name: str) -> object:
        """A field; of a call of flor's loop without `probed=`, which asks and changes nothing."""
        value = getattr(node, name, None)
        if name == "keywords" and isinstance(node, ast.Call):
            if is_flor_loop(node, self._aliases):
                return [word for word in node.keywords if word.arg != "probed"]
        return value

    def _equal(self, old: ast.stmt, new: ast.stmt) -> bool:
        return self._dump(old) == self._dump(new)

    def _dump(self, node: ast.AST) -> str:
        if id(node) not in self._dumps:
            self._dumps[id(node)] = _dump(node)
        return self._dumps[id(node)]

    def _header_dump(self, statement: ast.stmt) -> str:
        names = [name for name in statement._fields if name not in _BODIES]
        return "".join(_dump(getattr(statement, name)) for name in names)


def _dump(node: object) -> str:
    """A text that is equal for nodes that do the same; unlike ast.dump, without idle statements."""
    if isinstance(node, list):
        return f"[{','.join(_dump(part) for part in node if not is_idle(part))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = ("kind", "type_comment", "type_ignores")
    parts = (_dump(getattr(node, name, None)) for name in node._fields if name not in skipped)
    return f"{type(node).__name__}({','.join(parts)})"


def _doing(block: Sequence[ast.stmt]) -> list[ast.stmt]:
    return [statement for statement in block if not is_idle(statement)]


def _blocks(old: ast.stmt, new: ast.stmt) -> Iterator[tuple[str, list[ast.stmt], list[ast.stmt]]]:
    """The blocks below two statements with equal headers, in the order of the text."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        ours, theirs = getattr(old, name, None), getattr(new, name, None)
        if name in ("handlers", "cases"):
            for one, other in zip(ours or (), theirs or (), strict=True):
                yield name, one.body, other.body
        elif isinstance(ours, list) and isinstance(theirs, list):
            yield name, ours, theirs


def _enter(context: Context, owner: ast.stmt, block: str) -> Context:
    """The context within a block of a recorded statement."""
    if isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef)):
        qualname = f"{context.prefix}{owner.name}"
        return Context(qualname, f"{qualname}.<locals>.", (), block, owner)
    if isinstance(owner, ast.ClassDef):
        prefix = f"{context.prefix}{owner.name}."
        return replace(context, prefix=prefix, block=block, owner=owner, in_class=True)
    loops = context.loops
    if isinstance(owner, (ast.For, ast.While)) and block == "body":
        loops = (*loops, owner)
    return replace(context, loops=loops, block=block, owner=owner)


def _header_end(statement: ast.stmt) -> int:
    return header_span(statement)[1] if hasattr(statement, "body") else statement.lineno


def _removal(statement: ast.stmt) -> int:
    return _REMOVAL * sum(isinstance(node, ast.stmt) for node in ast.walk(statement))


def logged_value(call: ast.Call) -> tuple[ast.expr, ast.expr | None]:
    """Name and value of a log call; no value where it is written in another way."""
    words = {word.arg: word.value for word in call.keywords}
    given = [*call.args, *(words[name] for name in ("name", "value") if name in words)]
    if len(given) != 2 or len(given) != len(call.args) + len(call.keywords):
        return call, None
    return given[0], given[1]
