"""Edits of one script, each with the word for what it is: edits.txt has the script and the edits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from florlib.hindsight.probes import compare

TABLE = Path(__file__).with_name("edits.txt")
HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


@dataclass(frozen=True)
class Edit:
    """One edit: its tier, its name, and the script after it."""

    tier: str
    name: str
    text: str


def load_edits() -> tuple[str, list[Edit]]:
    """The script, and all edits of the table; hunks are those of `diff -U0`."""
    script, *sections = TABLE.read_text("utf-8").split("=== ")
    edits = []
    for section in sections:
        head, _, body = section.partition("\n")
        tier, _, name = head.partition(": ")
        edits.append(Edit(tier, name, edited(script.splitlines(), body.splitlines())))
    return script, edits


def edited(lines: list[str], hunks: list[str]) -> str:
    """The lines with the hunks applied, from the last to the first so that numbers hold."""
    heads = [n for n, line in enumerate(hunks) if HUNK.fullmatch(line)]
    result = list(lines)
    for start, end in reversed(list(zip(heads, [*heads[1:], len(hunks)], strict=True))):
        found = HUNK.fullmatch(hunks[start])
        assert found is not None
        count = int(found[2]) if found[2] else 1
        first = int(found[1]) - (count > 0)
        result[first : first + count] = [
            line[1:] for line in hunks[start + 1 : end] if line.startswith("+")
        ]
    return "\n".join(result) + "\n"


SCRIPT, EDITS = load_edits()


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.tier}: {edit.name}")
def test_an_edit_is_what_it_is_said_to_be(edit: Edit) -> None:
    comparison = compare("train.py", SCRIPT, edit.text)

    verdict = "probe" if edit.tier == "guarded" else edit.tier
    assert (comparison.verdict, comparison.verdict == "changed") == (
        verdict,
        bool(comparison.changes),
    ), comparison.changes
    if edit.tier == "guarded":
        assert not all(probe.pure for probe in comparison.probes)


def test_the_table_holds_what_it_is_said_to() -> None:
    tiers = [edit.tier for edit in EDITS]

    assert {tier: tiers.count(tier) >= 5 for tier in set(tiers)} == dict.fromkeys(
        ("changed", "guarded", "probe", "same"), True
    )
    assert len({edit.name for edit in EDITS}) == len(EDITS)
