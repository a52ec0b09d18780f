"""The paths below FLOR_HOME, as they are documented."""

from __future__ import annotations

from pathlib import Path

from florlib.ground.layout import HomeLayout

HOME = HomeLayout(Path("home"))
RUN = HOME.run("linear", "20261123-221000-ab12cd")
REPLAY = RUN.replay("20261124-080000-ef34ab")


def test_paths_of_a_home():
    assert HOME.catalog == Path("home/catalog.db")
    assert HOME.runs_of("linear") == Path("home/linear")
    assert HOME.private_store("linear") == Path("home/linear/repo.git")


def test_paths_of_a_run():
    folder = Path("home/linear/20261123-221000-ab12cd")

    assert (RUN.folder, RUN.run) == (folder, "20261123-221000-ab12cd")
    assert RUN.run_file == folder / "run.json"
    assert RUN.checkpoints == folder / "checkpoints"
    assert RUN.journal(rank=0, pid=17) == folder / "journal.0.17.flor"


def test_paths_of_a_replay():
    folder = RUN.folder / "replays" / "20261124-080000-ef34ab"

    assert (REPLAY.folder, REPLAY.replay) == (folder, "20261124-080000-ef34ab")
    assert REPLAY.plan_file == folder / "plan.json"
    assert REPLAY.report_file == folder / "report.json"
    assert REPLAY.work == folder / "files"
    assert REPLAY.work_beside == folder / "cwd"
    assert REPLAY.output == folder / "output.txt"
    assert REPLAY.journal(rank=1, pid=18) == folder / "journal.1.18.flor"


def test_runs_are_found_oldest_first_whatever_their_name(tmp_path):
    home = HomeLayout(tmp_path)
    for name, run in [("a", "20261124-000000-aaaaaa"), ("b", "20261123-000000-bbbbbb")]:
        home.run(name, run).folder.mkdir(parents=True)
        home.run(name, run).run_file.touch()
    (tmp_path / "a" / "no-run").mkdir()

    assert [run.run for run in home.runs()] == ["20261123-000000-bbbbbb", "20261124-000000-aaaaaa"]


def test_journals_are_found_beside_other_files(tmp_path):
    run = HomeLayout(tmp_path).run("a", "r")
    replay = run.replay("p")
    replay.folder.mkdir(parents=True)
    for path in [run.journal(1, 9), run.journal(0, 8), run.run_file, replay.journal(0, 7)]:
        path.touch()

    assert run.journals() == [run.journal(0, 8), run.journal(1, 9)]
    assert replay.journals() == [replay.journal(0, 7)]
