"""`flor store`: what takes room, what a sweep deletes and leaves alone, pins, and damage."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from florctl.cli.app import app
from florctl.orchestrate.answers.processes import boot_id
from florlib.ground.layout import RunLayout
from florlib.stores.checkpoints import Buffer, contents_of, publish
from florlib.stores.journal import read_journal
from tests.homes import (
    END,
    NOW,
    Home,
    append_journal,
    checkpoint,
    enter,
    exit_,
    iteration,
    write_journal,
)

Flor = Callable[..., Any]
TURNS = 10


@pytest.fixture
def flor(flor_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flor:
    """The command line in this process."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def home(flor_home: Path) -> Home:
    return Home(flor_home)


def add_run(
    home: Home, token: str = "aaaaaa", *, minutes_ago: int = 60, **changes: Any
) -> RunLayout:
    """A run of ten iterations of two seconds, with a checkpoint at each boundary."""
    records = [enter([], "epoch", "main")]
    for index in range(TURNS + 1):
        records.append(checkpoint(index, at_s=2.0 * index, turn_s=2.0 * index))
        records += [iteration(index)] if index < TURNS else []
    records += [exit_([], "epoch", TURNS, "main"), END]
    layout = home.run(token, records=records, minutes_ago=minutes_ago, **changes)
    layout.checkpoints.mkdir()
    for index in range(TURNS + 1):
        content = bytes([index]) * 5000
        publish(layout.checkpoints / f"{index:06d}.000000.safetensors", index, [buffer(content)])
    return layout


def buffer(content: bytes) -> Buffer:
    return Buffer("w", "uint8", (len(content),), content)


def indices(layout: RunLayout) -> list[int]:
    return sorted(int(path.name[:6]) for path in layout.checkpoints.glob("*.safetensors"))


def size_of(layout: RunLayout) -> int:
    return (layout.checkpoints / "000000.000000.safetensors").stat().st_size


def answer(flor: Flor, *words: str, status: int = 0) -> Any:
    done = flor("store", *words, "--json")
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


# ------------------------------------------------------------------ usage


def test_usage_of_runs_and_of_what_they_share(flor: Flor, home: Home) -> None:
    first, second = add_run(home), add_run(home, "bbbbbb", minutes_ago=30, ordinal=2)
    replay = home.replay(first, "r00001", [END], {"status": "verified"})
    replay.work.mkdir()
    (replay.work / "out.bin").write_bytes(bytes(1000))
    (replay.work / "linked").symlink_to(home.path)
    (home.path / ".cache/exports/a").mkdir(parents=True)
    (home.path / ".cache/exports/a/x.py").write_bytes(bytes(77))

    found = answer(flor, "usage")

    assert [run["run"] for run in found["runs"]] == [second.run, first.run]
    one = found["runs"][1]
    assert (one["checkpoints"], one["checkpoint_bytes"]) == (11, 11 * size_of(first))
    assert one["journal_bytes"] == first.journal(0, 100).stat().st_size
    assert 1000 < one["replay_bytes"] < 3000
    assert one["bytes"] == one["checkpoint_bytes"] + one["journal_bytes"] + one["replay_bytes"]
    assert found["checkpoint_bytes"] == 22 * size_of(first)
    assert (found["exports_bytes"], found["catalog_bytes"] > 0) == (77, True)


def test_usage_as_a_table_and_in_plain_lines(flor: Flor, home: Home) -> None:
    layout = add_run(home)

    table, plain = flor("store", "usage"), flor("store", "usage", "linear", "--plain")

    assert table.stdout.splitlines()[1].startswith("linear@1  aaaaaa  done")
    assert plain.stdout.split("\t")[:5] == [layout.run, "linear", "1", "done", "11"]


# ------------------------------------------------------------------ sweep


