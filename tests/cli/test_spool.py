"""`flor spool` with a folder: what is sent and what is not, what goes here, what comes back, and what is told."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florctl.orchestrate.answers.processes import boot_id
from florctl.orchestrate.keeping.bringing import bring_back, keep_spooled
from florlib.ground.layout import RunLayout
from florlib.ground.spool_format import Manifest
from florlib.stores.journal import read_journal
from florlib.stores.spool import open_target
from florlib.stores.spool.manifests import publish_manifest
from florlib.stores.spooled import read_spooled
from tests.homes import END, Home, append_journal, write_journal
from tests.spool.runs import add_run, contents, indices, path_of

Flor = Callable[..., Any]


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    """The command line in this process."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def home(flor_home: Path) -> Home:
    return Home(flor_home)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return tmp_path / "disk"


def send(flor: Flor, disk: Path, *words: str, status: int = 0) -> Any:
    done = flor("spool", "dir", str(disk), *words, "--json")
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def objects(disk: Path) -> dict[str, float]:
    """Every object and when it was written."""
    found = (path for path in disk.rglob("*") if path.is_file())
    return {path.relative_to(disk).as_posix(): path.stat().st_mtime_ns for path in found}


def damage(disk: Path, layout: RunLayout, index: int) -> Path:
    """Change a byte of the object that holds a checkpoint."""
    spooled = read_spooled(layout.spool_file)
    file = spooled.file(f"checkpoints/{index:06d}.000000.safetensors")
    assert file is not None
    path = disk / file.chunks[0].object
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


# ------------------------------------------------------------------ sending


