"""`flor log rm`: what goes, what stays, and what is left where it was killed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from florctl.orchestrate.recording.ordinals import last_ordinal
from florlib.ground.layout import HomeLayout
from tests.cli.conftest import Typed
from tests.homes import BOOT, HOST, NOW, Home


def labels(typed: Typed) -> list[int]:
    return [run["ordinal"] for run in json.loads(typed("log", "list", "--json").stdout)]


@pytest.fixture
def old(trained: Home) -> Home:
    """The runs of `trained`, long left alone."""
    import os

    long_ago = NOW.timestamp() - 3600
    for path in trained.path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    return trained


def test_a_run_goes_with_all_that_is_its_own(typed: Typed, old: Home):
    result = typed("log", "rm", "linear@1", "--yes")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:3] == ["linear@1", "aa1111", "done"]
    assert result.stderr.startswith("flor: removed 1 run, ")
    assert labels(typed) == [3, 2]
    assert (
        typed("query", "SELECT count(*) AS n FROM logs WHERE run LIKE '%aa1111'").stdout == "n\n0\n"
    )
    assert sorted(path.name[-6:] for path in old.path.glob("linear/[!r]*")) == ["bb2222", "cc3333"]
    assert not list(old.path.glob("linear/.*"))


def test_numbers_of_removed_runs_are_not_given_again(typed: Typed, old: Home):
    typed("log", "rm", "linear@3", "linear@2", "--yes")

    folder = old.path / "linear"
    assert last_ordinal(folder) == 3
    assert labels(typed) == [1]


def test_nothing_goes_where_nobody_can_be_asked(typed: Typed, old: Home):
    result = typed("log", "rm", "linear@1", "--where", "acc > 0")

    assert result.exit_code == 2
    assert "1 run, " in result.stderr and "would go, and nobody is there to ask" in result.stderr
    assert result.stderr.endswith("hint: flor log rm linear@1 --where 'acc > 0' --yes\n")
    assert labels(typed) == [3, 2, 1]


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, [3, 2]), ("n\n", 1, [3, 2, 1])])
def test_a_person_is_asked(typed: Typed, old: Home, monkeypatch, answer, status, left):
    from florctl.cli import remove

    asked = []

    def confirmed(text: str, err: bool) -> bool:
        asked.append(text)
        return answer == "y\n"

    monkeypatch.setattr(remove.typer, "confirm", confirmed)
    result = _on_terminal(typed, monkeypatch, "log", "rm", "linear@1")

    assert (result.exit_code, labels(typed)) == (status, left)
    assert asked[0].startswith("remove 1 run, ")


def _on_terminal(typed: Typed, monkeypatch, *words: str):
    """Typed where stdin and stderr say that they are a terminal."""
    from florctl.cli import remove

    agreed = remove._agreed

    def there(*args):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin.isatty", lambda: True, raising=False)
            patch.setattr("sys.stderr.isatty", lambda: True, raising=False)
            return agreed(*args)

    monkeypatch.setattr(remove, "_agreed", there)
    return typed(*words)


def test_a_dry_run_removes_nothing(typed: Typed, old: Home):
    rows = json.loads(typed("log", "rm", "linear@1", "--dry-run", "--json").stdout)

    assert rows[0].keys() >= {"run", "checkpoints", "replays", "values", "bytes", "removed"}
    assert (rows[0]["replays"], rows[0]["values"], rows[0]["removed"]) == (2, 16, False)
    assert labels(typed) == [3, 2, 1]
    csv_rows = list(
        csv.DictReader(io.StringIO(typed("log", "rm", "@", "--dry-run", "--csv").stdout))
    )
    assert csv_rows[0]["ordinal"] == "3"


def test_what_is_being_recorded_stays_whatever_is_said(typed: Typed, old: Home):
    import os

    pid = os.getpid()
    old.run("dd4444", ordinal=4, minutes_ago=1, ended=None, exit_status=None, pid=pid, pid_start="",
            boot=_boot(), host=_host(), records=[])  # fmt: skip

    refused = typed("log", "rm", "linear@4", "--yes", "--force")
    others = typed("log", "rm", "--where", "ordinal > 2", "--yes")

    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (
        75,
        "error: linear@4 is being recorded",
    )
    assert "flor: linear@4 is being recorded; it stays" in others.stderr
    assert labels(typed) == [4, 2, 1]


def _boot() -> str:
    from florctl.orchestrate.answers.processes import boot_id

    return boot_id() or BOOT


def _host() -> str:
    import platform

    return platform.node() or HOST


def test_what_is_pinned_needs_force(typed: Typed, old: Home):
    typed("store", "pin", "linear@1")

    refused = typed("log", "rm", "linear@1", "--yes")

    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (1, "error: linear@1 is pinned")
    assert labels(typed) == [3, 2, 1]
    hint = refused.stderr.splitlines()[1].removeprefix("hint: flor ").split()
    assert typed(*hint, "--yes").exit_code == 0
    assert labels(typed) == [3, 2]


def test_a_removal_that_is_killed_leaves_nothing_to_be_seen(typed: Typed, old: Home):
    typed("log", "list")
    (folder,) = old.path.glob("linear/*aa1111")
    layout = HomeLayout(old.path)
    folder.rename(layout.removed("linear", folder.name))  # where it is killed behind this

    assert labels(typed) == [3, 2]
    assert len(layout.runs()) == 2
    assert "files of a run that was removed" in typed("store", "sweep").stdout
    (leftover,) = json.loads(typed("store", "sweep", "--json").stdout)["leftovers"]
    assert (leftover["run"], leftover["what"]) == (None, "removed")
    assert "1 file that nobody needs" in typed("doctor").stdout
    typed("store", "sweep", "--yes")
    assert not layout.all_removed()
    assert labels(typed) == [3, 2]


def test_a_damaged_run_can_go(typed: Typed, old: Home):
    (journal,) = old.path.glob("linear/*aa1111/journal.*")
    journal.write_bytes(b"nothing that flor wrote")

    assert typed("log", "rm", "linear@1", "--yes").exit_code == 0
    assert labels(typed) == [3, 2]


def test_no_run_and_no_home(typed: Typed, flor_home: Path):
    assert typed("log", "rm").stderr == "error: no run is given\nhint: flor log rm @ --dry-run\n"
    assert typed("log", "rm", "@", "--yes").exit_code == 3
    shutil.rmtree(flor_home, ignore_errors=True)
    assert typed("log", "rm", "--where", "ordinal = 1", "--yes").exit_code == 3
