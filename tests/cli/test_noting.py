"""`flor log note` and `flor log tag`: what is written about a run stays with its files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from florctl.orchestrate.answers.lookup import find_run
from florctl.orchestrate.answers.noting import put_tags
from tests.cli.conftest import Typed
from tests.homes import Home


def test_a_note_is_written_and_shown(typed: Typed, trained: Home):
    assert typed("log", "note", "linear@1").stdout == ""

    assert typed("log", "note", "linear@1", "too slow").output == ""

    assert typed("log", "note", "linear@1").stdout == "too slow\n"
    assert json.loads(typed("log", "list", "--json").stdout)[2]["note"] == "too slow"
    assert "too slow" in typed("log", "show", "linear@1").stdout
    assert typed("query", "SELECT note FROM runs WHERE ordinal = 1").stdout == "note\ntoo slow\n"


def test_a_note_that_is_replaced_is_told(typed: Typed, trained: Home):
    typed("log", "note", "@", "one")

    replaced = typed("log", "note", "@", "two")
    typed("log", "note", "@", "three", "--append")

    assert replaced.stderr == "flor: the note before was: one\n"
    assert typed("log", "note", "@").stdout == "two\nthree\n"
    typed("log", "note", "@", "")
    assert json.loads(typed("log", "note", "@", "--json").stdout)["note"] is None


def test_a_note_comes_from_stdin_or_an_editor(typed: Typed, trained: Home, monkeypatch, tmp_path):
    typed("log", "note", "@", "-", input="from a pipe\n")
    editor = tmp_path / "an editor"
    editor.write_text('#!/bin/sh\necho edited >> "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{editor}'")

    typed("log", "note", "@", "--edit")

    assert typed("log", "note", "@").stdout == "from a pipe\nedited\n"
    monkeypatch.setenv("VISUAL", "false")
    failed = typed("log", "note", "@", "--edit")
    assert failed.exit_code == 2
    assert failed.stderr.startswith("error: false ended with status 1\nhint: flor log note @")


def test_tags_go_before_those_of_the_recording(typed: Typed, trained: Home):
    assert json.loads(typed("log", "tag", "linear@1", "--json").stdout) == {"note": "first"}

    typed("log", "tag", "linear@1", "note=second", "kept=yes")

    assert typed("log", "tag", "linear@1").stdout == "tag   value\nkept  yes\nnote  second\n"
    (run_file,) = trained.path.glob("linear/*aa1111/run.json")
    assert json.loads(run_file.read_text())["tags"] == {"note": "first"}


def test_a_tag_of_the_recording_can_be_taken_away_and_given_again(typed: Typed, trained: Home):
    typed("log", "tag", "linear@1", "--remove", "note")
    assert json.loads(typed("log", "tag", "linear@1", "--json").stdout) == {}

    typed("log", "tag", "linear@1", "note=third")

    assert json.loads(typed("log", "tag", "linear@1", "--json").stdout) == {"note": "third"}


def test_notes_survive_a_rebuild(typed: Typed, trained: Home):
    typed("log", "note", "linear@1", "kept")
    typed("log", "tag", "linear@1", "a=b", "--remove", "note")
    before = typed("query", "SELECT * FROM runs ORDER BY run", "--json").stdout

    typed("store", "rebuild")

    assert typed("query", "SELECT * FROM runs ORDER BY run", "--json").stdout == before


def test_a_renewed_run_json_does_not_take_notes_away(typed: Typed, trained: Home):
    typed("log", "tag", "linear@1", "a=b")
    typed("log", "list")
    (run_file,) = trained.path.glob("linear/*aa1111/run.json")

    content = json.loads(run_file.read_text())
    (run_file.parent / "new").write_text(json.dumps({**content, "exit_status": 3}))
    (run_file.parent / "new").rename(run_file)

    run = json.loads(typed("log", "list", "--json").stdout)[2]
    assert (run["exit_status"], run["tags"]) == (3, {"note": "first", "a": "b"})


def test_tags_of_several_at_once_are_all_there(typed: Typed, trained: Home):
    typed("log", "list")
    run = find_run("linear@1", trained.path, None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put_tags(trained.path, run, {f"k{n}": "v"}, []), range(40)))

    assert len(json.loads(typed("log", "tag", "linear@1", "--json").stdout)) == 41


def test_notes_that_cannot_be_read_are_told_and_stay(typed: Typed, trained: Home):
    (run_file,) = trained.path.glob("linear/*aa1111/run.json")
    notes = run_file.with_name("notes.json")
    notes.write_text("{")

    listed = typed("log", "list")
    refused = typed("log", "note", "linear@1", "x")

    assert (listed.exit_code, "notes.json cannot be read" in listed.stderr) == (0, True)
    assert (refused.exit_code, notes.read_text()) == (5, "{")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["tag", "@", "kept"], 2, "error: 'kept' is no tag\nhint: flor log tag @ kept=yes\n"),
        (["tag", "@", "--remove", "zzz"], 2, "error: linear@3 has no tag zzz; it has note\n"),
        (["note", "@", "x", "--edit"], 2, "error: --edit takes no text\n"),
        (["note", "zzz", "x"], 3, "error: no run answers to 'zzz'\n"),
    ],
)
def test_one_line_and_a_hint(typed: Typed, trained: Home, words, status, error):
    result = typed("log", *words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(error)
    assert not list(Path(trained.path).glob("linear/*/notes.json"))
