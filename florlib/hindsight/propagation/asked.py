"""What was added to a file since its most recent recorded version, to be asked of earlier ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from florlib.hindsight.alignment import Addition, Wrapped, align
from florlib.hindsight.probes import compare
from florlib.source.annotations import may_leave_out, without_annotations
from florlib.source.imports import import_aliases
from florlib.source.logs import is_log_call
from florlib.source.names import names_in

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Asked:
    """The added statements of one file.

    Attributes:
        path: of the file.
        recent: the most recent recorded version.
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
        functions and assignments that only that needs.

        Args:
            path: of the file.
            recent: its text when it was recorded last.
            present: its text now.
            others: by path, all files of that version.

        Raises:
            SyntaxError: as Python's own, of the present text.
        """
        verdict = compare(path, recent, present, others).verdict
        before, now = ast.parse(recent), ast.parse(present, filename=path)
        if may_leave_out(recent) and may_leave_out(present):
            before, now = without_annotations(before), without_annotations(now)
        aliases = import_aliases(now)
        found = align(before, now, aliases)
        additions = found.additions
        if verdict == "changed":
            additions = _questions(additions, now, aliases)
        ordered = sorted(additions, key=lambda one: one.statement.lineno)
        logging = (one for one in found.wrapped if one.calls)
        return cls(path, before, present, tuple(ordered), tuple(logging))

    @property
    def statements(self) -> list[ast.stmt]:
        """All of them, as they are in the present file."""
        every: list[Addition | Wrapped] = [*self.additions, *self.wrapped]
        return [one.statement for one in every]

    @property
    def introduced(self) -> frozenset[str]:
        """The names that additions store."""
        return names_in(*(one.statement for one in self.additions)).stored


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
            and (isinstance(one.statement, _DEFINITIONS) or _is_theirs(one, chosen, present))
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
    if isinstance(statement, _DEFINITIONS):
        return False
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(is_log_call(call, aliases) for call in calls)
