"""`flor log pivot`: which value stands in a cell, and how runs and names are told apart."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.cli.conftest import Typed
from tests.homes import Home


def test_names_are_columns_and_positions_rows(typed: Typed, trained: Home):
    lines = typed("log", "pivot", "linear@1,linear@3", "acc", "norm").stdout.splitlines()

    assert [line.split() for line in lines] == [
        ["run", "epoch", "acc", "norm"],
        ["linear@1", "0", "0.0", "1.0"],
        ["linear@1", "1", "0.25", "2.0"],
        ["linear@1", "2", "0.5", "3.0"],
        ["linear@3", "0", "0.0"],
    ]


def test_a_verified_replay_goes_before_a_newer_one_that_diverged(typed: Typed, trained: Home):
    rows = json.loads(typed("log", "pivot", "linear@1", "norm", "--json").stdout)

    cells = [row["values"]["norm"] for row in rows]
    assert [(cell["value"], cell["origin"][-6:], cell["mark"]) for cell in cells] == [
        (1.0, "b00001", "verified"),
        (2.0, "b00001", "verified"),
        (3.0, "b00001", "verified"),
    ]
    assert rows[0].keys() == {"run", "name", "ordinal", "rank", "position", "occurrence", "values"}
    assert cells[0].keys() == {"value", "origin", "verified", "mark"}


def test_a_recorded_value_goes_before_a_replayed_one(typed: Typed, trained: Home):
    rows = json.loads(typed("log", "pivot", "linear@1", "acc", "--json").stdout)

    assert {row["values"]["acc"]["origin"] for row in rows} == {"record"}


def test_what_diverged_is_marked_in_every_form(typed: Typed, trained: Home):
    table = typed("log", "pivot", "linear@2", "norm").stdout
    rows = list(
        csv.DictReader(io.StringIO(typed("log", "pivot", "linear@2", "norm", "--csv").stdout))
    )
    plain = typed("log", "pivot", "linear@2", "norm", "--plain").stdout.splitlines()

    assert "5.0 (diverged)" in table
    assert [(row["epoch"], row["norm"], row["norm.mark"]) for row in rows] == [
        ("0", "5.0", "diverged"),
        ("1", "6.0", "diverged"),
    ]
    assert plain[0].split("\t")[1:] == ["linear", "2", "0", "0", "0", "5.0", "diverged"]


def test_with_where_all_words_are_names(typed: Typed, trained: Home):
    where = ["--where", "iterations > 1 and acc < 0.4"]

    rows = json.loads(typed("log", "pivot", "acc", *where, "--json").stdout)

    assert {row["ordinal"] for row in rows} == {2}


@pytest.mark.parametrize(
    ("words", "status", "error", "hint"),
    [
        ([], 2, "no run is given", "flor log pivot @,@~1 loss"),
        (["@"], 2, "no name of a logged value is given", "flor log pivot @,@~1 loss"),
        (["@,zzz", "acc"], 3, "no run answers to 'zzz'", "flor log list"),
        (["acc", "--where", "iterations > 99"], 3, "of no run is iterations > 99", "flor log list"),
    ],
)
def test_one_line_and_a_hint(typed: Typed, trained: Home, words, status, error, hint):
    result = typed("log", "pivot", *words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr == f"error: {error}\nhint: {hint}\n"


def test_an_expression_over_a_name_that_no_run_knows(typed: Typed, trained: Home):
    result = typed("log", "pivot", "acc", "--where", "statsu = 'done'")

    assert result.exit_code == 3
    assert "no run has an argument, a tag, a field or a logged value statsu" in result.stderr
    assert "did you mean status?" in result.stderr


def test_nothing_recorded_yet(typed: Typed):
    result = typed("log", "pivot", "@", "loss")

    assert result.stderr == "error: no runs recorded yet\nhint: flor record train.py\n"
    assert typed("log", "pivot", "loss", "--where", "lr < 1").exit_code == 3
