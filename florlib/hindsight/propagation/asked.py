"""What was added to a file since its most recent recorded version, to be asked of earlier ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from florlib.hindsight.alignment import Addition, Wrapped, align, logged_value
from florlib.hindsight.probes import compare
from florlib.hindsight.propagation.scopes import DEFINITIONS, around_of
from florlib.source.annotations import may_leave_out, without_annotations
from florlib.source.imports import import_aliases
from florlib.source.logs import is_log_call
from florlib.source.names import names_in


@dataclass(frozen=True, slots=True)
class Asked:
    """The added statements of one file.

    Attributes:
        path: of the file.
        recent: the file without the additions: as it was recorded last, or as it was changed since.
        present: the text with the additions.
        additions: in the order of the text.
        wrapped: kept statements in which values now pass through a log call.
    """

    path: str
    recent: ast.Module
    present: str
    additions: tuple[Addition, ...]
    wrapped: tuple[Wrapped, ...]

    @classmethod
    def of(cls, path: str, recent: str, present: str, others: Mapping[str, ast.Module]) -> Asked:
        """Find them.

        Where more was changed than a question adds, the question is what logs, with the imports,
        functions and assignments that only that needs, and the rest of the present text is what
        it was added to.

        Args:
            path: of the file.
            recent: its text when it was recorded last.
            present: its text now.
            others: by path, all files of that version.

        Raises:
            SyntaxError: as Python's own, of the present text.
        """
        verdict = compare(path, recent, present, others).verdict
        before, now = _parsed(path, recent, present)
        aliases = import_aliases(now)
        found = align(before, now, aliases)
        if verdict == "changed":
            chosen = _questions(found.additions, now, aliases)
            calls = (call for one in found.wrapped for call in one.calls)
            before = _without(now, [*(one.statement for one in chosen), *calls])
            found = align(before, now, aliases)
        ordered = sorted(found.additions, key=lambda one: one.statement.lineno)
        logging = (one for one in found.wrapped if one.calls)
        return cls(path, before, present, tuple(ordered), tuple(logging))

    @property
    def statements(self) -> list[ast.stmt]:
        """All of them, as they are in the present file."""
        every: list[Addition | Wrapped] = [*self.additions, *self.wrapped]
        return [one.statement for one in every]

    def introduced(self, function: str) -> frozenset[str]:
        """The names that additions give a value and that a function sees."""
        around = list(around_of(function))
        return frozenset().union(
            *(
                names_in(one.statement).stored
                for one in self.additions
                if one.context.function in around
            )
        )


def _parsed(path: str, recent: str, present: str) -> tuple[ast.Module, ast.Module]:
    before, now = ast.parse(recent), ast.parse(present, filename=path)
    if may_leave_out(recent) and may_leave_out(present):
        return without_annotations(before), without_annotations(now)
    return before, now


def _without(present: ast.Module, asked: Iterable[ast.stmt | ast.Call]) -> ast.Module:
    """A file without what is asked of it: statements, and calls around values."""
    gone = {id(node) for node in asked}

    def kept(node: Any) -> Any:
        if isinstance(node, list):
            left = [kept(one) for one in node if not (_is_statement(one) and id(one) in gone)]
            return [ast.Pass()] if node and not left else left
        if isinstance(node, ast.Call) and id(node) in gone:
            return kept(logged_value(node)[1])
        if not isinstance(node, ast.AST):
            return node
        fields = {name: kept(getattr(node, name)) for name in node._fields if hasattr(node, name)}
        return ast.copy_location(type(node)(**fields), node)

    tree: ast.Module = kept(present)
    return tree


def _is_statement(node: object) -> bool:
    return isinstance(node, ast.stmt)


def _questions(
    additions: Iterable[Addition], present: ast.Module, aliases: Mapping[str, str]
) -> list[Addition]:
    """The additions that log, and what they need of the others."""
    waiting = list(additions)
    chosen = [one for one in waiting if _logs(one.statement, aliases)]
    while True:
        needed = names_in(*(one.statement for one in chosen)).loaded
        more = [
            one
            for one in waiting
            if one not in chosen
            and names_in(one.statement).stored & needed
            and (isinstance(one.statement, DEFINITIONS) or _is_theirs(one, chosen, present))
        ]
        if not more:
            return chosen
        chosen += more


def _is_theirs(addition: Addition, chosen: list[Addition], present: ast.Module) -> bool:
    """Whether what an assignment stores is read by what was chosen, and by nothing else."""
    if not isinstance(addition.statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return False
    stored = names_in(addition.statement).stored
    own = {id(node) for one in (*chosen, addition) for node in ast.walk(one.statement)}
    return not any(
        isinstance(node, ast.Name) and node.id in stored and id(node) not in own
        for node in ast.walk(present)
    )


def _logs(statement: ast.stmt, aliases: Mapping[str, str]) -> bool:
    if isinstance(statement, DEFINITIONS):
        return False
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(is_log_call(call, aliases) for call in calls)
