"""Every command that reads, in each of its forms: JSON by its contract, a pipe, terminals, an empty catalog."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import typer.main
from rich.cells import cell_len

from florctl.cli.app import app
from tests.cli.conftest import Typed
from tests.homes import Home
from tests.projects import GitProject, record

NUMBER, TEXT, MAYBE_TEXT = (int, float), str, (str, type(None))
POSITION = [{"loop": TEXT, "index": int}]
WARNING = {"code": TEXT, "text": TEXT}
RUN = {
    "run": TEXT,
    "name": TEXT,
    "ordinal": int,
    "status": TEXT,
    "started": TEXT,
    "seconds": NUMBER,
    "exit_status": (int, type(None)),
    "version": MAYBE_TEXT,
    "dirty": (int, type(None)),
    "command": [TEXT],
    "iterations": int,
    "checkpoints": int,
    "bytes": int,
    "overhead": (*NUMBER, type(None)),
}
SHOWN = {
    **RUN,
    "arguments": dict,
    "environment": dict,
    "loops": [{"name": TEXT, "kind": TEXT, "file": TEXT, "line": int, "iterations": int}],
    "captured": [TEXT],
    "not_captured": [{"name": TEXT, "file": MAYBE_TEXT, "line": (int, type(None)), "reason": TEXT}],
    "checkpoints": [{"position": POSITION, "bytes": int, "stall_s": NUMBER}],
    "overhead": {"share": (*NUMBER, type(None)), "stall_s": NUMBER, "budget": NUMBER},
    "files": {"read": [TEXT], "written": [TEXT]},
    "warnings": [WARNING],
    "replays": [{"replay": TEXT, "status": TEXT, "seconds": (*NUMBER, type(None))}],
}
VALUE = {
    "run": TEXT,
    "position": POSITION,
    "name": TEXT,
    "value": object,
    "origin": TEXT,
    "verified": (bool, type(None)),
}
STANDING = {"value": object, "origin": TEXT, "verified": (bool, type(None)), "mark": MAYBE_TEXT}
PIVOTED = {"run": TEXT, "name": TEXT, "ordinal": int, "rank": int, "position": POSITION}
PANEL = {"name": TEXT, "x": TEXT, "log": bool, "smooth": NUMBER, "notes": list}
CURVE = {"run": TEXT, "mark": MAYBE_TEXT, "points": [[NUMBER]]}
SIDES = {"name": TEXT, "a": object, "b": object}

CONTRACTS: dict[str, Any] = {
    "log list": [RUN],
    "log show linear@1": SHOWN,
    "log get linear@1 acc": [VALUE],
    "log pivot linear@1,linear@2 loss": [
        {**PIVOTED, "occurrence": int, "values": {"loss": STANDING}}
    ],
    "log plot linear@1,linear@2 loss": [{**PANEL, "curves": [CURVE]}],
    "log diff @~1 @": {"a": dict, "b": dict},
    "diff @~1 @": {"a": dict, "b": dict},
    "log tail linear@1": [
        {"run": TEXT, "rank": int, "position": POSITION, "name": TEXT, "value": object}
    ],
    "log note @": {"run": TEXT, "note": MAYBE_TEXT},
    "log tag @": dict,
    "log rm linear@1 --dry-run": [
        {"run": TEXT, "removed": bool, "obstacle": MAYBE_TEXT, "bytes": int}
    ],
    "query SELECT run,name FROM runs": [{"run": TEXT, "name": TEXT}],
    "shadow list": [{"run": TEXT, "name": TEXT, "ordinal": int, "commit": TEXT}],
    "shadow show linear@5": {"commit": TEXT, "tree": TEXT, "skipped": list},
    "shadow diff linear@4 linear@5": {"files": list},
    "store usage": {"runs": [{"run": TEXT, "checkpoints": int, "bytes": int}]},
    "store sweep": {"done": bool, "bytes": int, "deletions": list, "left_alone": list},
    "store verify linear@4": {"checkpoints": int, "bytes": int, "faults": list},
    "store pin @": {"run": TEXT, "whole": bool, "checkpoints": [TEXT]},
    "store unpin @": {"run": TEXT, "whole": bool, "checkpoints": [TEXT]},
    "store rebuild": {"runs": int},
    "spool status": {"copies": list, "saved_bytes": int, "not_spooled": [TEXT]},
    "doctor": list,
}
"""By command, what its JSON holds at least: docs/formats/answers.md, and the commands' own pages."""

