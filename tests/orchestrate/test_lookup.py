"""Selectors: each form finds its run, and what finds none or several says what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from florctl.orchestrate.answers.asking import ask
from florctl.orchestrate.answers.harvest import harvest
from florctl.orchestrate.answers.logged import NameNotFound, values_of
from florctl.orchestrate.answers.lookup import find_run
from florlib.ground.errors import RunAmbiguous, RunNotFound, UsageError
from tests.homes import BOOT, HINDSIGHT, HOST, NOW, Home, log, training
from tests.projects import GitProject, record

HERE = Path("/home/ann/project")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three runs of linear here, one of cnn elsewhere, newest last."""
    home = Home(tmp_path / "home")
    for number, token in enumerate(("aa11aa", "aa22bb", "cc33cc"), 1):
        home.run(token, ordinal=number, minutes_ago=100 - number)
    home.run("dd44dd", name="cnn", minutes_ago=10, project="/elsewhere", version=None)
    harvest(home.path, now=NOW, boot=BOOT, host=HOST)
    return home.path


@pytest.mark.parametrize(
    ("selector", "token"),
    [
        ("@", "cc33cc"),
        ("@~0", "cc33cc"),
        ("@~2", "aa11aa"),
        ("linear", "cc33cc"),
        ("linear@2", "aa22bb"),
        ("cnn", "dd44dd"),
        ("cc33cc", "cc33cc"),
        ("aa2", "aa22bb"),
        ("cc33ccc0ff", "cc33cc"),  # the version's commit
        ("AA11AABEEF", "aa11aa"),  # the working tree's commit
    ],
)
def test_a_selector_finds_its_run(home: Path, selector: str, token: str):
    assert find_run(selector, home, HERE).run.endswith(token)


def test_a_whole_id_finds_its_run(home: Path):
    run = find_run("aa2", home, HERE).run

    assert find_run(run, home, None).run == run
    assert find_run(run[:-2], home, None).run == run


def test_the_newest_of_all_projects(home: Path):
    assert find_run("@", home, None).name == "cnn"


@pytest.mark.parametrize(
    ("selector", "message", "hint"),
    [
        ("linexr", "no run answers to 'linexr'", "flor log show linear"),
        ("zzz", "no run answers to 'zzz'", "flor log list"),
        ("linear@9", "linear has no run 9; its newest is linear@3", "flor log list --name linear"),
        ("linexr@2", "no run answers to 'linexr'", "flor log show linear"),
        ("@~3", "@~3 is too far back: 3 runs recorded in /home/ann/project", "flor log list"),
        ("", "no run answers to ''", "flor log list"),
    ],
)
def test_no_run(home: Path, selector: str, message: str, hint: str):
    with pytest.raises(RunNotFound) as caught:
        find_run(selector, home, HERE)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_no_run_of_this_project(home: Path):
    with pytest.raises(RunNotFound, match="no runs recorded in /nowhere"):
        find_run("@", home, Path("/nowhere"))


def test_no_runs_at_all(tmp_path: Path):
    with pytest.raises(RunNotFound) as caught:
        find_run("@", tmp_path, None)

    assert (caught.value.message, caught.value.hint) == (
        "no runs recorded yet",
        "flor record train.py",
    )


@pytest.mark.parametrize("selector", ["aa", "4444"])
def test_several_runs_are_listed_newest_first(home: Path, selector: str):
    with pytest.raises(RunAmbiguous) as caught:
        find_run(selector, home, HERE)

    assert caught.value.message.index("aa22bb") < caught.value.message.index("aa11aa")
    assert caught.value.exit_status == 3


@pytest.fixture
def committed(tmp_path: Path) -> tuple[GitProject, Path]:
    """A repository, and runs: of its first commit, of work that was committed next, of more work."""
    project = GitProject(tmp_path / "project")
    project.root.mkdir()
    project.git("init", "-q")
    project.commit(train="1")
    home = Home(tmp_path / "home")
    record(home, project, "aaaaaa", ordinal=1)
    project.write("train.py", "2")
    record(home, project, "bbbbbb", ordinal=2)
    project.commit()
    project.git("tag", "-a", "v2", "-m", "second")
    project.write("train.py", "3")
    record(home, project, "cccccc", ordinal=3)
    harvest(home.path, now=NOW, boot=BOOT, host=HOST)
    return project, home.path


