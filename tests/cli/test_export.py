"""`flor export`: tables and event files that other programs read, and nothing false among them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florlib.ground.histogram import Histogram
from florlib.ground.values import encode_value
from tests.homes import HINDSIGHT, Home, Record, enter, exit_, iteration, log, process, training
from tests.homes import write_journal as journal_of

Flor = Callable[..., Any]
NAN = {"$float": "NaN"}
WEIGHTS = {"$array": ["torch", "float32", [2], "AACAPwAAAEA="]}


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    """The command line in this process, typed in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


def logged() -> list[Record]:
    """Two epochs of two steps; each kind of value."""
    records = [log([], ("lr", 0.1)), enter([], "epoch", "main")]
    for epoch in range(2):
        here = [["epoch", epoch]]
        steps = [log([*here, ["step", step]], ("loss", epoch + step / 2)) for step in range(2)]
        records += [*steps, exit_(here, "step", 2)]
        values = (("acc", epoch / 4), ("w", WEIGHTS), ("said", f"epoch {epoch}"), ("print", "x"))
        records += [log(here, *values), iteration(epoch)]
    return [*records, log([], ("bad", NAN)), exit_([], "epoch", 2, "main")]


@pytest.fixture
def home(flor_home: Path) -> Home:
    """linear@1 with three replays, of which one has diverged and one was not verified."""
    home = Home(flor_home)
    arguments = [{"kind": "arg", "name": "lr", "value": 0.1, "source": "argparse"}]
    layout = home.run("aa1111", records=[*arguments, *logged()])
    for token, mark in (("b00001", "verified"), ("b00002", "diverged"), ("b00003", None)):
        late = [log([["epoch", 0]], (f"norm-{mark}", 7.0, HINDSIGHT))]
        marks = {"journal.0.200.flor": [[1, mark]]} if mark else {}
        home.replay(layout, token, late, {"status": "x", "seconds": 1.5, "marks": marks})
    return home


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def done(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return result


def test_csv_has_a_row_a_value_with_its_mark(flor: Flor, home: Home) -> None:
    found = rows(done(flor("export", "linear", "--to", "csv")).stdout)

    loss = [(row["epoch"], row["step"], row["value"]) for row in found if row["name"] == "loss"]
    assert loss == [("0", "0", "0.0"), ("0", "1", "0.5"), ("1", "0", "1.0"), ("1", "1", "1.5")]
    marks = {row["name"]: row["mark"] for row in found if row["name"].startswith("norm")}
    assert marks == {
        "norm-None": "unverified",
        "norm-diverged": "diverged",
        "norm-verified": "verified",
    }
    assert [row["value"] for row in found if row["name"] == "bad"] == ["NaN"]
    assert "print" not in {row["name"] for row in found}


def test_printed_lines_come_where_they_are_named(flor: Flor, home: Home) -> None:
    result = done(flor("export", "linear", "--to", "csv", "--names", "print,acc"))

    assert [row["name"] for row in rows(result.stdout)] == ["acc", "print"] * 2
    assert "printed lines" not in result.stderr
    assert "printed lines are left out" in flor("export", "linear", "--to", "csv").stderr


def test_wide_has_a_row_a_position_and_marks_where_there_are_some(flor: Flor, home: Home) -> None:
    result = done(flor("export", "linear", "--to", "csv", "--wide"))
    found = rows(result.stdout)

    assert [row["loss"] for row in found if row["step"] == "1"] == ["0.5", "1.5"]
    (norm,) = [row for row in found if row["norm-diverged"]]
    assert norm["norm-diverged.mark"] == "diverged" and norm["acc"] == "0.0"
    assert "acc.mark" not in norm
    assert "2 of them are marked" in result.stderr


def test_a_column_has_a_title_of_its_own(flor: Flor, flor_home: Path) -> None:
    records = [enter([], "run", "main"), log([["run", 3]], ("rank", 5))]
    Home(flor_home).run("aa1111", records=records)

    (row,) = rows(done(flor("export", "linear", "--to", "csv", "--wide")).stdout)

    assert (row["run_"], row["rank_"], row["rank"]) == ("3", "5", "0")


def test_json_lines_hold_trees_and_names_of_infinities(flor: Flor, home: Home) -> None:
    text = done(flor("export", "linear", "--to", "jsonl")).stdout

    found = [json.loads(line) for line in text.splitlines()]
    assert [one["value"] for one in found if one["name"] == "bad"] == ["NaN"]
    (first, _) = (one["value"] for one in found if one["name"] == "w")
    assert first == {"library": "torch", "dtype": "float32", "shape": [2], "base64": "AACAPwAAAEA="}


def test_what_is_there_stays_unless_it_is_forced(flor: Flor, home: Home, tmp_path: Path) -> None:
    words = ("export", "linear", "--to", "csv", "--out", "values.csv")
    told = done(flor(*words, "--json"))
    before = (tmp_path / "values.csv").read_text()

    again = flor(*words, "--names", "acc")

    assert json.loads(told.stdout)["values"] == 15
    assert again.exit_code == 2
    assert again.stderr.startswith("error: values.csv is there already\nhint: add --force")
    assert (tmp_path / "values.csv").read_text() == before
    done(flor(*words, "--names", "acc", "--force"))
    assert len(rows((tmp_path / "values.csv").read_text())) == 2


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nobody", "--to", "csv"], 3, "no run answers to 'nobody'"),
        (["linear", "--to", "csv", "--names", "nope"], 3, "linear@1 has not logged nope"),
        (["linear", "--to", "csv", "--json"], 2, "--json tells what was written"),
        (["linear", "--to", "tensorboard", "--wide"], 2, "--wide is for tables"),
        (["linear", "--to", "csv", "--out", "no/a.csv"], 1, "no/a.csv cannot be written"),
        (["linear", "--to", "csv", "--out", "."], 2, ". is a folder"),
        (["linear", "--to", "xls"], 2, "invalid value"),
    ],
)
def test_what_cannot_be_is_one_line(
    flor: Flor, home: Home, words: list[str], status: int, said: str
) -> None:
    result = flor("export", *words)

    assert result.exit_code == status, result.output
    assert said in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[1].startswith("hint: ")


