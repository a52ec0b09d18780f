"""What was added to a file since its most recent recorded version, to be asked of earlier ones."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from florlib.hindsight.alignment import Addition, Wrapped, align
from florlib.hindsight.probes import compare
from florlib.hindsight.propagation.changed import without_questions
from florlib.hindsight.propagation.scopes import around_of
from florlib.source.annotations import may_leave_out, without_annotations
from florlib.source.imports import import_aliases
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
            before = without_questions(now, before, aliases)
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