WRITERS = {"record", "resume", "completion", "ui"}
"""Print what the script prints, or something for a shell or a browser to read."""

ELSEWHERE = {"replay", "shell", "bisect", "state", "export", "import", "shadow merge"}
ELSEWHERE |= {"shadow export", "spool s3", "spool dir", "spool fetch"}
"""Held against their contract where they are tested: they want a run that was really recorded."""

TABLES = [words for words in CONTRACTS if not words.startswith(("store pin", "store unpin"))]


@pytest.fixture
def project(trained: Home, typed: Typed, tmp_path) -> Typed:
    """A git project with versions behind runs of its own."""
    made = GitProject(tmp_path / "project")
    made.git("init", "-q")
    made.commit(train="one\n")
    record(trained, made, "dd4444", ordinal=4)
    made.write("train.py", "one\ntwo\n" + "three " * 60 + "\n")
    record(trained, made, "ee5555", ordinal=5)
    return typed


def split(words: str) -> list[str]:
    """As a shell would; all behind `query` is one word."""
    head, space, statement = words.partition("query ")
    return ["query", statement] if space and not head else words.split()


def names_of(command: Any, above: str = "") -> list[str]:
    """All commands that do something."""
    inside = getattr(command, "commands", None)
    if inside is None:
        return [above]
    return [one for name in inside for one in names_of(inside[name], f"{above} {name}".strip())]


def mismatch(found: Any, wanted: Any, at: str = "$") -> str | None:
    """Where JSON is not as its contract says; None where it is."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return f"{at} is no object"
        missing = [name for name in wanted if name not in found]
        if missing:
            return f"{at} lacks {missing}"
        inner = ((found[name], one, f"{at}.{name}") for name, one in wanted.items())
    elif isinstance(wanted, list):
        if not isinstance(found, list):
            return f"{at} is no list"
        inner = ((one, wanted[0], f"{at}[{number}]") for number, one in enumerate(found))
    else:
        is_flag = isinstance(found, bool) and wanted in (int, NUMBER)
        return None if isinstance(found, wanted) and not is_flag else f"{at} is {found!r}"
    return next((text for one in inner if (text := mismatch(*one))), None)


def test_every_command_is_held_against_its_contract_here_or_elsewhere() -> None:
    held = {" ".join(word for word in words.split()[:2]) for words in CONTRACTS}
    known = {words.split()[0] for words in CONTRACTS} | held | WRITERS | ELSEWHERE

    assert {name for name in names_of(typer.main.get_command(app)) if name not in known} == set()


@pytest.mark.parametrize("words", CONTRACTS)
def test_its_json_is_as_its_contract_says(project: Typed, words: str) -> None:
    result = project(*split(words), "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert mismatch(found, CONTRACTS[words]) is None
    assert found or CONTRACTS[words] in (dict, list)


@pytest.mark.parametrize("words", TABLES)
def test_a_terminal_has_room_for_it_and_a_pipe_gets_it_whole(
    project: Typed, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    piped = project(*split(words))

    assert piped.exit_code == 0, piped.output
    assert not {"\x1b", "…"} & set(piped.stdout)

    monkeypatch.setattr("florctl.cli.views.render.on_terminal", lambda: True)
    monkeypatch.setenv("LINES", "40")
    for columns in (80, 140):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = project(*split(words))
        assert shown.exit_code == 0, shown.output
        lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout).splitlines()
        patch = words.startswith("shadow diff")  # lines of source stay as they are
        assert [line for line in lines if cell_len(line) > columns and not patch] == []


@pytest.mark.parametrize("words", CONTRACTS)
def test_without_any_run_it_says_so(typed: Typed, words: str) -> None:
    shown = typed(*split(words))
    answer = typed(*split(words), "--json")

    assert shown.exit_code == answer.exit_code
    if answer.exit_code:  # a run was asked for
        assert answer.exit_code == 3
        assert answer.stdout == ""
        assert re.search(r"^error: .*\nhint: flor ", answer.stderr, re.MULTILINE)
    else:
        assert mismatch(json.loads(answer.stdout), CONTRACTS[words]) is None
        assert shown.stdout or shown.stderr or words.startswith("query")
