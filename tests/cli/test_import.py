"""`flor import`: runs of TensorBoard, Flor 2.5 and FlorDB, once each, and honest about the rest.

tests/formats/ancestors holds what Flor 2.5.11, FlorDB 3.4.12 and 4.0.1 really wrote.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from tests.homes import Home, enter, exit_, iteration, log
from tests.projects import GitProject

SPECIMENS = Path(__file__).parent.parent / "formats" / "ancestors"
Flor = Callable[..., Any]


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def repository(tmp_path: Path) -> GitProject:
    (tmp_path / "project").mkdir()
    project = GitProject(tmp_path / "project")
    project.git("init", "-q")
    project.commit(train="print('first')\n")
    return project


def commit(project: GitProject, subject: str, **files: Path) -> str:
    for path, file in files.items():
        where = project.root / path
        where.parent.mkdir(exist_ok=True)
        shutil.copy(file, where)
    project.git("add", "-A", "-f")
    project.git("commit", "-qm", subject)
    return project.git("rev-parse", "HEAD")


def imported(flor: Flor, *words: str, status: int = 0) -> Any:
    result = flor("import", *words, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def got(flor: Flor, run: str, *names: str) -> list[tuple[list[tuple[str, int]], Any]]:
    rows = json.loads(flor("log", "get", run, *names, "--json").stdout)
    return [([(at["loop"], at["index"]) for at in row["position"]], row["value"]) for row in rows]


def shown(flor: Flor, run: str) -> Any:
    return json.loads(flor("log", "show", run, "--json").stdout)


def test_flordb4_has_a_run_a_file(flor: Flor, repository: GitProject) -> None:
    files = sorted((SPECIMENS / "flordb-4").glob("*.jsonl"))
    commits = []
    for file in files:
        (repository.root / ".flor" / "runs").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, repository.root / ".flor" / "runs")
        commits.append(commit(repository, f"FLOR::Auto-commit::{file.stem}"))

    told = imported(flor, str(repository.root))
    again = imported(flor, str(repository.root), "--name", "other")

    assert [run["name"] for run in told["runs"]] == ["train", "train"]
    assert (again["runs"], again["known"]) == ([], 2)
    losses = got(flor, "train@1", "loss")
    assert losses[:3] == [
        ([("epoch", 0), ("step", 0)], 0.0),
        ([("epoch", 0), ("step", 1)], 0.5),
        ([("epoch", 1), ("step", 0)], 5.0),
    ]
    assert got(flor, "train@1", "acc")[2] == ([("epoch", 2)], {"a": 2})
    assert got(flor, "train@1", "print")[0] == ([("epoch", 0)], "epoch 0")
    about = shown(flor, "train@1")
    assert (about["arguments"], about["status"], about["iterations"]) == ({"lr": 0.5}, "unknown", 3)
    assert [(one["name"], one["iterations"]) for one in about["loops"]] == [
        ("epoch", 3),
        ("step", 6),
    ]
    assert [shown(flor, one)["version"] for one in ("train@1", "train@2")] == commits
    assert shown(flor, commits[0][:10])["run"] == about["run"]


def test_flordb3_has_a_run_a_commit(flor: Flor, repository: GitProject) -> None:
    commits = []
    for number in (1, 2):
        file = SPECIMENS / "flordb-3" / f"{number}.json"
        stamp = json.loads(file.read_text())[0]["tstamp"]
        commits.append(commit(repository, f"FLOR::Auto-commit::{stamp}", **{".flor.json": file}))

    told = imported(flor, str(repository.root))

    assert [run["from"] for run in told["runs"]] == ["flordb-3"] * 2
    assert got(flor, "train@2", "loss")[-1] == ([("epoch", 2), ("step", 1)], 20.5)
    assert [shown(flor, one)["version"] for one in ("train@1", "train@2")] == commits
    single = imported(flor, str(repository.root / ".flor.json"))
    assert (single["runs"], single["known"]) == ([], 1)


def test_flor2_has_a_run_a_commit(flor: Flor, repository: GitProject) -> None:
    kept = SPECIMENS / "flor-2"
    files = {f".flor/{name}": kept / name for name in ("log_records.csv", "seconds.json")}
    files[".flor/.replay.json"] = kept / "replay.json"
    recorded = commit(repository, "RECORD::mine", **files)
    later = json.loads((kept / "replay.json").read_text()) | {"TSTAMP": "2026-11-30T09:00:00.json"}
    (repository.root / ".flor/.replay.json").write_text(json.dumps(later))
    commit(repository, "RECORD::mine")

    told = imported(flor, str(repository.root), status=7)

    assert [run["name"] for run in told["runs"]] == ["mine", "mine"]
    assert "is that of the run before" in told["problems"][0]
    assert got(flor, "mine@1", "loss")[0] == ([("epoch", 0), ("step", 0)], 0.008748429827392101)
    assert shown(flor, "mine@1")["version"] == recorded
    assert shown(flor, "mine@2")["arguments"] == {"lr": 0.5}
    assert "loss" not in flor("log", "get", "mine@2").stdout


def test_what_is_exported_to_tensorboard_comes_back(
    flor: Flor, flor_home: Path, tmp_path: Path
) -> None:
    records = [{"kind": "arg", "name": "lr", "value": 0.5, "source": "argparse"}]
    records.append(enter([], "epoch", "main"))
    for epoch in range(3):
        here = [["epoch", epoch]]
        records += [log(here, ("loss", 0.5**epoch), ("said", f"it's {epoch}")), iteration(epoch)]
    Home(flor_home).run("aa1111", records=[*records, exit_([], "epoch", 3, "main")])
    assert flor("export", "linear", "--to", "tensorboard", "--out", "tb").exit_code == 0

    told = imported(flor, "tb")

    assert [run["name"] for run in told["runs"]] == ["linear-1"]
    assert got(flor, "linear-1", "loss") == [([("step", n)], 0.5**n) for n in range(3)]
    assert got(flor, "linear-1", "said")[2] == ([("step", 2)], "it's 2")
    assert shown(flor, "linear-1")["arguments"] == {"lr": 0.5}
    assert len(got(flor, "linear-1", "wall_time")) == 3
    assert imported(flor, "tb")["known"] == 1


def test_damage_is_told_and_the_rest_is_taken_in(flor: Flor, tmp_path: Path) -> None:
    runs = tmp_path / ".flor" / "runs"
    runs.mkdir(parents=True)
    first, second = sorted((SPECIMENS / "flordb-4").glob("*.jsonl"))
    lines = first.read_text().splitlines()
    (runs / "a.jsonl").write_text("\n".join([lines[0], "{torn", '{"name": 1}', *lines[1:]]))
    (runs / "b.jsonl").write_text("nothing\n")
    shutil.copy(second, runs / "c.jsonl")

    told = imported(flor, ".", status=7)

    assert len(told["runs"]) == 2
    assert [problem.rpartition("/")[2] for problem in told["problems"]] == [
        "a.jsonl, line 2 is no JSON",
        "a.jsonl, record 2 is none of FlorDB's",
        "b.jsonl, line 1 is no JSON",
        "b.jsonl has no record of a run",
    ]
    assert len(got(flor, "train@1", "loss")) == 6


def test_a_torn_event_file_is_read_as_far_as_it_is_whole(flor: Flor, tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path / "tb"))
    for step in (5, 3, -1):
        summary = Summary(value=[Summary.Value(tag="loss", simple_value=float(step))])
        writer.add_event(Event(wall_time=100.0 + step, step=step, summary=summary))
    writer.close()
    (file,) = (tmp_path / "tb").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (tmp_path / "tb" / "none").mkdir()
    (tmp_path / "tb" / "none" / "x.tfevents.1").write_bytes(b"no event file")

    told = imported(flor, "tb", status=7)

    assert got(flor, "tb", "loss") == [([("step", 3)], 3.0), ([("step", 5)], 5.0)]
    assert any("is damaged behind 3 events, or" in problem for problem in told["problems"])
    assert any("none" in problem for problem in told["problems"])


def test_a_loop_that_begins_anew_is_another(flor: Flor, tmp_path: Path) -> None:
    told = {"projid": "p", "tstamp": "2026-11-30T05:10:50.1", "filename": "t.py", "type": 1}
    ctx = [[{"name": "epoch", "iteration": index, "value": ""}] for index in (0, 1, 0)]
    lines = [{**told, "ctx": one, "name": "x", "value": n} for n, one in enumerate(ctx)]
    (tmp_path / "run.jsonl").write_text("\n".join(map(json.dumps, lines)))

    imported(flor, "run.jsonl")

    assert got(flor, "t@1", "x") == [
        ([("epoch", 0)], 0),
        ([("epoch", 1)], 1),
        ([("epoch#2", 0)], 2),
    ]


def test_an_imported_run_is_not_replayed(flor: Flor) -> None:
    imported(flor, str(min((SPECIMENS / "flordb-4").glob("*.jsonl"))))

    result = flor("replay", "train@1")

    assert result.exit_code == 5
    assert "cannot be replayed: it was imported from flordb-4" in result.stderr.splitlines()[0]
    assert flor(*result.stderr.splitlines()[1].removeprefix("hint: flor ").split()).exit_code == 0
    assert "it was imported from flordb-4" in flor("doctor", "train@1").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no nowhere"),
        (["."], ". holds no event files"),
        ([".", "--from", "wandb"], "there is no format wandb"),
        ([".", "--name", "a/b"], "'a/b' cannot name a run"),
    ],
)
def test_what_cannot_be_is_one_line(flor: Flor, words: list[str], said: str) -> None:
    result = flor("import", *words)

    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[1].startswith("hint: ")
