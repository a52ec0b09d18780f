"""What a recording says of its own cost as it ends."""

from __future__ import annotations

from pathlib import Path

from florctl.cli.present import harvest_now
from florctl.cli.views.overhead import cost_words, short_cost_words
from florctl.cli.views.summary import _recorded_lines
from florctl.orchestrate.answers.lookup import details_of, find_run
from florlib.stores.catalog.rows import RunDetails, RunRow
from tests.homes import Home, overhead, training


def recorded(flor_home: Path, **costs: float) -> tuple[RunRow, RunDetails]:
    home = Home(flor_home)
    home.run("aa1111", records=[*training(epochs=3), overhead(**costs)])
    harvest_now(home.path)
    run = find_run("linear", home.path, None)
    return run, details_of(run, home.path)


def test_the_last_lines_tell_the_cost_and_a_reach_that_the_budget_does_not_pay_for(
    flor_home: Path,
) -> None:
    lines = _recorded_lines(*recorded(flor_home, longest_s=40.0, expected_s=0.4))

    assert lines[0].endswith(", overhead 0.5%")
    assert lines[2] == "flor: any position within 40 s; --budget 5% would give 8.1 s"


def test_a_reach_that_is_as_wanted_is_not_worth_a_line(flor_home: Path) -> None:
    assert len(_recorded_lines(*recorded(flor_home))) == 2


def test_a_share_beyond_the_budget_is_told_in_seconds_as_well(flor_home: Path) -> None:
    run, more = recorded(flor_home, slowed_s=0.6)

    assert short_cost_words(run, more) == ", overhead 10.5% (630 ms)"
    assert cost_words(run, more).endswith("600 ms slower beside the writer, budget 1%")


def test_a_run_without_training_has_no_cost(flor_home: Path) -> None:
    run, more = recorded(flor_home)
    bare = run._replace(overhead=None)

    assert short_cost_words(bare, more) == ""
    assert cost_words(bare, more) == "none, budget 1%"