def test_a_sweep_shows_what_would_go_and_touches_nothing(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    before = layout.journal(0, 100).read_bytes()

    found = answer(flor, "sweep", "--max", str(8 * size_of(layout)))
    shown = flor("store", "sweep", "--max", str(8 * size_of(layout)))

    assert (found["done"], len(found["deletions"])) == (False, 3)
    assert found["bytes"] == 3 * size_of(layout)
    assert found["kept_bytes"] == 8 * size_of(layout)
    assert {one["longer_s"] for one in found["deletions"]} == {2.0}
    assert "+2.0 s" in shown.stdout
    assert shown.stderr.splitlines()[-1] == "hint: the same command with --yes does it"
    assert (len(indices(layout)), layout.journal(0, 100).read_bytes()) == (11, before)


def test_a_sweep_deletes_and_tells_the_journal_and_the_catalog(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    answer(flor, "usage")  # the catalog knows the run, and takes it for settled

    found = answer(flor, "sweep", "--max", str(5 * size_of(layout)), "--yes")

    assert found["done"] is True
    assert len(indices(layout)) == 5
    assert {0, 9, 10} < set(indices(layout))
    dropped = [
        one["file"]
        for one in read_journal(layout.journal(0, 100)).records
        if one["kind"] == "dropped"
    ]
    assert sorted(dropped) == sorted(one["file"] for one in found["deletions"])
    show = json.loads(flor("log", "show", "linear", "--json").stdout)
    assert (len(show["checkpoints"]), show["dropped_checkpoints"]) == (5, 6)
    assert show["overhead"]["stall_s"] == pytest.approx(0.11)  # it was spent, whatever became of it
    (listed,) = json.loads(flor("log", "list", "--json").stdout)
    assert listed["checkpoints"] == 5
    assert answer(flor, "sweep", "--max", str(5 * size_of(layout)))["deletions"] == []
    assert answer(flor, "verify")["faults"] == []


def test_limits_for_each_run_and_settings(
    flor: Flor, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = add_run(home), add_run(home, "bbbbbb", minutes_ago=30, ordinal=2)
    size = size_of(first)
    monkeypatch.setenv("FLOR_CKPT_MAX", str(7 * size))
    monkeypatch.setenv("FLOR_CKPT_MAX_HOME", str(12 * size))

    by_settings = answer(flor, "sweep")
    one_run = answer(flor, "sweep", "linear@1")
    by_words = answer(flor, "sweep", "--max-run", str(10 * size), "--max", "none")

    assert by_settings["kept_bytes"] == 12 * size
    assert {one["run"] for one in one_run["deletions"]} == {first.run}
    assert one_run["kept_bytes"] == 7 * size
    assert by_words["kept_bytes"] == 20 * size


def test_of_two_equal_runs_the_older_one_gives_more(flor: Flor, home: Home) -> None:
    first, second = add_run(home), add_run(home, "bbbbbb", minutes_ago=30, ordinal=2)

    answer(flor, "sweep", "--max", str(16 * size_of(first)), "--yes")

    assert len(indices(first)) < len(indices(second))


def test_of_each_name_the_newest_runs_are_kept_whole(flor: Flor, home: Home) -> None:
    old, new = add_run(home), add_run(home, "bbbbbb", minutes_ago=30, ordinal=2)
    other = add_run(home, "cccccc", minutes_ago=90, name="cnn")

    answer(flor, "sweep", "--keep-runs", "1", "--yes")

    assert indices(old) == [0, 9, 10]
    assert (len(indices(new)), len(indices(other))) == (11, 11)


def test_ranks_keep_the_same_positions(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    first = read_journal(layout.journal(0, 100)).records
    others = layout.checkpoints / "1.101"
    others.mkdir()
    for path in layout.checkpoints.glob("*.safetensors"):
        (others / path.name).write_bytes(path.read_bytes())
    second = [{**first[0], "rank": 1, "pid": 101}, *map(_of_another_rank, first[1:])]
    write_journal(layout.journal(1, 101), second)

    found = answer(flor, "sweep", "--max", str(10 * size_of(layout)), "--yes")

    kept = [
        sorted(int(path.name[:6]) for path in folder.glob("*.safetensors"))
        for folder in (layout.checkpoints, others)
    ]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 5
    assert found["kept_bytes"] == 10 * size_of(layout)
    assert {round(one["longer_s"]) for one in found["deletions"]} == {2, 4}


def _of_another_rank(record: dict[str, Any]) -> dict[str, Any]:
    """A record as another process has it, whose clock is another."""
    if record["kind"] != "checkpoint":
        return record
    at_s = record["at_s"] + 0.3 * (record["index"] % 3)
    file = record["file"].replace("/", "/1.101/")
    return {**record, "file": file, "at_s": at_s, "turn_s": at_s}


def test_what_has_to_stay_is_told_where_it_is_too_much(flor: Flor, home: Home) -> None:
    layout = add_run(home)

    done = flor("store", "sweep", "--max", "10", "--max-run", "20", "--yes")

    assert done.exit_code == 0
    assert indices(layout) == [0, 9, 10]
    assert f"warning: what has to stay of linear@1 takes {3 * size_of(layout)} bytes" in done.stderr
    assert "and 10 were allowed" in done.stderr


def test_what_later_checkpoints_refer_to_stays_as_long_as_they_do(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    path = layout.checkpoints / "000004.000000.safetensors"
    for index in (9, 10):
        publish(
            layout.checkpoints / f"{index:06d}.000000.safetensors",
            index,
            [buffer(bytes([4]) * 5000)],
            refer=lambda keys: contents_of(path),
        )

    answer(flor, "sweep", "--max", "1", "--yes")

    assert indices(layout) == [0, 4, 9, 10]
    assert answer(flor, "verify")["faults"] == []


def test_runs_that_go_on_are_left_alone(flor: Flor, home: Home) -> None:
    here = {"host": platform.node(), "boot": boot_id(), "pid": os.getpid(), "pid_start": ""}
    running = add_run(home, ended=None, exit_status=None, **here)
    journal = running.journal(0, 100)
    records = [one for one in read_journal(journal).records if one["kind"] != "end"]
    write_journal(journal, records)

    found = answer(flor, "sweep", "--max", "1", "--yes")

    assert found["left_alone"] == [{"run": running.run, "reason": "is being recorded"}]
    assert len(indices(running)) == 11


@pytest.mark.parametrize(("age_s", "left"), [(1, 11), (3600, 3)])
def test_a_process_that_outlived_its_run_is_left_alone_while_it_writes(
    flor: Flor, home: Home, age_s: int, left: int
) -> None:
    layout = add_run(home)
    journal = layout.journal(0, 100)
    write_journal(journal, [one for one in read_journal(journal).records if one["kind"] != "end"])
    written = (datetime.now(timezone.utc) - timedelta(seconds=age_s)).timestamp()
    os.utime(journal, (written, written))

    answer(flor, "sweep", "--max", "1", "--yes")

    assert len(indices(layout)) == left


def test_a_run_that_is_being_replayed_is_left_alone(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    replay = home.replay(layout, "r00001", [])

    fresh = answer(flor, "sweep", "--max", "1")
    for path in (replay.journal(0, 200), replay.folder):
        os.utime(path, (NOW.timestamp() - 9999,) * 2)
    stale = answer(flor, "sweep", "--max", "1")

    assert [one["reason"] for one in fresh["left_alone"]] == ["is being replayed"]
    assert (stale["left_alone"], len(stale["deletions"])) == ([], 8)


def test_a_damaged_journal_is_not_written_to(flor: Flor, home: Home) -> None:
    damaged, good = add_run(home), add_run(home, "bbbbbb", ordinal=2, minutes_ago=30)
    journal = damaged.journal(0, 100)
    whole = journal.stat().st_size
    append_journal(journal, [END, END])
    content = bytearray(journal.read_bytes())
    content[whole + 10] ^= 1
    journal.write_bytes(content)

    done = flor("store", "sweep", "--keep-runs", "0", "--yes")

    assert done.exit_code == 7
    assert "warning: not everything of linear@1 was deleted (" in done.stderr
    assert journal.read_bytes() == bytes(content)
    assert (len(indices(damaged)), len(indices(good))) == (11, 3)


def test_a_journal_that_cannot_be_read_is_told(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    answer(flor, "usage")
    layout.journal(0, 100).write_bytes(b"no journal at all")

    found = answer(flor, "sweep", "--max", "1")

    (left,) = found["left_alone"]
    assert "is not a flor journal" in left["reason"]
    assert found["kept_bytes"] == 11 * 4096  # what the catalog has of it


def test_leftovers(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    others = layout.checkpoints / "1.77"
    others.mkdir()
    dead = 4194304 + 17  # beyond the highest pid of Linux
    for folder in (layout.folder, layout.checkpoints, others):
        (folder / f".x.{dead}.tmp").write_bytes(bytes(10))
    (layout.checkpoints / f".y.{os.getpid()}.tmp").write_bytes(bytes(10))
    append_journal(layout.journal(0, 100), [{"kind": "dropped", "file": checkpoint(5)["file"]}])
    replay = home.replay(layout, "r00001", [END], {"status": "verified"})
    for folder in (replay.work, replay.of_worker(3).work):
        folder.mkdir()
        (folder / "out.txt").write_text("0123456789")

    without = answer(flor, "sweep")
    found = answer(flor, "sweep", "--replays", "--yes")

    assert [one["what"] for one in without["leftovers"]] == ["dropped", *["unfinished"] * 3]
    assert [one["what"] for one in found["leftovers"]][-2:] == ["replay", "replay"]
    assert found["leftovers"][-1]["file"].startswith("replays/")
    assert not list(layout.folder.rglob(f".x.{dead}.tmp"))
    assert (layout.checkpoints / f".y.{os.getpid()}.tmp").exists()
    assert 5 not in indices(layout)
    assert not replay.work.exists()
    assert replay.journal(0, 200).exists()
    assert answer(flor, "sweep", "--replays")["leftovers"] == []


def test_records_of_before_have_the_times_of_their_iterations(flor: Flor, home: Home) -> None:
    steps = [checkpoint(n, role="step", step=1, file=f"checkpoints/s{n}") for n in range(2)]
    blocks = [checkpoint(n, role="block", block=0, file=f"checkpoints/b{n}") for n in range(2)]
    rows = [checkpoint(0), steps[0], blocks[0], iteration(0, 7.0), checkpoint(1)]
    rows += [steps[1], blocks[1], iteration(1, 9.0), checkpoint(2), END]
    layout = home.run(records=[enter([], "epoch", "main"), *rows])
    layout.checkpoints.mkdir()
    for one in rows:
        if one["kind"] == "checkpoint":
            publish(layout.folder / one["file"], None, [buffer(bytes(100))])

    found = answer(flor, "sweep", "--max", "1")

    longer = {one["file"]: one["longer_s"] for one in found["deletions"]}
    assert longer["checkpoints/b0"] == 7.0
    assert set(longer) == {
        "checkpoints/b0",
        "checkpoints/s0",
        "checkpoints/s1",
        checkpoint(1)["file"],
    }


# ------------------------------------------------------------------ pins


def test_a_pinned_run_is_never_swept(flor: Flor, home: Home) -> None:
    pinned, other = add_run(home), add_run(home, "bbbbbb", minutes_ago=30, ordinal=2)

    said = flor("store", "pin", "linear@1")
    answer(flor, "sweep", "--max", "1", "--yes")
    usage = {run["run"]: run["pinned"] for run in answer(flor, "usage")["runs"]}

    assert said.stderr == "flor: linear@1 is pinned\n"
    assert (len(indices(pinned)), len(indices(other))) == (11, 3)
    assert usage == {pinned.run: "run", other.run: ""}


def test_a_pinned_checkpoint_survives_a_rebuild_and_a_sweep(flor: Flor, home: Home) -> None:
    layout = add_run(home)

    flor("store", "pin", "linear", "--at", "epoch=4")
    flor("store", "pin", "linear", "--at", "epoch=6")
    flor("store", "unpin", "linear", "--at", "epoch=6")
    assert flor("store", "rebuild").exit_code == 0
    answer(flor, "sweep", "--max", "1", "--yes")

    assert indices(layout) == [0, 4, 9, 10]
    assert answer(flor, "usage")["runs"][0]["pinned"] == "some"
    flor("store", "unpin", "linear")
    assert not layout.pins_file.exists()


@pytest.mark.parametrize(
    ("at", "status", "message", "hint"),
    [
        ("epoch", 2, "'epoch' is no position", "flor store pin @ --at epoch=5"),
        (
            "epoch=99",
            5,
            "linear@1 has no checkpoint at epoch 99; the one before is at epoch 10",
            "--at epoch=10",
        ),
        ("epoch=2,step=1", 5, "the one before is at epoch 2", "--at epoch=2"),
    ],
)
def test_what_cannot_be_pinned(
    flor: Flor, home: Home, at: str, status: int, message: str, hint: str
) -> None:
    layout = add_run(home)

    done = flor("store", "pin", "linear", "--at", at)

    assert done.exit_code == status
    assert message in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1].endswith(hint)
    assert not layout.pins_file.exists()


def test_a_run_without_checkpoints_has_none_to_pin(flor: Flor, home: Home) -> None:
    home.run(records=[END])

    done = flor("store", "pin", "linear", "--at", "epoch=1")

    assert (done.exit_code, done.stderr.splitlines()[0]) == (
        5,
        "error: linear@1 has no checkpoint at epoch 1",
    )


# ------------------------------------------------------------------ verify


def test_damage_is_named_and_ends_with_5(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    answer(flor, "sweep", "--max", str(8 * size_of(layout)), "--yes")
    kept = indices(layout)
    path = layout.checkpoints / f"{kept[2]:06d}.000000.safetensors"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    (layout.checkpoints / f"{kept[3]:06d}.000000.safetensors").unlink()

    found = answer(flor, "verify", "linear", status=5)

    assert (found["checkpoints"], found["tensors"]) == (8, 6)
    assert {(one["file"][12:18], one["code"]) for one in found["faults"]} == {
        (f"{kept[2]:06d}", "checkpoint-damaged"),
        (f"{kept[3]:06d}", "checkpoint-missing"),
    }
    assert "8 checkpoints read" in flor("store", "verify").stderr


def test_a_journal_that_is_none_is_named(flor: Flor, home: Home) -> None:
    layout = add_run(home)
    answer(flor, "usage")
    layout.journal(0, 100).write_bytes(b"no journal at all")

    (fault,) = answer(flor, "verify", status=5)["faults"]

    assert fault["code"] == "journal-damaged"