def test_an_empty_catalog_says_so(flor: Flor) -> None:
    assert "error: no runs recorded yet" in flor("export", "--to", "csv").stderr


def test_a_run_of_printed_lines_says_how_to_have_them(flor: Flor, flor_home: Path) -> None:
    Home(flor_home).run("aa1111", records=[log([], ("print", "loss 3"))])

    result = flor("export", "linear", "--to", "csv")

    assert result.exit_code == 3
    assert result.stderr.splitlines()[1].endswith("--to csv --names print")
    words = result.stderr.splitlines()[1].removeprefix("hint: flor ").split()
    assert rows(done(flor(*words)).stdout)[0]["value"] == "loss 3"


def test_tensorboard_reads_scalars_texts_and_histograms(
    flor: Flor, home: Home, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = done(flor("export", "linear", "--to", "tensorboard", "--out", "tb"))

    read = EventAccumulator(str(tmp_path / "tb" / "linear@1"), {"tensors": 0}).Reload()
    assert [(one.step, one.value) for one in read.Scalars("loss")] == [
        (0, 0.0),
        (1, 0.5),
        (2, 1.0),
        (3, 1.5),
    ]
    assert [one.step for one in read.Scalars("acc")] == [0, 1]
    assert [one.value for one in read.Scalars("norm-verified")] == [7.0]
    tags = read.Tags()
    assert not {"norm-diverged", "norm-None"} & {*tags["scalars"], *tags["tensors"]}
    assert "2 of them are left out" in result.stderr
    assert read.Tensors("said")[1].tensor_proto.string_val == [b"epoch 1"]
    about = read.Tensors("flor/about")[0].tensor_proto.string_val[0].decode()
    assert "| step of loss | epoch * 2 + step |" in about
    assert read.Tensors("w")[0].tensor_proto.tensor_shape.dim[1].size == 3
    again = flor("export", "linear", "--to", "tensorboard", "--out", "tb")
    assert again.exit_code == 2 and "linear@1 is there already" in again.stderr
    done(flor("export", "linear", "--to", "tensorboard", "--out", "tb", "--force"))
    assert len(list((tmp_path / "tb" / "linear@1").iterdir())) == 1


def test_a_histogram_is_one_for_tensorboard_and_json_for_tables(
    flor: Flor, flor_home: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    value = encode_value(Histogram((-1.0, 0.0, 2.0), (3, 4), nan=1))
    Home(flor_home).run("aa1111", records=[log([], ("grad", value))])

    done(flor("export", "linear", "--to", "tensorboard", "--out", "tb"))

    read = EventAccumulator(str(tmp_path / "tb" / "linear@1"), {"tensors": 0}).Reload()
    assert read.SummaryMetadata("grad").plugin_data.plugin_name == "histograms"
    bins = make_ndarray(read.Tensors("grad")[0].tensor_proto)
    assert bins.tolist() == [[-1.0, 0.0, 3.0], [0.0, 2.0, 4.0]]
    (row,) = rows(done(flor("export", "linear", "--to", "csv")).stdout)
    assert json.loads(row["value"])["counts"] == [3, 4]


def test_each_process_has_a_folder(flor: Flor, flor_home: Path, tmp_path: Path) -> None:
    layout = Home(flor_home).run("aa1111", records=training(1))
    head = process(run=layout.run, rank=1, pid=101)
    journal_of(layout.journal(1, 101), [head, log([["epoch", 0]], ("acc", 1.0))])

    done(flor("export", "linear", "--to", "tensorboard", "--out", "tb"))

    assert sorted(one.name for one in (tmp_path / "tb").iterdir()) == ["linear@1", "linear@1.rank1"]
    assert {row["rank"] for row in rows(flor("export", "linear", "--to", "csv").stdout)} == {
        "0",
        "1",
    }


@pytest.mark.parametrize("extra", ["pyarrow", "tensorboard", "mlflow"])
def test_a_package_that_is_missing_is_named(
    flor: Flor, home: Home, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    to = "parquet" if extra == "pyarrow" else extra

    result = flor("export", "linear", "--to", to)

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"hint: pip install 'florctl[{to}]'"


def test_parquet_has_columns_with_types(flor: Flor, home: Home, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    done(flor("export", "linear", "--to", "parquet", "--wide", "--out", "wide.parquet"))
    done(flor("export", "linear", "--to", "parquet", "--out", "long.parquet"))

    wide = parquet.read_table(tmp_path / "wide.parquet")
    types = {name: str(wide.schema.field(name).type) for name in wide.column_names}
    assert (types["loss"], types["said"], types["epoch"]) == ("double", "string", "int64")
    assert types["norm-diverged.mark"] == "string"
    assert [one for one in wide["loss"].to_pylist() if one is not None] == [0.0, 0.5, 1.0, 1.5]
    (bad,) = (one for one in wide["bad"].to_pylist() if one is not None)
    assert bad != bad
    long = parquet.read_table(tmp_path / "long.parquet").to_pylist()
    assert [json.loads(row["value"]) for row in long if row["name"] == "said"] == [
        "epoch 0",
        "epoch 1",
    ]


def test_mlflow_reads_metrics_params_and_what_steps_mean(
    flor: Flor, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    from florctl.orchestrate.export.mlflow import REST, SETTINGS

    for name, text in SETTINGS.items():
        monkeypatch.setenv(name, text)

    done(flor("export", "linear", "--to", "mlflow"))

    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("linear")
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5)]
    assert run.data.params == {"lr": "0.1"}
    assert run.data.tags["flor.step.loss"] == "epoch * 2 + step"
    assert run.info.status == "FINISHED"
    assert "norm-verified" in run.data.metrics and "norm-diverged" not in run.data.metrics
    (rest,) = tmp_path.glob(f"mlruns/*/*/artifacts/{REST}")
    kept = [json.loads(line) for line in rest.read_text().splitlines()]
    assert {one["name"]: one["mark"] for one in kept if one["name"].startswith("norm")} == {
        "norm-None": "unverified",
        "norm-diverged": "diverged",
    }
    again = flor("export", "linear", "--to", "mlflow")
    assert again.exit_code == 2 and "linear@1 is in the store already" in again.stderr
    done(flor("export", "linear", "--to", "mlflow", "--force"))
    assert len(client.search_runs([experiment.experiment_id])) == 1
