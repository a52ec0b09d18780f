"""Probes: what was added to a source file after the run, and whether that is all that happened."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from florlib.hindsight.admission import Admission
from florlib.hindsight.alignment import Addition, Alignment, Context, Wrapped, align
from florlib.hindsight.elsewhere import names_seen_by
from florlib.hindsight.overriding import attributes_of
from florlib.source.annotations import may_leave_out, without_annotations
from florlib.source.functions import loop_nodes
from florlib.source.imports import import_aliases
from florlib.source.logs import logged_name
from florlib.source.purity import Purity
from florlib.source.spans import LineSpan, header_span, span_of


@dataclass(frozen=True, slots=True)
class Probe:
    """One statement added for the sake of a question."""

    path: str
    line: int  # in the present file
    end_line: int
    function: str  # qualname of the function around it, "<module>" outside functions
    loops: tuple[int, ...]  # recorded ordinals of the loops around it, outermost first
    pure: bool  # only logs and computes, so that it needs no guard
    text: str
    names: tuple[str, ...] = ()  # the names that it logs, as far as the text says them
    anchor: int = 0  # the recorded line behind which it stands; 0 before everything


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of one file between the run and now."""

    verdict: Literal["same", "probe", "changed"]
    probes: tuple[Probe, ...] = ()
    changes: tuple[str, ...] = ()  # what is not a probe, in words
    spans: frozenset[LineSpan] = frozenset()  # added statements, to be guarded
    transparent: frozenset[LineSpan] = frozenset()  # of recorded code too, never to be guarded
    passing: frozenset[str] = frozenset()  # names that are new in what transparent spans log
    # (function, name) of what added statements alone store
    introduced: frozenset[tuple[str, str]] = frozenset()
    text: str = ""  # the present text, where there are probes


def compare(
    path: str, recorded: str, present: str, others: Mapping[str, ast.Module] | None = None
) -> Comparison:
    """Compare the recorded and the present text of a file.

    Args:
        path: of the file.
        recorded: its text when the run was recorded.
        present: its text now.
        others: by path, further recorded files, which may look into this one.

    Raises:
        SyntaxError: as Python's own, of the present text.

    >>> compare("a.py", "x = 1", "x = 1\\nprint(x)").probes[0].names
    ('print',)
    """
    tree = ast.parse(present, filename=path)
    if recorded == present:
        return Comparison("same")
    before = ast.parse(recorded, filename=path)
    if may_leave_out(recorded) and may_leave_out(present):
        before, tree = without_annotations(before), without_annotations(tree)
    aside = {other: parsed for other, parsed in (others or {}).items() if other != path}
    return _Comparer(path, before, tree, present, aside).result()