def test_all_of_a_run_is_sent_and_stays(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    home.replay(layout, "r00001", [END], {"status": "verified"})

    found = send(flor, disk)

    (run,) = found["runs"]
    assert (found["done"], run["run"], run["dropped"]) == (True, layout.run, 0)
    assert run["files"] == 1 + 1 + 11 + 2
    assert run["stored_bytes"] < run["bytes"] / 5  # the contents repeat
    assert len(indices(layout)) == 11
    assert (disk / "runs/linear" / layout.run / "000001.json").exists()


def test_what_is_there_is_not_sent_again(flor: Flor, home: Home, disk: Path) -> None:
    add_run(home)
    send(flor, disk)
    before = objects(disk)

    again = send(flor, disk)

    assert objects(disk) == before
    assert again["runs"][0]["sent_objects"] == 0
    assert again["runs"][0]["there_objects"] == 13


def test_equal_contents_of_two_runs_are_kept_once(flor: Flor, home: Home, disk: Path) -> None:
    first, second = add_run(home), add_run(home, "bbbbbb", ordinal=2)
    for path in second.checkpoints.iterdir():
        path.write_bytes((first.checkpoints / path.name).read_bytes())

    send(flor, disk)

    assert len([name for name in objects(disk) if name.startswith("objects/")]) == 11 + 2 + 2


def test_a_dry_run_sends_nothing_and_says_what_would_be(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)

    found = send(flor, disk, "--dry-run", "--keep-local", "last:1")
    done = flor("spool", "dir", str(disk), "--dry-run")

    assert (found["done"], disk.exists()) == (False, False)
    assert found["runs"][0]["sent_objects"] == 13
    assert found["runs"][0]["dropped"] == 9
    assert (len(indices(layout)), layout.spool_file.exists()) == (11, False)
    assert done.stderr.startswith("flor: would send ")


@pytest.mark.parametrize(("words", "coded"), [([], True), (["--no-compress"], False)])
def test_tensors_are_sent_shorter_unless_that_is_not_wanted(
    flor: Flor, home: Home, disk: Path, words: list[str], coded: bool
) -> None:
    add_run(home)

    run = send(flor, disk, *words)["runs"][0]

    assert (run["stored_bytes"] < run["bytes"]) is coded
    assert any(name.endswith(".planes") for name in objects(disk)) is coded


def test_runs_by_age_and_by_name(flor: Flor, home: Home, disk: Path) -> None:
    old = add_run(home, minutes_ago=60 * 24 * 9)
    new = add_run(home, "bbbbbb", ordinal=2)

    by_age = send(flor, disk, "--older-than", "7d")
    by_name = send(flor, disk, "linear@2")

    assert [run["run"] for run in by_age["runs"]] == [old.run]
    assert [run["run"] for run in by_name["runs"]] == [new.run]


def test_a_run_that_goes_on_is_left_alone_with_a_word(flor: Flor, home: Home, disk: Path) -> None:
    here = {"host": platform.node(), "boot": boot_id(), "pid": os.getpid(), "pid_start": ""}
    running = add_run(home, ended=None, exit_status=None, **here)
    journal = running.journal(0, 100)
    write_journal(journal, [one for one in read_journal(journal).records if one["kind"] != "end"])

    among_all = send(flor, disk)
    by_name = flor("spool", "dir", str(disk), "linear", "--keep-local", "none")

    assert among_all["left_alone"] == [{"run": running.run, "reason": "is being recorded"}]
    assert by_name.exit_code == 7
    assert "flor: linear@1 is being recorded; it is left alone" in by_name.stderr
    assert len(indices(running)) == 11


def test_values_that_came_later_go_with_the_next_time(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk)
    home.replay(layout, "r00001", [END], {"status": "verified"})

    again = send(flor, disk)

    assert again["runs"][0]["sent_objects"] == 2
    assert (disk / "runs/linear" / layout.run / "000002.json").exists()


# ------------------------------------------------------------------ what stays


@pytest.mark.parametrize(
    ("kept", "left"),
    [("all", [*range(11)]), ("last:1", [4, 10]), ("last:3", [4, 8, 9, 10]), ("none", [])],
)
def test_what_stays_here(flor: Flor, home: Home, disk: Path, kept: str, left: list[int]) -> None:
    layout = add_run(home)
    before = contents(layout)

    found = send(flor, disk, "--keep-local", kept)

    assert indices(layout) == left  # the last refers to the fifth
    assert found["runs"][0]["dropped"] == 11 - len(left)
    assert bring_back(layout, [f"checkpoints/{name}" for name in before], lambda *_: None) == []
    assert contents(layout) == before


def test_pins_hold_here_too(flor: Flor, home: Home, disk: Path) -> None:
    layout, whole = add_run(home), add_run(home, "bbbbbb", ordinal=2)
    flor("store", "pin", "linear@1", "--at", "epoch=2")
    flor("store", "pin", "linear@2")

    send(flor, disk, "--keep-local", "none")

    assert (indices(layout), len(indices(whole))) == ([2], 11)


def test_nothing_goes_that_the_spool_does_not_give_back(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = add_run(home)
    send(flor, disk)
    damaged = damage(disk, layout, 3)
    before = damaged.read_bytes()

    found = send(flor, disk, "--keep-local", "none")

    assert damaged.read_bytes() != before  # it was sent again, and read again
    assert (found["runs"][0]["dropped"], found["runs"][0]["sent_objects"]) == (11, 1)
    assert bring_back(layout, ["checkpoints/000003.000000.safetensors"], lambda *_: None) == []


def test_a_disk_that_gives_back_something_else_lets_nothing_go(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from florlib.stores.spool.folder import FolderTarget

    layout = add_run(home)
    send(flor, disk)
    real = FolderTarget.get
    monkeypatch.setattr(
        FolderTarget,
        "get",
        lambda self, name: (
            (real(self, name) or b"")[:-1] + b"?" if "objects" in name else real(self, name)
        ),
    )

    found = send(flor, disk, "--keep-local", "none", status=7)

    assert (found["runs"][0]["dropped"], len(indices(layout))) == (0, 11)
    assert "does not give it back" in found["runs"][0]["problems"][0]


def test_a_second_spooling_keeps_what_the_first_one_holds(
    flor: Flor, home: Home, disk: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")

    again = send(flor, disk)

    assert again["runs"][0]["files"] == 13
    assert again["runs"][0]["sent_objects"] == 0
    assert indices(layout) == []


def test_what_lies_in_another_spool_alone_is_told(
    flor: Flor, home: Home, disk: Path, tmp_path: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "last:1")

    found = send(flor, tmp_path / "other", status=7)

    assert found["runs"][0]["files"] == 4
    assert "9 of its checkpoints lie in another spool alone" in found["runs"][0]["problems"][0]
    assert bring_back(layout, ["checkpoints/000000.000000.safetensors"], lambda *_: None) == []


def test_an_object_that_is_gone_and_needed_is_told_when_spooling_again(
    flor: Flor, home: Home, disk: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "last:1")
    damage(disk, layout, 3).unlink()

    found = send(flor, disk, status=7)

    assert "000003.000000.safetensors is not in" in found["runs"][0]["problems"][0]


# ------------------------------------------------------------------ what others say of it


def test_spooled_checkpoints_are_never_called_missing(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "last:1")

    verified = json.loads(flor("store", "verify", "--json").stdout)
    usage = json.loads(flor("store", "usage", "--json").stdout)
    shown = flor("log", "show", "linear")
    page = json.loads(flor("log", "show", "linear", "--json").stdout)
    listed = json.loads(flor("log", "list", "--json").stdout)
    doctor = flor("doctor", "linear")

    assert (verified["faults"], verified["checkpoints"], verified["spooled"]) == ([], 2, 9)
    assert usage["runs"][0]["spooled_bytes"] == usage["spooled_bytes"] > 9 * 5000
    assert (
        f"9 of its checkpoints, {usage['spooled_bytes'] / 1024:.1f} KiB, in {disk} alone"
        in shown.stdout
    )
    assert page["spooled"][0]["checkpoints_absent"] == 9
    assert listed[0]["checkpoints"] == 11
    assert "9 lie in a spool, and come back" in doctor.stdout
    assert layout.run in doctor.stdout


def test_a_sweep_takes_what_is_spooled_without_a_loss(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    before = contents(layout)
    send(flor, disk)

    flor("store", "sweep", "--max", "1", "--yes")

    assert indices(layout) == [0, 4, 9, 10]
    kinds = {one["kind"] for one in read_journal(layout.journal(0, 100)).records}
    assert "dropped" not in kinds
    names = [f"checkpoints/{name}" for name in before]
    assert bring_back(layout, names, lambda *_: None) == []
    assert contents(layout) == before


def test_status(flor: Flor, home: Home, disk: Path) -> None:
    empty = flor("spool", "status")
    layout, other = add_run(home), add_run(home, "bbbbbb", ordinal=2)
    before = flor("spool", "status")
    send(flor, disk, "linear@1", "--keep-local", "none")

    table, found = flor("spool", "status"), json.loads(flor("spool", "status", "--json").stdout)

    assert empty.stderr == "flor: no runs recorded yet\nhint: flor record train.py\n"
    assert before.stderr.startswith("flor: none of 2 runs is in a spool\n")
    assert table.stdout.splitlines()[1].split()[:4] == ["linear@1", "aaaaaa", str(disk), "11"]
    assert "flor: 1 run in a spool, which saves " in table.stderr
    (copy,) = found["copies"]
    assert (copy["run"], copy["checkpoints_absent"]) == (layout.run, 11)
    assert copy["url"] == disk.as_uri()
    assert found["saved_bytes"] == copy["absent_bytes"]
    assert found["not_spooled"] == [other.run]


# ------------------------------------------------------------------ coming back


def test_only_what_is_asked_for_comes_back_with_what_it_refers_to(
    flor: Flor, home: Home, disk: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")
    told: list[tuple[int, int, str]] = []

    problems = bring_back(
        layout, [f"checkpoints/{path_of(layout, 10).name}"], lambda *it: told.append(it)
    )

    assert (problems, indices(layout)) == ([], [4, 10])
    ((count, size, url),) = told
    assert (count, url) == (2, disk.as_uri())
    assert size > 0


def test_what_is_here_is_not_asked_for(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk)
    told: list[Any] = []

    bring_back(layout, ["checkpoints/000003.000000.safetensors"], lambda *it: told.append(it))

    assert told == []


def test_damage_in_the_spool_is_told_and_leaves_nothing(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")
    damage(disk, layout, 2)
    damage(disk, layout, 3).unlink()
    wanted = [f"checkpoints/{index:06d}.000000.safetensors" for index in (1, 2, 3)]

    problems = bring_back(layout, wanted, lambda *_: None)

    assert len(problems) == 2
    assert any("does not hash to its name" in text or "is damaged" in text for text in problems)
    assert any("any more" in text for text in problems)
    assert [path.name for path in layout.checkpoints.iterdir()] == ["000001.000000.safetensors"]


def test_another_copy_serves_where_the_first_is_not_there(
    flor: Flor, home: Home, disk: Path, tmp_path: Path
) -> None:
    layout = add_run(home)
    send(flor, disk)
    send(flor, tmp_path / "other", "--keep-local", "none")
    (tmp_path / "other").rename(tmp_path / "moved")
    damage(disk, layout, 3)

    problems = bring_back(layout, ["checkpoints/000001.000000.safetensors"], lambda *_: None)

    assert (problems, indices(layout)) == ([], [1])


def test_a_disk_that_is_not_mounted_is_told(flor: Flor, home: Home, disk: Path) -> None:
    add_run(home)
    send(flor, disk, "--keep-local", "none")
    disk.rename(disk.with_name("unmounted"))

    done = flor("state", "linear", "--at", "epoch=3")

    assert done.exit_code == 3
    assert f"error: there is no {disk}: is the disk mounted?" in done.stderr


def test_state_of_a_spooled_checkpoint_that_is_gone(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")
    damage(disk, layout, 3)

    done = flor("state", "linear", "--at", "epoch=3")

    assert done.exit_code == 5
    assert f"hint: flor spool status {layout.run}" in done.stderr


def test_a_run_that_goes_on_forgets_checkpoints_that_it_takes_anew(
    flor: Flor, home: Home, disk: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")

    before = keep_spooled(layout, {"checkpoints/000001.000000.safetensors"})

    after = read_spooled(layout.spool_file)
    assert len(before.copies[0].manifest.checkpoints) == 11
    assert [one.path for one in after.copies[0].manifest.checkpoints] == [
        "checkpoints/000001.000000.safetensors"
    ]
    assert after.file("run.json") is not None


# ------------------------------------------------------------------ fetching


def fetch(flor: Flor, disk: Path, *words: str, status: int = 0) -> Any:
    done = flor("spool", "fetch", "--from", str(disk), *words, "--json")
    assert done.exit_code == status, done.output
    return json.loads(done.stdout) if done.stdout else done.stderr


def emptied(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another FLOR_HOME, with nothing in it."""
    monkeypatch.setenv("FLOR_HOME", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def test_runs_of_a_spool_are_listed_and_chosen_by_words(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = add_run(home, minutes_ago=99), add_run(home, "abbbbb", ordinal=2)
    other = add_run(home, "cccccc", name="cnn", minutes_ago=30)
    send(flor, disk, "--keep-local", "none")
    emptied(home, monkeypatch, tmp_path)

    listed = fetch(flor, disk, "--list")
    nothing = json.loads(flor("log", "list", "--json").stdout)
    by_word = [
        [run["run"] for run in fetch(flor, disk, *words)["runs"]]
        for words in (["linear"], ["linear@1"], ["ccc"], [old.run, "linear@1"], [])
    ]

    assert [one["run"] for one in listed] == [old.run, new.run, other.run]
    assert (listed[0]["checkpoints"], listed[0]["status"]) == (11, "done")
    assert nothing == []
    assert by_word == [[new.run], [old.run], [other.run], [old.run], [old.run, new.run, other.run]]
    assert len(json.loads(flor("log", "list", "--json").stdout)) == 3
    assert "may be any of 2 runs" in fetch(flor, disk, "a", status=3)
    assert "no run that answers to 'zzz'" in fetch(flor, disk, "zzz", status=3)


def test_what_was_fetched_shows_its_state_and_all_comes_on_demand(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layout = add_run(home)
    before = contents(layout)
    send(flor, disk)
    elsewhere = emptied(home, monkeypatch, tmp_path)
    done = flor("spool", "fetch", "--from", str(disk))

    brought = flor("spool", "fetch", "linear")
    again = flor("spool", "fetch", "linear")

    assert done.stderr.splitlines() == [
        "warning: the project of linear@1 is not here: no /home/ann/project",
        f"flor: fetched 1 run from {disk}",
    ]
    assert "flor: fetching 11 checkpoints" in brought.stderr
    assert "flor: all of linear@1" in again.stderr
    assert contents(RunLayout(elsewhere / "linear" / layout.run)) == before


def test_a_spool_does_not_say_what_checkpoints_of_an_own_run_are(
    flor: Flor, home: Home, disk: Path
) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "none")
    before = layout.spool_file.read_bytes()
    whole = json.loads((disk / "runs/linear" / layout.run / "000001.json").read_text())
    manifest = Manifest.from_json(whole["content"])
    other = manifest.checkpoints[0]
    others = tuple(
        replace(one, chunks=other.chunks) if one in manifest.checkpoints else one
        for one in manifest.files
    )
    publish_manifest(open_target(str(disk)), replace(manifest, files=others), 1)

    fetch(flor, disk)
    known = layout.spool_file.read_bytes()
    trusted = [json.loads(layout.run_file.read_text()).get("fetched")]
    layout.spool_file.unlink()
    fetch(flor, disk)
    trusted.append(json.loads(layout.run_file.read_text())["fetched"]["trusted"])

    assert known == before
    assert trusted == [None, False]
    assert len(read_spooled(layout.spool_file).copies) == 1


def test_a_manifest_that_leads_elsewhere_lays_nothing_down(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layout = add_run(home)
    send(flor, disk)
    path = disk / "runs/linear" / layout.run / "000001.json"
    path.write_bytes(path.read_bytes().replace(b'"run.json"', b'"../../x.y"'))
    elsewhere = emptied(home, monkeypatch, tmp_path)

    said = fetch(flor, disk, status=5)

    assert "does not hash to the digest" in said
    assert not (elsewhere / "linear").exists()


def test_fetching_wants_a_place(flor: Flor, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    no_place, no_run = flor("spool", "fetch"), flor("spool", "fetch", "linear")

    assert (no_place.exit_code, no_run.exit_code) == (2, 3)
    assert "hint: flor spool fetch --from s3://bucket/prefix" in no_place.stderr
    assert "hint: flor spool fetch linear --from s3://bucket/prefix" in no_run.stderr


def test_the_place_may_be_a_setting(
    flor: Flor, home: Home, disk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_run(home)
    send(flor, disk)
    emptied(home, monkeypatch, tmp_path)
    monkeypatch.setenv("FLOR_SPOOL", str(disk))

    done = flor("spool", "fetch", "linear")

    assert done.exit_code == 0
    assert f"flor: fetched 1 run from {disk}" in done.stderr


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dir", "x", "--older-than", "soon"], "'soon' is no age"),
        (["dir", "x", "--keep-local", "some"], "'some' says not what stays"),
        (["dir", "s3://bucket"], "s3://bucket is no folder"),
        (["s3"], "no bucket was named"),
        (["s3", "ftp://host/x"], "'ftp://host/x' is no URL of a bucket"),
        (["s3", "s3:///x"], "'s3:///x' is no URL of a bucket"),
    ],
)
def test_words_that_do_not_fit(flor: Flor, words: list[str], said: str) -> None:
    done = flor("spool", *words)

    assert done.exit_code == 2
    assert said in done.stderr


def test_a_folder_whose_parent_is_not_there_is_not_made(
    flor: Flor, home: Home, tmp_path: Path
) -> None:
    add_run(home)

    done = flor("spool", "dir", str(tmp_path / "mnt" / "runs"))

    assert done.exit_code == 3
    assert "is the disk mounted?" in done.stderr
    assert not (tmp_path / "mnt").exists()


def test_a_folder_that_is_not_ours_is_told(flor: Flor, home: Home, tmp_path: Path) -> None:
    add_run(home)
    (tmp_path / "file").write_text("in the way")

    done = flor("spool", "dir", str(tmp_path / "file"))

    assert done.exit_code == 1
    assert f"error: {tmp_path / 'file'} cannot be used" in done.stderr


def test_a_spool_file_of_tomorrow_is_refused(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    layout.spool_file.write_text('{"format": 9, "copies": []}')

    done = flor("spool", "dir", str(disk))

    assert done.exit_code == 5
    assert "was written in format 9; this flor reads 1" in done.stderr


def test_the_journal_grows_and_the_manifest_follows(flor: Flor, home: Home, disk: Path) -> None:
    layout = add_run(home)
    send(flor, disk, "--keep-local", "last:1")
    append_journal(
        layout.journal(0, 100),
        [{"kind": "dropped", "file": "checkpoints/000002.000000.safetensors"}],
    )

    send(flor, disk)

    copy = read_spooled(layout.spool_file).copies[0]
    assert (copy.number, len(copy.manifest.checkpoints)) == (2, 10)


def test_a_run_that_is_removed_stays_where_it_was_spooled_to(
    flor: Flor, home: Home, disk: Path
) -> None:
    add_run(home)
    flor("log", "note", "linear@1", "to be kept")
    (sent,) = send(flor, disk)["runs"]

    removed = flor("log", "rm", "linear@1", "--yes", "--force")

    assert sent["files"] == 1 + 1 + 1 + 11  # the note among them
    assert f"flor: linear@1 stays in {disk}\n" in removed.stderr
    assert (disk / "runs/linear" / sent["run"] / "000001.json").exists()
