"""What the page is told: curves with their marks, comparisons, and when something is new."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from florctl.orchestrate.answers.harvest import harvest
from florctl.orchestrate.page.answers import Answers
from florctl.orchestrate.page.curves import Point, curves_of, thinned
from florctl.orchestrate.page.queries import QUERIES
from florlib.ground.histogram import Histogram
from florlib.ground.layout import HomeLayout
from florlib.ground.stored_array import StoredArray
from florlib.ground.values import encode_value
from florlib.stores.catalog.connection import open_readonly
from florlib.stores.catalog.rows import ValueRow
from tests.homes import BOOT, HOST, NOW, Home, append_journal, log
from tests.pages import populate

VALUE = ValueRow((), "loss", 0, 0.5, "record", None, False, 0, None, None, 0)


@pytest.fixture
def home(flor_home: Path) -> Home:
    home = Home(flor_home)
    populate(home)
    gather(home)
    return home


def gather(home: Home) -> None:
    assert not harvest(home.path, now=NOW, boot=BOOT, host=HOST).problems


def ids(answers: Answers) -> list[str]:
    return [run["run"] for run in answers.runs({})["runs"]]


def curves(answers: Answers, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answers.curves({"run": ids(answers), "name": [name]})["curves"]
    return found


def test_runs_come_newest_first_with_their_arguments(home: Home) -> None:
    runs = Answers(home.path).runs({})["runs"]

    assert [run["label"] for run in runs] == [f"mnist@{n}" for n in (5, 4, 3, 2, 1)]
    assert runs[0]["arguments"] == {"lr": 0.3, "width": 64, "seed": 5}
    assert (runs[0]["status"], runs[0]["iterations"]) == ("crashed", 17)


def test_nothing_is_told_twice_and_news_is_told(home: Home) -> None:
    answers = Answers(home.path)
    stamp = answers.runs({})["stamp"]
    drawn = len(curves(answers, "loss")[0]["steps"])

    assert answers.runs({"seen": [stamp]}) == {"stamp": stamp}
    (journal,) = home.path.glob("mnist/*5512ab/journal.*.flor")
    append_journal(journal, [log([["epoch", 17], ["batch", 0]], ("loss", 1.0))])
    gather(home)
    assert answers.runs({"seen": [stamp]})["stamp"] != stamp
    assert len(curves(answers, "loss")[0]["steps"]) == drawn + 1


def test_only_names_of_numbers_are_offered(home: Home) -> None:
    answers = Answers(home.path)

    assert answers.names({"run": ids(answers)})["names"] == [
        "accuracy",
        "gradient norm",
        "loss",
        "lr",
    ]


def test_a_curve_has_steps_and_says_what_they_mean(home: Home) -> None:
    newest, *_, oldest = curves(Answers(home.path), "loss")

    assert oldest["steps"] == list(range(800))
    assert (oldest["words"], oldest["unit"], oldest["loop"]) == ("epoch * 40 + batch", 40, "epoch")
    assert oldest["where"][41] == "epoch 1, batch 1"
    assert newest["numbers"][-1] == "NaN"


def test_what_is_no_fact_is_a_curve_of_its_own(home: Home) -> None:
    found = curves(Answers(home.path), "gradient norm")

    assert [(one["mark"], one["replayed"], one["total"]) for one in found] == [
        (None, True, 12),
        ("diverged", True, 8),
        (None, True, 20),
    ]


def test_recorded_values_that_a_replay_did_not_come_to_are_counted() -> None:
    values = [VALUE, VALUE._replace(verified=False, occurrence=1)]

    (curve,) = curves_of(values, {})

    assert (curve.mark, curve.total, curve.differing) == (None, 2, 1)


def test_a_comparison_has_the_last_value_of_each_name_with_its_mark(home: Home) -> None:
    answers = Answers(home.path)

    compared = answers.comparison({"run": ids(answers)[1:3]})["runs"]

    norms = [run["last"]["gradient norm"] for run in compared]
    assert [(norm["mark"], norm["trusted"]) for norm in norms] == [
        ("diverged", False),
        ("verified", True),
    ]
    assert norms[0]["position"] == [{"loop": "epoch", "index": 19}]
    assert compared[0]["tags"] == {"data": "5k"}


def test_last_values_are_shown_in_a_line(flor_home: Path) -> None:
    values = {
        "spread": encode_value(Histogram((0.0, 1.0, 2.0), (1, 2))),
        "small": {"$array": ["torch", "float32", [2], "AACAPwAAAEA="]},
        "large": encode_value(StoredArray("torch", "float32", (9, 9), "0" * 32, 1 << 20)),
    }
    home = Home(flor_home)
    home.run("aa1111", records=[log([], *values.items())])
    gather(home)
    answers = Answers(home.path)

    (compared,) = answers.comparison({"run": ids(answers)})["runs"]

    assert {name: one["value"] for name, one in compared["last"].items()} == {
        "spread": "▅█ 0 to 2, 3 values",
        "small": "float32[2]",
        "large": "float32[9, 9]",
    }


def test_a_long_curve_keeps_the_least_the_most_and_what_is_odd() -> None:
    points = [Point(step, math.sin(step), ()) for step in range(10_000)]
    points[77] = Point(77, math.nan, ())
    points[5000] = Point(5000, 9.0, ())
    points[6000] = Point(6000, -9.0, ())

    kept = thinned(points, buckets=100)

    assert {77, 5000, 6000} <= {point.step for point in kept}
    assert len(kept) <= 300
    assert [point.step for point in kept] == sorted(point.step for point in kept)
    assert thinned(points[:200], buckets=100) == points[:200]


@pytest.mark.parametrize("name", QUERIES)
def test_each_question_has_an_answer(home: Home, name: str) -> None:
    connection = open_readonly(HomeLayout(home.path).catalog)
    _, _, sql = QUERIES[name]

    rows = connection.execute(sql, {"run": "5512ab", "name": "loss"}).fetchall()
    connection.close()

    assert rows