class _Comparer:
    def __init__(
        self,
        path: str,
        recorded: ast.Module,
        present: ast.Module,
        text: str,
        others: Mapping[str, ast.Module],
    ) -> None:
        self._path = path
        self._text = text
        self._aliases = _certain_aliases(present)
        self._purity = Purity.of(present)
        self._ordinals = {node: number for number, node in enumerate(loop_nodes(recorded))}
        self._alignment: Alignment = align(recorded, present, self._aliases)
        self._admission = Admission(
            recorded,
            self._alignment.additions,
            self._aliases,
            attributes_of([recorded, *others.values()]),
            names_seen_by(others, path),
        )
        self._shared = self._spans_of_kept(present)

    def result(self) -> Comparison:
        """The verdict and all that belongs to it."""
        changes = [self._removal(statement) for statement in self._alignment.removals]
        if not changes:
            for addition in self._alignment.additions:
                reasons = [*self._admission.objections(addition), *self._sharing(addition)]
                changes += [f"line {addition.statement.lineno}: {reason}" for reason in reasons]
        added = {span_of(addition.statement) for addition in self._alignment.additions}
        inseparable = {span for span in added if self._is_shared(span)}
        probes = [self._added(addition) for addition in self._alignment.additions]
        probes += [self._wrapped(one) for one in self._alignment.wrapped if one.calls]
        wrapped = {header_span(one.statement) for one in self._alignment.wrapped}
        if changes:
            return Comparison("changed", changes=tuple(changes))
        return Comparison(
            verdict="probe" if probes else "same",
            probes=tuple(sorted(probes, key=lambda probe: probe.line)),
            spans=frozenset(added - inseparable),
            transparent=frozenset(wrapped | inseparable),
            passing=self._passing(inseparable),
            introduced=self._admission.new_names(),
            text=self._text,
        )

    def _passing(self, inseparable: set[LineSpan]) -> frozenset[str]:
        nodes: list[ast.AST] = [call for one in self._alignment.wrapped for call in one.calls]
        for addition in self._alignment.additions:
            if span_of(addition.statement) in inseparable:
                nodes += ast.walk(addition.statement)
        calls = (node for node in nodes if isinstance(node, ast.Call))
        names = (logged_name(call, self._aliases) for call in calls)
        return frozenset(name for name in names if name is not None)

    def _added(self, addition: Addition) -> Probe:
        return self._probe(
            addition.statement,
            addition.context,
            addition.anchor,
            span=span_of(addition.statement),
            pure=self._purity.holds(addition.statement),
            within=addition.statement,
        )

    def _wrapped(self, wrapped: Wrapped) -> Probe:
        return self._probe(
            wrapped.statement,
            wrapped.context,
            wrapped.anchor,
            span=header_span(wrapped.statement),
            pure=True,
            within=ast.Tuple(list(wrapped.calls), ast.Load()),
        )

    def _probe(
        self,
        statement: ast.stmt,
        context: Context,
        anchor: int,
        *,
        span: LineSpan,
        pure: bool,
        within: ast.AST,
    ) -> Probe:
        calls = [node for node in ast.walk(within) if isinstance(node, ast.Call)]
        named = [logged_name(call, self._aliases) for call in calls]
        return Probe(
            path=self._path,
            line=span[0],
            end_line=span[1],
            function=context.function,
            loops=tuple(self._ordinals[loop] for loop in context.loops),
            pure=pure,
            text=self._source(statement, span),
            names=tuple(dict.fromkeys(name for name in named if name)),
            anchor=anchor,
        )

    def _source(self, statement: ast.stmt, span: LineSpan) -> str:
        if self._is_shared(span):
            return ast.get_source_segment(self._text, statement) or ""
        lines = self._text.splitlines()[span[0] - 1 : span[1]]
        return textwrap.dedent("\n".join(lines))

    def _sharing(self, addition: Addition) -> list[str]:
        """An addition on a recorded statement's line cannot be told from it, nor guarded."""
        shared = self._is_shared(span_of(addition.statement))
        if shared and not self._purity.holds(addition.statement):
            return ["stands on the line of a recorded statement; give it a line of its own"]
        return []

    def _is_shared(self, span: LineSpan) -> bool:
        return any(span[0] <= first and last <= span[1] for first, last in self._shared)

    def _spans_of_kept(self, present: ast.Module) -> set[LineSpan]:
        added = {part for one in self._alignment.additions for part in ast.walk(one.statement)}
        return {
            span_of(node)
            for node in ast.walk(present)
            if isinstance(node, ast.stmt) and node not in added
        }

    def _removal(self, statement: ast.stmt) -> str:
        first = ast.unparse(statement).splitlines()[0]
        return f"recorded line {statement.lineno} is gone or different: `{first}`"


def _certain_aliases(tree: ast.Module) -> dict[str, str]:
    """The imports of a file; a name that is stored in another way as well stands for nothing."""
    aliases = import_aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            aliases[node.id] = f"<{node.id}>"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            aliases[node.name] = f"<{node.name}>"
        elif isinstance(node, ast.arg):
            aliases[node.arg] = f"<{node.arg}>"
    return aliases
