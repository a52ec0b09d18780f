"""Added lines carried over to earlier versions: short cases in propagation.txt, long in histories.txt.

A case has the recent version, the earlier one, and, where something has no place there, why. Lines
that end in `#+` are those that were added to the recent version, and those that must then stand in
the earlier one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from florlib.hindsight.propagation import propagate, questions

TABLES = ("propagation.txt", "histories.txt")
MARK = "  #+"


@dataclass(frozen=True)
class Case:
    """Two versions of a project.

    Attributes:
        recent, earlier: by path, their texts with the added lines, marked.
        refused: a part of the reason for each line without a place.
    """

    name: str
    recent: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def load_cases(table: str) -> list[Case]:
    text = Path(__file__).with_name(table).read_text("utf-8")
    return [parsed(section) for section in text.split("=== ")[1:]]


def parsed(section: str) -> Case:
    name, *parts = section.split("\n--- ")
    case = Case(name.strip())
    for part in parts:
        head, _, body = part.partition("\n")
        kind, _, path = head.partition(" ")
        if kind == "refused":
            case.refused.extend(body.split("\n"))
        else:
            getattr(case, kind)[path or "train.py"] = body.strip("\n") + "\n"
    case.refused[:] = [reason for reason in case.refused if reason]
    return case


def without(texts: dict[str, str]) -> dict[str, str]:
    """The texts as they were before anything was added."""
    return {
        path: "".join(line for line in text.splitlines(True) if not line.endswith(f"{MARK}\n"))
        for path, text in texts.items()
    }


def unmarked(texts: dict[str, str]) -> dict[str, str]:
    return {path: text.replace(MARK, "") for path, text in texts.items()}


CASES = [case for table in TABLES for case in load_cases(table)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_added_lines_stand_where_they_belong_or_are_refused(case: Case) -> None:
    recent, earlier = without(case.recent), without(case.earlier)

    found = propagate(questions(recent, unmarked(case.recent)), recent, earlier)

    assert {**earlier, **found.texts} == unmarked(case.earlier)
    reasons = [one.reason for one in found.refused]
    assert len(reasons) == len(case.refused), reasons
    assert all(part in reason for part, reason in zip(case.refused, reasons, strict=True)), reasons


def test_each_case_is_python_and_has_a_name_of_its_own() -> None:
    for case in CASES:
        for text in (*case.recent.values(), *case.earlier.values()):
            ast.parse(text)

    assert len({case.name for case in CASES}) == len(CASES)