@pytest.mark.parametrize(
    ("revision", "token"),
    [
        ("flor.shadow", "cccccc"),
        ("flor.shadow~1", "bbbbbb"),
        ("refs/heads/flor.shadow~2", "aaaaaa"),
        ("flor.shadow^2", "cccccc"),  # the work alone
        ("v2", "bbbbbb"),  # the very code was committed after the run
        ("HEAD", "bbbbbb"),
        ("main~1", "aaaaaa"),
        ("@{0}", "bbbbbb"),
    ],
)
def test_a_git_revision_finds_the_run_of_its_code(committed, revision: str, token: str):
    project, home = committed
    sha = project.git("rev-parse", f"{revision}^{{commit}}")

    for selector in (revision, sha, sha[:12]):
        assert find_run(selector, home, project.root).run.endswith(token)


def test_a_git_revision_finds_the_run_that_stood_on_it(committed):
    project, home = committed
    project.commit(train="4")
    project.write("train.py", "5")
    layout = record(Home(home), project, "dddddd", ordinal=4)
    harvest(home, now=NOW, boot=BOOT, host=HOST)

    assert find_run("HEAD", home, project.root).run == layout.run


def test_a_git_revision_that_no_run_is_of_is_said(committed):
    project, home = committed
    sha = project.commit(train="4")

    with pytest.raises(RunNotFound) as caught:
        find_run("HEAD", home, project.root)

    assert caught.value.message == f"no run was recorded of HEAD (commit {sha[:12]})"


def test_runs_of_one_code_are_listed(committed):
    project, home = committed
    record(Home(home), project, "dddddd", ordinal=4)
    harvest(home, now=NOW, boot=BOOT, host=HOST)
    project.commit()

    with pytest.raises(RunAmbiguous, match=r"HEAD may be any of 2 runs: .*dddddd, .*cccccc"):
        find_run("HEAD", home, project.root)


def test_what_is_no_selector(home: Path):
    with pytest.raises(UsageError, match="@x is no run selector"):
        find_run("@x", home, HERE)


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path):
    home = Home(tmp_path)
    home.run(records=training())
    harvest(home.path, now=NOW, boot=BOOT, host=HOST)
    run = find_run("linear", home.path, None)

    with pytest.raises(NameNotFound, match="linear@1 has logged no los; it has loss") as caught:
        values_of(run, ["acc", "los"], home.path)

    assert caught.value.hint == f"flor log get {run.run} loss"


def test_of_several_replays_the_newest_answers_once(tmp_path: Path):
    home = Home(tmp_path)
    layout = home.run(records=training())
    report = {"status": "verified"}
    for token, value, pids in (("b00001", 1, (200,)), ("b00002", 2, (200, 201))):
        for pid in pids:
            home.replay(layout, token, [log([], ("x", value, HINDSIGHT))], report, pid)
    harvest(home.path, now=NOW, boot=BOOT, host=HOST)

    values = values_of(find_run("linear", home.path, None), ["x"], home.path)

    assert [(one.value, one.origin[-6:]) for one in values] == [(2, "b00002")]


def test_processes_that_a_shell_started_one_after_another_stay_apart(tmp_path: Path):
    from tests.homes import process, write_journal

    home = Home(tmp_path)
    layout = home.run()
    for pid, started in ((300, "2026-01-01T10:00:00+00:00"), (200, "2026-01-01T11:00:00+00:00")):
        head = process(run=layout.run, pid=pid, started=started, argv=["train.py", str(pid)])
        write_journal(layout.journal(0, pid), [head, log([["epoch", 0]], ("loss", pid))])
    head = process(run=layout.run, replay="x", pid=400, argv=["train.py", "200"])
    replay = home.replay(layout, "b00001", [], {"status": "verified"})
    late = [log([["epoch", 0]], ("loss", 200), ("loss", 7, HINDSIGHT))]
    write_journal(replay.journal(0, 400), [head, *late])
    harvest(home.path, now=NOW, boot=BOOT, host=HOST)

    values = values_of(find_run("linear", home.path, None), ["loss"], home.path)

    assert [(one.value, one.verified) for one in values] == [(300, None), (200, True), (7, None)]


def test_sql_cannot_write(home: Path):
    with pytest.raises(UsageError, match="SQL: attempt to write a readonly database"):
        ask("DELETE FROM run", home)


def test_sql_answers_with_names(home: Path):
    answer = ask("SELECT name, count(*) AS n FROM runs GROUP BY name ORDER BY name", home)

    assert answer.objects() == [{"name": "cnn", "n": 1}, {"name": "linear", "n": 3}]
