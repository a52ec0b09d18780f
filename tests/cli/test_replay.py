"""`flor replay` that starts nothing: plans, nothing new, refusals; and its JSON in every case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florlib.ground.layout import RunLayout
from tests.homes import END, HOST, Home, log, process, write_journal
from tests.runs import SCRIPT, main_loop, one_loop, source, two_loops

Flor = Callable[..., Any]
OUTER, PROBE = '    print("epoch", epoch)\n', '    print("probe", epoch)\n'
REPORT = {
    "run": str,
    "replay": type(None),
    "status": str,
    "plan": dict,
    "workers": int,
    "seconds": float,
    "executed_iterations": int,
    "skipped_iterations": int,
    "restored_bytes": int,
    "warnings": list,
    "compared": dict,
    "end_states": dict,
    "first_divergence": type(None),
    "new": dict,
    "unplaced": list,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def flor(project: Path, flor_home: Path) -> Flor:
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def run(project: Path, flor_home: Path) -> RunLayout:
    """linear@1, the run of SCRIPT."""
    where = {"project": str(project), "cwd": str(project)}
    return Home(flor_home).run("aa1111", records=one_loop(), **where)


@pytest.fixture
def probed(project: Path, run: RunLayout) -> RunLayout:
    """The same, with a probe in the body of the main loop."""
    (project / "train.py").write_text(SCRIPT.replace(OUTER, OUTER + PROBE))
    return run


def plan_of(flor: Flor, *words: str) -> dict[str, Any]:
    ran = flor("replay", "--plan", "--json", *words)
    assert (ran.exit_code, ran.stderr) == (0, "")
    content: dict[str, Any] = json.loads(ran.stdout)
    return content


def test_a_plan_starts_nothing_and_has_the_fields_of_the_contract(
    flor: Flor, probed: RunLayout
) -> None:
    plan = plan_of(flor)

    assert plan["run"] == probed.run
    assert plan["mode"] == "outer"
    assert plan["segments"] == [{"main": 0, "start": 0, "stop": 4}]
    assert plan["skips"] == 12
    assert (plan["estimate_s"], plan["full_run_s"]) == (3.55, 90.0)
    assert not probed.replays.exists()


@pytest.mark.parametrize(
    ("words", "indices"),
    [
        (("--epochs", "2"), [2]),
        (("--epochs", "0,2:4"), [0, 2, 3]),
        (("--epochs", ":2"), [0, 1]),
        (("--epochs", "2:"), [2, 3]),
        (("--epochs", ":"), [0, 1, 2, 3]),
        (("--part", "1/3"), [0, 1]),
        (("--part", "3/3"), [3]),
        (("--part", "5/6"), []),
        (("--epochs", "1:4", "--part", "2/2"), [3]),
        (("--verify",), [0, 1, 2, 3]),
    ],
)
def test_which_iterations(
    words: tuple[str, ...], indices: list[int], flor: Flor, probed: RunLayout
) -> None:
    segments = plan_of(flor, *words)["segments"]

    assert [n for part in segments for n in range(part["start"], part["stop"])] == indices


def test_which_steps(flor: Flor, project: Path, run: RunLayout) -> None:
    inner = "        loss.backward()\n"
    (project / "train.py").write_text(SCRIPT.replace(inner, inner + "        print(step)\n"))

    plan = plan_of(flor, "--epochs", "1:3", "--steps", "0,2")

    assert (plan["mode"], plan["steps"]) == ("inner", [[0, 1], [2, 3]])
    assert plan["skips"] == 12 - 2 * 2
    assert "\nsteps        0:1, 2:3\n" in flor("replay", "--plan", "--steps", "0,2").stdout


def test_steps_are_asked_of_a_loop_inside_the_main_loop(
    flor: Flor, project: Path, flor_home: Path
) -> None:
    where = {"project": str(project), "cwd": str(project)}
    records = [*source(SCRIPT), *main_loop("epoch", 2), END]
    Home(flor_home).run("aa1111", records=records, **where)

    ran = flor("replay", "--steps", "0")

    assert ran.exit_code == 2
    assert "has no training loop inside of its main loop" in ran.stderr


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--epochs", "4"), "there is no iteration 4: the main loop has 4, from 0", "--epochs 0:4"),
        (
            ("--epochs", "-1"),
            "there is no iteration -1: the main loop has 4, from 0",
            "--epochs 0:4",
        ),
        (("--epochs", "3:2"), "there is no iteration 3:2: the main loop has 4", "--epochs 0:4"),
        (("--epochs", "all"), "'all' is no list of iterations", "--epochs 0:4"),
        (("--epochs", ""), "'' is no list of iterations", "--epochs 0:4"),
        (("--steps", "3"), "there is no step 3: the innermost loop has 3, from 0", "--steps 0:3"),
        (("--steps", "2:9"), "there is no step 2:9: the innermost loop has 3", "--steps 0:3"),
        (("--steps", "-1:2"), "there is no step -1:2: the innermost loop", "--steps 0:3"),
        (("--steps", "x"), "'x' is no list of steps", "--steps 0:3"),
        (("--part", "0/3"), "'0/3' is no part", "--part 3/5"),
        (("--part", "4/3"), "'4/3' is no part", "--part 3/5"),
        (("--part", "²/3"), "'²/3' is no part", "--part 3/5"),
        (("--tolerance", "-1"), "invalid value", "--help"),
        (("--epoch", "3"), "no such option: --epoch", "flor replay --epochs"),
    ],
)
def test_words_that_do_not_fit(
    words: tuple[str, ...], message: str, hint: str, flor: Flor, probed: RunLayout
) -> None:
    ran = flor("replay", "--json", *words)

    assert (ran.exit_code, ran.stdout) == (2, "")
    first, second = ran.stderr.splitlines()
    assert first.startswith(f"error: {message}")
    assert second.startswith("hint: ")
    assert hint in second


def test_iterations_are_those_of_the_longest_main_loop(
    flor: Flor, project: Path, flor_home: Path
) -> None:
    Home(flor_home).run("aa1111", records=two_loops(), project=str(project))

    ran = flor("replay", "--force", "--plan", "--epochs", "5")

    assert "the main loop has 4, from 0" in ran.stderr


def test_nothing_new_starts_nothing(flor: Flor, run: RunLayout) -> None:
    ran = flor("replay", "--json")

    report = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert {name: type(value) for name, value in report.items() if name in REPORT} == REPORT
    assert (report["status"], report["workers"], report["plan"]["mode"]) == (
        "unverified",
        0,
        "nothing",
    )
    assert ran.stderr.startswith("flor: no new probe: linear@1")
    assert not run.replays.exists()


def test_nothing_new_in_words(flor: Flor, run: RunLayout) -> None:
    ran = flor("replay")

    assert (ran.exit_code, ran.stdout) == (0, "")


def test_an_import_or_a_comment_alone_is_nothing_new(
    flor: Flor, project: Path, run: RunLayout
) -> None:
    (project / "train.py").write_text("# why\n" + SCRIPT)

    assert flor("replay").exit_code == 0
    assert not run.replays.exists()


def test_code_that_changed_is_refused_with_its_diff(
    flor: Flor, project: Path, run: RunLayout
) -> None:
    (project / "train.py").write_text(SCRIPT.replace("manual_seed(0)", "manual_seed(1)"))

    ran = flor("replay", "--json")

    assert (ran.exit_code, ran.stdout) == (6, "")
    assert "-torch.manual_seed(0)\n+torch.manual_seed(1)\n" in ran.stderr
    assert f"error: train.py has changed by more than probes since run {run.run}: " in ran.stderr
    assert ran.stderr.endswith(f"hint: flor replay {run.run} --force\n")
    assert not run.replays.exists()


def test_code_that_changed_is_planned_in_full_where_it_is_forced(
    flor: Flor, project: Path, run: RunLayout
) -> None:
    (project / "train.py").write_text(SCRIPT.replace("manual_seed(0)", "manual_seed(1)"))

    plan = plan_of(flor, "--force")

    assert (plan["everything"], plan["epilogue"]) == (True, True)


def test_a_source_that_is_gone(flor: Flor, project: Path, run: RunLayout) -> None:
    (project / "train.py").unlink()

    ran = flor("replay")

    assert ran.exit_code == 6
    assert ran.stderr.splitlines()[0].endswith("the file is gone")


def test_a_project_that_is_gone(
    flor: Flor, project: Path, run: RunLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")

    ran = flor("replay", "linear", "--json")

    assert (ran.exit_code, ran.stdout) == (5, "")
    assert ran.stderr == (
        f"error: the project of run {run.run} is gone: there is no {project}\n"
        f"hint: flor log show {run.run}\n"
    )


@pytest.mark.parametrize(
    "text", [b"def (\n", b"x = '\xff'\n", b"# coding: nothing\n"], ids=["parse", "bytes", "coding"]
)
def test_a_source_that_python_does_not_take(
    text: bytes, flor: Flor, project: Path, run: RunLayout
) -> None:
    (project / "train.py").write_bytes(text)

    ran = flor("replay", "--json")

    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "SyntaxError: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_runs_that_are_not_there(flor: Flor, project: Path, flor_home: Path) -> None:
    for token in ("aa1111", "aa2222"):
        Home(flor_home).run(token, records=one_loop(), project="/somewhere/else")

    none, unknown, several = (flor("replay", "--json", *words) for words in ((), ("nix",), ("20",)))

    assert [ran.exit_code for ran in (none, unknown, several)] == [3, 3, 3]
    assert [ran.stdout for ran in (none, unknown, several)] == ["", "", ""]
    assert unknown.stderr == "error: no run answers to 'nix'\nhint: flor log list\n"


def test_a_run_without_a_python_process(flor: Flor, project: Path, flor_home: Path) -> None:
    run = Home(flor_home).run("aa1111", project=str(project))

    ran = flor("replay")

    assert ran.exit_code == 5
    assert ran.stderr.startswith(f"error: run {run.run} recorded no Python process")


def test_a_run_without_iterations_has_none_to_choose(
    flor: Flor, project: Path, flor_home: Path
) -> None:
    records = [*source(SCRIPT), log([], ("print", "done")), END]
    run = Home(flor_home).run("aa1111", records=records, project=str(project))

    ran = flor("replay", "--epochs", "0")

    assert ran.exit_code == 2
    assert ran.stderr == f"error: run {run.run} has no iterations\nhint: flor replay {run.run}\n"


def test_a_run_that_goes_on_is_planned_as_far_as_it_came(
    flor: Flor, project: Path, flor_home: Path
) -> None:
    open_end = {"ended": None, "exit_status": None, "host": HOST}
    records = one_loop(2, ended=False)
    Home(flor_home).run("aa1111", records=records, project=str(project), **open_end)
    (project / "train.py").write_text(SCRIPT.replace(OUTER, OUTER + PROBE))

    ran = flor("replay", "--plan", "--json")

    assert ran.stderr.endswith("is still going on; what it has recorded so far is replayed\n")
    assert json.loads(ran.stdout)["segments"] == [{"main": 0, "start": 0, "stop": 2}]


def test_the_report_tells_that_a_run_was_killed(flor: Flor, project: Path, flor_home: Path) -> None:
    Home(flor_home).run("aa1111", records=one_loop(2, ended=False), project=str(project))

    report = json.loads(flor("replay", "--json").stdout)

    assert [warning["code"] for warning in report["warnings"]] == ["run-incomplete"]


def test_probes_in_several_processes_are_planned_together(
    flor: Flor, project: Path, probed: RunLayout
) -> None:
    head = process(run=probed.run, pid=101, rank=1)
    write_journal(probed.journal(1, 101), [head, *one_loop(3)])

    assert plan_of(flor)["segments"] == [{"main": 0, "start": 0, "stop": 4}]


@pytest.mark.parametrize(
    "words",
    [
        ("log", "list"),
        ("log", "show", "@"),
        ("log", "get", "@", "acc"),
        ("query", "SELECT 1 AS one"),
        ("replay",),
        ("replay", "--plan"),
    ],
)
def test_json_is_all_that_stdout_holds(words: tuple[str, ...], flor: Flor, run: RunLayout) -> None:
    ran = flor(*words, "--json")

    assert ran.exit_code == 0
    assert json.loads(ran.stdout) is not None
    assert len(ran.stdout.splitlines()) >= 1
