"""`flor log`: tables for people, the JSON contract for programs, one line for what went wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app, main
from florctl.cli.views.layout import Column, Table, aligned, fitted
from florctl.cli.views.texts import duration, size
from florctl.cli.views.values import value_text
from tests.homes import (
    HINDSIGHT,
    HOST,
    NOW,
    Home,
    checkpoint,
    enter,
    exit_,
    iteration,
    log,
    overhead,
    training,
)

Flor = Callable[..., Any]

RUN_FIELDS = {
    "run": str,
    "name": str,
    "ordinal": int,
    "status": str,
    "started": str,
    "seconds": float,
    "exit_status": int,
    "version": str,
    "dirty": int,
    "command": list,
    "iterations": int,
    "checkpoints": int,
    "bytes": int,
    "overhead": float,
}


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    """The command line in this process, typed in the project of the runs of `home`."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def home(flor_home: Path, tmp_path: Path) -> Home:
    """linear@1, replayed once; linear@2, crashed; cnn@1 of another project."""
    home = Home(flor_home)
    project = str(tmp_path / "project")
    first = home.run("aa1111", minutes_ago=90, project=project, records=training(3))
    late = []
    for epoch in range(3):
        here = [["epoch", epoch]]
        late.append({"kind": "skip", "position": here, "loop": "step", "iterations": 2})
        late.append(log(here, ("norm", {"$float": "NaN"}, HINDSIGHT), ("acc", epoch / 4)))
    home.replay(first, "b00001", late, {"status": "verified", "seconds": 1.5})
    missing = [{"name": "it", "reason": "a generator", "file": "train.py", "line": 3}]
    records = [enter([], "epoch", "main"), checkpoint(0, missing=missing)]
    records += [log([["epoch", 0]], ("print", "\x1b[31mred\x1b[0m")), exit_([], "epoch", 1, "main")]
    records.append({"kind": "warning", "code": "unseeded", "text": "no seed was set"})
    changes = {"ordinal": 2, "minutes_ago": 60, "project": project, "exit_status": 1}
    home.run("aa2222", records=records, **changes)
    home.run("cc3333", name="cnn", minutes_ago=30, version=None, records=[])
    return home


