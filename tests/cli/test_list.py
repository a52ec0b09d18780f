"""`flor log list` with columns, best values, conditions and an order."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.cli.conftest import Typed, replayed
from tests.homes import Home, enter, log


def listed(typed: Typed, *words: str) -> list[dict]:
    result = typed("log", "list", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ordinals(runs: list[dict]) -> list[int]:
    return [run["ordinal"] for run in runs]


def test_columns_hold_arguments_tags_and_last_values(typed: Typed, trained: Home):
    runs = listed(typed, "--columns", "lr,note,acc", "--columns", "norm")

    assert runs[2]["values"] == {
        "lr": {"value": 0.1, "source": "argument", "mark": None},
        "note": {"value": "first", "source": "tag", "mark": None},
        "acc": {"value": 0.5, "source": "logged", "mark": None},
        "norm": {"value": 3.0, "source": "logged", "mark": "verified"},
    }
    assert runs[1]["values"]["norm"] == {"value": 6.0, "source": "logged", "mark": "diverged"}
    assert "norm" not in runs[0]["values"]


def test_without_columns_there_are_tags_and_no_values(typed: Typed, trained: Home):
    assert [(run["tags"], run["values"]) for run in listed(typed)] == [
        ({"note": "first"}, {}),
        ({}, {}),
        ({"note": "first"}, {}),
    ]


def test_the_best_value_is_the_least_or_the_greatest(typed: Typed, trained: Home):
    (run,) = listed(
        typed,
        "--best",
        "min:loss",
        "--best",
        "max:acc",
        "--best",
        "max:norm",
        "--where",
        "ordinal=1",
    )

    values = {name: (one["value"], one["mark"]) for name, one in run["values"].items()}
    assert values == {
        "min:loss": (1 / 6, None),
        "max:acc": (0.5, None),
        "max:norm": (3.0, "verified"),
    }


def test_verified_values_are_the_best_where_there_are_some(typed: Typed, trained: Home):
    run = trained.run("dd4444", ordinal=4, minutes_ago=1, records=[])
    replayed(trained, run, "b00004", [{"$float": "Infinity"}, 7.0], None)

    (value,) = listed(typed, "--best", "min:norm", "--limit", "1")[0]["values"].values()

    assert value == {"value": 7.0, "source": "logged", "mark": "unverified"}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("acc < 0.4", [3, 2]),
        ("acc < 0.4 and loss < 0.3", [2]),
        ("iterations = 3 or ordinal = 3", [3, 1]),
        ("lr = 0.1 and note = 'first'", [3, 1]),
        ("status != 'done'", []),
        ("`acc` > 0.3", [1]),
    ],
)
def test_where(typed: Typed, trained: Home, where: str, found: list[int]):
    assert ordinals(listed(typed, "--where", where)) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--sort", "acc"], [3, 2, 1]),
        (["--sort", "acc", "--reverse", "--limit", "2"], [1, 2]),
        (["--sort", "min:loss"], [1, 2, 3]),
        (["--sort", "norm"], [1, 2, 3]),  # 3 has none
        (["--sort", "norm", "--reverse"], [2, 1, 3]),
        (["--sort", "note"], [3, 1, 2]),
        (["--sort", "iterations"], [3, 2, 1]),
        (["--reverse"], [1, 2, 3]),
    ],
)
def test_sort(typed: Typed, trained: Home, words: list[str], found: list[int]):
    assert ordinals(listed(typed, *words)) == found


def test_nan_comes_last(typed: Typed, trained: Home):
    records = [enter([], "epoch", "main"), log([["epoch", 0]], ("acc", {"$float": "NaN"}))]
    trained.run("dd4444", ordinal=4, minutes_ago=1, records=records)

    assert ordinals(listed(typed, "--sort", "acc"))[-1] == 4
    assert ordinals(listed(typed, "--sort", "acc", "--reverse"))[-1] == 4
    assert listed(typed, "--limit", "1", "--columns", "acc")[0]["values"]["acc"]["value"] == "NaN"


def test_forms_for_people_and_programs(typed: Typed, trained: Home):
    words = ["--columns", "lr,norm", "--best", "min:loss"]

    table = typed("log", "list", *words).stdout
    rows = list(csv.DictReader(io.StringIO(typed("log", "list", *words, "--csv").stdout)))
    plain = typed("log", "list", *words, "--plain").stdout.splitlines()

    assert "6 (diverged)" in table
    assert "0.166667" in table
    assert table.splitlines()[0].split()[6:11] == ["lr", "norm", "min:loss", "tags", "checkpoints"]
    assert (rows[1]["norm"], rows[1]["norm.mark"], rows[1]["lr"]) == ("6.0", "diverged", "0.1")
    assert float(rows[2]["min:loss"]) == 1 / 6
    assert plain[1].split("\t")[-4:] == ["6.0", "diverged", "0.25", ""]


def test_nothing_recorded_and_nothing_found(typed: Typed, trained: Home, flor_home):
    assert typed("log", "list", "--where", "ordinal > 9").stderr == (
        "flor: no such run\nhint: flor log list\n"
    )


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["--where", "lr <"], 2, "'lr <' is no expression"),
        (["--where", "__import__('os')"], 2, "\"__import__('os')\" may call"),
        (["--columns", "zzz"], 3, "no run has an argument, a tag, a field or a logged value zzz"),
        (["--best", "loss"], 2, "'loss' is neither min:NAME nor max:NAME"),
        (["--sort", "min:zzz"], 3, "no run has an argument, a tag, a field or a logged value min:"),
    ],
)
def test_one_line_and_a_hint(typed: Typed, trained: Home, words, status, error):
    result = typed("log", "list", *words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(f"error: {error}")
    assert result.stderr.splitlines()[-1].startswith("hint: flor log ")


def test_an_empty_catalog(typed: Typed):
    result = typed("log", "list", "--columns", "loss", "--where", "lr < 1", "--sort", "loss")

    assert (result.exit_code, result.stdout) == (0, "")
    assert listed(typed, "--best", "min:loss") == []