def answer(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list_is_newest_first_and_holds_the_contract(flor: Flor, home: Home):
    runs = answer(flor("log", "list", "--json"))

    assert [f"{run['name']}@{run['ordinal']}" for run in runs] == ["cnn@1", "linear@2", "linear@1"]
    assert [run["status"] for run in runs] == ["done", "crashed", "done"]
    for name, kind in RUN_FIELDS.items():
        assert type(runs[2][name]) is kind, name
    assert (runs[0]["version"], runs[0]["dirty"], runs[0]["overhead"]) == (None, None, None)
    assert runs[2]["command"] == ["python", "train.py", "--lr", "0.1"]


def test_list_can_be_narrowed(flor: Flor, home: Home):
    assert len(answer(flor("log", "list", "--json", "--name", "linear"))) == 2
    assert [run["name"] for run in answer(flor("log", "list", "--json", "--limit", "1"))] == ["cnn"]
    assert len(answer(flor("log", "list", "--json", "--here"))) == 2


def test_list_into_a_pipe_cuts_nothing_off_and_has_no_colour(flor: Flor, home: Home):
    words = ["python", "train.py", "--data", "/a/path/that/is/long" * 20]
    home.run("dd4444", name="long", command=words)

    shown = flor("log", "list").stdout

    assert words[-1] in shown
    assert "\x1b" not in shown
    assert shown.splitlines()[0].split()[:4] == ["run", "id", "status", "started"]


def test_list_as_fields(flor: Flor, home: Home):
    lines = flor("log", "list", "--plain").stdout.splitlines()
    rows = list(csv.DictReader(io.StringIO(flor("log", "list", "--csv").stdout)))

    assert [line.split("\t")[1] for line in lines] == ["cnn", "linear", "linear"]
    assert [row["status"] for row in rows] == ["done", "crashed", "done"]
    assert json.loads(rows[0]["command"]) == ["python", "train.py", "--lr", "0.1"]


def test_values_are_saved_as_files(flor: Flor, home: Home, tmp_path: Path):
    folder = tmp_path / "saved"

    result = flor("log", "get", "linear@1", "acc", "--save", str(folder))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"flor: wrote 3 files to {folder}\n"
    assert (folder / "acc.epoch-000002.json").read_text() == "0.5"
    assert len(answer(flor("log", "get", "@", "print", "--save", str(folder), "--json"))) == 1
    assert flor("log", "get", "@", "--save", str(folder)).exit_code == 2


def test_nothing_recorded_yet(flor: Flor):
    assert answer(flor("log", "list", "--json")) == []

    result = flor("log", "list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "flor: no runs recorded yet\nhint: flor record train.py\n"
    assert flor("log", "show", "@").stderr == (
        "error: no runs recorded yet\nhint: flor record train.py\n"
    )


def test_show_holds_the_contract(flor: Flor, home: Home):
    shown = answer(flor("log", "show", "linear@1", "--json"))

    assert shown["arguments"] == {"lr": 0.1}
    assert shown["environment"]["hostname"] == HOST
    assert shown["loops"] == [
        {"name": "epoch", "kind": "main", "file": "train.py", "line": 5, "iterations": 3},
        {"name": "step", "kind": "nested", "file": "train.py", "line": 6, "iterations": 6},
    ]
    assert shown["captured"] == ["net", "optimizer"]
    assert shown["not_captured"] == []
    assert shown["checkpoints"][2] == {
        "position": [{"loop": "epoch", "index": 2}],
        "bytes": 4096,
        "stall_s": 0.01,
    }
    assert shown["overhead"] == {
        "share": pytest.approx(0.005),
        "stall_s": pytest.approx(0.03),
        "slowed_s": 0.0,
        "budget": 0.01,
    }
    assert shown["reach"] is None
    assert shown["files"] == {"read": ["digits.npz"], "written": ["best.pt"]}
    assert shown["warnings"] == []
    replay = f"{NOW:%Y%m%d-%H%M%S}-b00001"
    assert shown["replays"] == [{"replay": replay, "status": "verified", "seconds": 1.5}]
    assert shown.keys() >= RUN_FIELDS.keys()


def test_show_tells_what_checkpoints_cost_and_how_far_positions_are_from_them(
    flor: Flor, home: Home
):
    costs = overhead(stall_s=0.03, slowed_s=0.27, longest_s=40.0, expected_s=0.4)
    home.run("dd4444", name="far", records=[*training(epochs=3), costs])

    shown = answer(flor("log", "show", "far@1", "--json"))
    page = flor("log", "show", "far@1").stdout

    assert shown["overhead"] == {
        "share": pytest.approx(0.05),
        "stall_s": pytest.approx(0.03),
        "slowed_s": 0.27,
        "budget": 0.01,
    }
    assert shown["reach"] == {
        "seconds": pytest.approx(40.05, abs=0.01),
        "more": {"budget": 0.05, "seconds": pytest.approx(8.05, abs=0.01)},
    }
    assert (
        "5.00% of training time, 30 ms held up, 270 ms slower beside the writer, budget 1%" in page
    )
    assert "any position within 40 s; --budget 5% would give 8.1 s" in page


def test_how_far_is_not_told_where_checkpoints_lack_something(flor: Flor, home: Home):
    records = [enter([], "epoch", "main"), checkpoint(0, complete=False), iteration(0), overhead()]
    home.run("dd4444", name="lacking", records=records)

    assert answer(flor("log", "show", "lacking@1", "--json"))["reach"] is None


def test_how_far_is_not_told_where_checkpoints_were_dropped(flor: Flor, home: Home):
    dropped = {"kind": "dropped", "file": checkpoint(1)["file"]}
    home.run("dd4444", name="thinned", records=[*training(epochs=3), overhead(), dropped])

    shown = answer(flor("log", "show", "thinned@1", "--json"))

    assert (shown["reach"], shown["dropped_checkpoints"]) == (None, 1)
    assert "1 dropped to save room" in flor("log", "show", "thinned@1").stdout


def test_show_tells_what_is_missing(flor: Flor, home: Home):
    shown = answer(flor("log", "show", "@", "--json"))

    assert shown["not_captured"] == [
        {"name": "it", "file": "train.py", "line": 3, "reason": "a generator"}
    ]
    assert shown["warnings"] == [{"code": "unseeded", "text": "no seed was set"}]
    page = flor("log", "show", "@").stdout
    assert "crashed, exit status 1" in page
    assert "it            train.py:3  a generator" in page
    assert "no seed was set" in page


def test_get_holds_the_contract(flor: Flor, home: Home):
    values = answer(flor("log", "get", "linear@1", "loss", "--json"))

    assert values[5] == {
        "run": values[0]["run"],
        "position": [{"loop": "epoch", "index": 2}, {"loop": "step", "index": 1}],
        "name": "loss",
        "value": 1 / 6,
        "origin": "record",
        "verified": None,
        "mark": None,
    }


def test_get_merges_what_replays_found_in_the_order_of_execution(flor: Flor, home: Home):
    values = answer(flor("log", "get", "linear@1", "acc", "norm", "--json"))

    shown = [(one["name"], one["value"], one["origin"][-6:], one["verified"]) for one in values]
    assert shown[:4] == [
        ("norm", "NaN", "b00001", None),
        ("acc", 0.0, "record", True),
        ("norm", "NaN", "b00001", None),
        ("acc", 0.25, "record", True),
    ]


def test_get_one_name_for_people(flor: Flor, home: Home):
    assert flor("log", "get", "linear@1", "acc").stdout == (
        "epoch   acc  mark\n    0   0.0  equal\n    1  0.25  equal\n    2   0.5  equal\n"
    )
    assert flor("log", "get", "linear@1", "norm").stdout.splitlines()[1].split() == [
        "0",
        "NaN",
        "replay",
        "b00001",
        "unverified",
    ]


def test_a_diverged_value_cannot_be_mistaken_for_a_good_one(flor: Flor, home: Home):
    (report,) = home.path.glob("linear/*aa1111/replays/*/report.json")
    (journal,) = report.parent.glob("journal.*.flor")
    marks = {journal.name: [[100, "diverged"]]}
    report.write_text(json.dumps({"status": "diverged", "seconds": 1.5, "marks": marks}))
    flor("store", "rebuild")

    one = flor("log", "get", "linear@1", "norm").stdout.splitlines()
    two = flor("log", "get", "linear@1", "norm", "acc").stdout.splitlines()
    rows = csv.DictReader(io.StringIO(flor("log", "get", "linear@1", "norm", "--csv").stdout))

    assert one[1].split()[-1] == "diverged"
    assert "NaN (diverged)" in two[1]
    assert {(row["verified"], row["mark"]) for row in rows} == {("false", "diverged")}


def test_get_several_names_side_by_side(flor: Flor, home: Home):
    lines = flor("log", "get", "linear@1", "loss", "acc", "norm").stdout.splitlines()

    assert lines[0].split() == ["epoch", "step", "loss", "acc", "norm", "(replay)"]
    assert [line.split() for line in lines[1:4]] == [
        ["0", "0", "1.0"],
        ["0", "1", "0.5"],
        ["0", "0.0", "NaN", "(unverified)"],
    ]


def test_get_as_fields(flor: Flor, home: Home):
    rows = list(csv.DictReader(io.StringIO(flor("log", "get", "@~1", "loss", "--csv").stdout)))

    assert [(row["epoch"], row["step"]) for row in rows[:3]] == [("0", "0"), ("0", "1"), ("1", "0")]
    assert [float(row["value"]) for row in rows] == [1 / (1 + n) for n in range(6)]
    plain = flor("log", "get", "linear@1", "acc", "--plain").stdout.splitlines()
    assert [line.split("\t")[1:4] for line in plain][2] == ["2", "acc", "0.5"]


def test_get_without_a_name_lists_the_names(flor: Flor, home: Home):
    assert answer(flor("log", "get", "linear@1", "--json"))[3] == {
        "name": "norm",
        "recorded": 0,
        "replayed": 3,
        "shell": 0,
    }


def test_printed_lines_cannot_colour_or_move_the_terminal(flor: Flor, home: Home):
    assert flor("log", "get", "@", "print").stdout.splitlines() == [
        "epoch  print",
        "    0  \\x1b[31mred\\x1b[0m",
    ]
    assert answer(flor("log", "get", "@", "print", "--json"))[0]["value"] == "\x1b[31mred\x1b[0m"


@pytest.mark.parametrize(
    ("words", "status", "error", "hint"),
    [
        (["log", "lisst"], 2, "no such command: flor log lisst", "flor log list --help"),
        (["lgo"], 2, "no such command: flor lgo", "flor log --help"),
        (["log", "list", "--jsn"], 2, "no such option: --jsn", "flor log list --json"),
        (["log", "show"], 2, "missing argument 'RUN'", "flor log show --help"),
        (["log", "show", "linexr"], 3, "no run answers to 'linexr'", "flor log show linear"),
        (
            ["log", "list", "--json", "--csv"],
            2,
            "--json and --csv exclude each other",
            "use --json",
        ),
    ],
)
def test_one_line_and_a_hint(flor: Flor, home: Home, words, status, error, hint):
    result = flor(*words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr == f"error: {error}\nhint: {hint}\n"


def test_an_unknown_name_names_the_nearest(flor: Flor, home: Home):
    result = flor("log", "get", "linear@1", "los")

    assert result.exit_code == 3
    assert result.stderr.startswith(
        "error: linear@1 has logged no los; it has loss, lr\nhint: flor log"
    )


def test_main_returns_the_status(flor: Flor, home: Home, capsys: pytest.CaptureFixture[str]):
    assert main(["log", "show", "zzz"]) == 3
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("flor ")


def test_query_reads_the_views(flor: Flor, home: Home):
    sql = "SELECT name, count(*) AS n FROM runs GROUP BY name ORDER BY name"

    assert answer(flor("query", sql, "--json")) == [
        {"name": "cnn", "n": 1},
        {"name": "linear", "n": 2},
    ]
    assert flor("query", sql, "--csv").stdout == "name,n\ncnn,1\nlinear,2\n"
    assert flor("query", sql).stdout == "name    n\ncnn     1\nlinear  2\n"
    assert flor("query", "DELETE FROM run").exit_code == 2
    assert b"\\x00" not in flor("query", "SELECT sort FROM place", "--json").stdout.encode()


def test_rebuild_tells_how_many_runs(flor: Flor, home: Home):
    assert flor("store", "rebuild").stderr == "flor: the catalog holds 3 runs\n"


# ---------------------------------------------------------------------- on a terminal


@pytest.mark.parametrize("columns", [80, 140])
def test_colours_are_forced_into_a_pipe_with_nothing_cut_off(
    flor: Flor, home: Home, monkeypatch: pytest.MonkeyPatch, columns: int
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")

    shown = flor("log", "list").stdout

    assert "\x1b[" in shown
    assert "cnn@1" in shown
    assert "…" not in shown


RUNS = Table(
    (
        Column("run", shrinks=True),
        Column("status"),
        Column("size", wide=True),
        Column("command", shrinks=True),
    ),
    [["linear@12", "crashed", "12.0 KiB", "train.py --data " + "x" * 100]],
)


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (200, {0: 9, 1: 7, 2: 8, 3: 116}),
        (80, {0: 9, 1: 7, 2: 8, 3: 50}),
        (40, {0: 9, 1: 7, 3: 20}),
        (20, {0: 9, 1: 7, 3: 10}),
    ],
)
def test_what_a_terminal_has_room_for(width: int, widths: dict[int, int]):
    assert fitted(RUNS, width) == widths


def test_a_table_is_aligned():
    table = Table((Column("loss", right=True), Column("from")), [["0.5", ""], ["0.25", "replay"]])

    assert aligned(table) == "loss  from\n 0.5\n0.25  replay\n"


def test_words_for_people():
    assert [duration(s) for s in (None, 0.04, 59.94, 192, 7500)] == [
        "",
        "0.0 s",
        "59.9 s",
        "3 m 12 s",
        "2 h 05 m",
    ]
    assert [size(n) for n in (0, 1023, 1536, 3 << 30, 5 << 50)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "3.0 GiB",
        "5120.0 TiB",
    ]
    assert value_text({"$array": ["torch", "float32", [2, 3], ""]}) == "float32[2, 3]"
    assert value_text({"$tuple": [1, {"$float": "-Infinity"}]}) == "[1, '-Infinity']"


def test_a_column_that_is_wide_and_gives_way_may_be_left_out() -> None:
    table = Table(
        (Column("run"), Column("command", wide=True, shrinks=True)), [["linear@1", "x" * 80]]
    )

    assert fitted(table, 30) == {0: 8}
    assert fitted(table, 60) == {0: 8, 1: 50}


def test_show_tells_what_was_logged_and_written_about_the_run(flor: Flor, home: Home):
    flor("log", "note", "linear@1", "one\ntwo")

    shown = answer(flor("log", "show", "linear@1", "--json"))
    page = flor("log", "show", "linear@1").stdout.splitlines()

    assert {"name": "norm", "recorded": 0, "replayed": 3} in shown["names"]
    assert "acc (3), loss (6), lr (1), norm (0 and 3 in replays)" in "\n".join(page)
    at = next(number for number, line in enumerate(page) if line.startswith("note "))
    assert [line.split() for line in page[at : at + 2]] == [["note", "one"], ["two"]]


def test_reasons_are_folded_and_not_cut_off(flor: Flor, home: Home, monkeypatch):
    import io as io_module

    from florctl.cli.views import render

    monkeypatch.setattr(render, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io_module.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    reason = "a reason of many words that one reads to its end"
    columns = (Column("name"), Column("reason", shrinks=True, folds=True))

    render.show(render.tables_only([Table(columns, [["it", reason]])]))

    assert "…" not in stream.getvalue()
    assert "its end" in stream.getvalue()
