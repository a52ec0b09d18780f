"""Harvest: once or often, whole or cut, alone or beside others, the catalog says what files say."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from florctl.orchestrate.answers.asking import Answer, ask
from florctl.orchestrate.answers.harvest import Harvest, harvest, rebuild
from florctl.orchestrate.answers.processes import boot_id, process_start
from florlib.ground.errors import FormatTooNew, HomeNotWritable
from florlib.ground.journal_format import PREAMBLE, encode_frame
from florlib.ground.layout import HomeLayout
from florlib.stores.catalog.schema import VIEWS
from tests.homes import (
    BOOT,
    END,
    HINDSIGHT,
    HOST,
    LATER,
    NOW,
    VOLATILE,
    Home,
    append_journal,
    checkpoint,
    enter,
    exit_,
    iteration,
    log,
    process,
    training,
    write_journal,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def gather(home: Home, **changes: object) -> Harvest:
    return harvest(home.path, **{"now": NOW, "boot": BOOT, "host": HOST, **changes})


def rows(home: Home, sql: str) -> list[tuple[object, ...]]:
    answer: Answer = ask(sql, home.path)
    return answer.rows


def whole(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """The content of every table, but for marks of the harvest itself."""
    with closing(sqlite3.connect(HomeLayout(home.path).catalog)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "harvested" and not name.startswith(("sqlite_", "_sqlite_"))
        ]
        return {name: everything_in(connection, name) for name in tables}


def everything_in(connection: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608  # our own names


def views(home: Home) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(HomeLayout(home.path).catalog)) as connection:
        return [sorted(everything_in(connection, view), key=repr) for view in VIEWS]


def status(home: Home) -> tuple[object, ...]:
    return rows(home, "SELECT status, exit_status, signal FROM runs")[0]


def test_a_run_becomes_rows(home: Home):
    home.run(records=training(epochs=3))

    done = gather(home)

    assert (done.looked, done.journals, done.values, done.problems) == (1, 1, 10, [])
    assert rows(home, "SELECT name, status, iterations, checkpoints, bytes, seconds FROM runs") == [
        ("linear", "done", 3, 3, 3 * 4096, 90.0)
    ]
    assert rows(home, "SELECT round(overhead, 6) FROM runs") == [(0.005,)]
    assert rows(home, "SELECT name, value, source FROM args") == [("lr", "0.1", "argparse")]
    assert rows(home, "SELECT name, kind, iterations FROM loops ORDER BY 2") == [
        ("epoch", "main", 3),
        ("step", "nested", 6),
    ]
    assert rows(home, "SELECT iteration, step, number, path, line FROM logs WHERE name = 'loss'")[
        -1
    ] == (2, 1, pytest.approx(1 / 6), "train.py", 7)
    assert rows(home, "SELECT branch, dirty FROM versions") == [("main", 2)]


def test_harvesting_twice_equals_once(home: Home):
    layout = home.run(records=training())
    home.replay(layout, "b00001", training(), {"status": "verified", "seconds": 1.5})
    gather(home)
    once = whole(home)

    again = gather(home)

    assert whole(home) == once
    assert (again.journals, again.values) == (0, 0)


def test_a_quiet_run_is_not_looked_at_again(home: Home):
    layout = home.run(records=training())
    gather(home, now=LATER)

    assert gather(home, now=LATER).looked == 0

    home.replay(layout, "b00001", [], {"status": "verified"})
    assert gather(home, now=LATER).looked == 1
    assert rows(home, "SELECT status FROM replays") == [("verified",)]


def test_a_growing_journal_is_read_from_where_it_ended(home: Home):
    layout = home.run(records=[], ended=None, exit_status=None)
    journal = layout.journal(0, 100)
    records = [process(run=layout.run), *training(epochs=3)]
    journal.write_bytes(PREAMBLE)
    taken = 0
    for record in records:
        append_journal(journal, [record])
        taken += gather(home).values
    piecewise = rows(home, "SELECT position, name, occurrence, value, seq FROM logs ORDER BY seq")

    rebuild(home.path, now=NOW, boot=BOOT, host=HOST)

    assert taken == 10
    assert rows(home, "SELECT position, name, occurrence, value, seq FROM logs ORDER BY seq") == (
        piecewise
    )


@pytest.mark.parametrize("cut", [1, 7, 40, 300, 600])
def test_a_cut_journal_gives_its_whole_records(home: Home, cut: int):
    layout = home.run(records=training(), ended=None, exit_status=None)
    journal = layout.journal(0, 100)
    content = journal.read_bytes()
    journal.write_bytes(content[:-cut])
    assert gather(home).problems == []
    before = rows(home, "SELECT count(*) FROM logs")[0][0]

    journal.write_bytes(content)
    gather(home)

    assert before <= rows(home, "SELECT count(*) FROM logs")[0][0] == 7


def test_a_journal_that_became_shorter_is_read_anew(home: Home):
    layout = home.run(records=training(epochs=3))
    gather(home)
    write_journal(layout.journal(0, 100), [process(run=layout.run), *training(epochs=1)])

    gather(home)

    assert rows(home, "SELECT count(*) FROM logs") == [(4,)]


def test_two_harvests_at_once_take_in_each_value_once(home: Home):
    for number in range(6):
        home.run(f"{number:06d}", ordinal=number + 1, records=training(epochs=4))

    with ThreadPoolExecutor(4) as pool:
        done = [one.result() for one in [pool.submit(gather, home) for _ in range(4)]]

    assert sum(one.values for one in done) == 6 * 13
    assert rows(home, "SELECT count(*) FROM logs") == [(6 * 13,)]


@pytest.mark.process
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_processes_that_harvest_at_once_take_nothing_in_twice(home: Home, mode: str):
    for number in range(16):
        layout = home.run(f"{number:06d}", ordinal=number + 1, records=training(2, 30))
        home.replay(layout, "b00001", training(2, 30), {"status": "verified"})
    code = f"""if True:
        import datetime, pathlib
        from florctl.orchestrate.answers.harvest import harvest
        from florlib.stores.catalog import batches, connection
        batches.SHARED_S = 0.001
        connection.file_system = lambda folder: {"" if mode == "wal" else "nfs"!r}
        now = datetime.datetime.now(datetime.timezone.utc)
        done = harvest(pathlib.Path({str(home.path)!r}), now=now, boot={BOOT!r}, host={HOST!r})
        assert not done.problems, done.problems
        print(done.values)
    """
    words = [sys.executable, "-c", code]

    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [child.communicate(timeout=60)[0] for child in children]

    assert [child.returncode for child in children] == [0, 0, 0]
    assert sum(map(int, told)) == 16 * 2 * 63
    assert rows(home, "SELECT count(*), sum(verified) FROM logs") == [(16 * 63, 16 * 63)]
    together = views(home)
    rebuild(home.path, now=NOW, boot=BOOT, host=HOST)
    assert views(home) == together


@pytest.mark.process
def test_a_killed_harvest_leaves_a_catalog_that_the_next_one_completes(home: Home):
    for number in range(3):
        home.run(f"{number:06d}", ordinal=number + 1, records=training())
    code = f"""if True:
        import os, pathlib, datetime
        from florctl.orchestrate.answers import harvest
        from florlib.stores.catalog import batches, runs
        batches.SHARED_S = -1.0  # a transaction for each piece
        calls = []
        def killed(connection, run, count=runs.add_up):
            calls.append(run)
            if len(calls) == 2:
                os.kill(os.getpid(), 9)
            count(connection, run)
        runs.add_up = killed
        now = datetime.datetime.now(datetime.timezone.utc)
        harvest.harvest(pathlib.Path({str(home.path)!r}), now=now, boot="", host="")
    """

    child = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    assert child.returncode == -9
    assert rows(home, "SELECT count(*) FROM logs") == [(7,)]
    gather(home)
    assert rows(home, "SELECT count(*) FROM logs") == [(21,)]
    assert rows(home, "SELECT DISTINCT iterations, checkpoints FROM runs") == [(2, 2)]


def test_a_large_journal_goes_in_piece_by_piece_as_it_would_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    layout = home.run(records=training(epochs=5, steps=7))
    again = [log([], ("lr", 0.1)), *training(epochs=5, steps=7)[2:]]
    home.replay(layout, "b00001", again, {"status": "verified"})
    gather(home)
    at_once = views(home)

    monkeypatch.setattr("florctl.orchestrate.answers.pieces.PIECE_BYTES", 500)
    monkeypatch.setattr("florlib.stores.journal.CHUNK_BYTES", 300)
    done = rebuild(home.path, now=NOW, boot=BOOT, host=HOST)

    assert (done.journals, done.values) == (2, 2 * (1 + 5 * 8))
    assert views(home) == at_once
    assert rows(home, "SELECT count(*) FROM block") > [(10,)]


def test_a_deleted_run_is_forgotten(home: Home):
    gone = home.run("aaaaaa", records=training())
    home.run("bbbbbb", ordinal=2, records=training())
    gather(home)
    shutil.rmtree(gone.folder)

    gather(home)

    assert rows(home, "SELECT ordinal FROM runs") == [(2,)]
    assert rows(home, "SELECT count(*) FROM logs") == [(7,)]


def test_a_run_in_whose_place_a_file_stands_is_forgotten(home: Home):
    gone = home.run("aaaaaa", records=training())
    home.run("bbbbbb", ordinal=2, records=training())
    gather(home)
    shutil.rmtree(gone.folder)
    gone.folder.write_text("no folder")

    assert list(gather(home).problems) == []

    assert rows(home, "SELECT ordinal FROM runs") == [(2,)]


def test_what_cannot_be_read_is_told_and_the_rest_taken(home: Home):
    broken = home.run("aaaaaa", records=training())
    broken.run_file.write_text("{")
    odd = home.run("bbbbbb", ordinal=2, records=training())
    odd.journal(1, 101).write_bytes(b"no journal at all")
    home.run("cccccc", ordinal=3, records=training())

    done = gather(home)

    assert [str(broken.run_file) in line for line in done.problems] == [True, False]
    assert str(odd.journal(1, 101)) in done.problems[1]
    assert rows(home, "SELECT ordinal FROM runs ORDER BY 1") == [(2,), (3,)]


def test_names_of_files_that_are_no_utf8_are_kept_as_escapes(home: Home):
    files = {"kind": "files", "read": [os.fsdecode(b"x\xe9.txt")], "written": []}
    home.run(records=[files, {"kind": "a kind of the future", "x": 1}])

    assert gather(home).problems == []

    assert rows(home, "SELECT path FROM file") == [("x\\udce9.txt",)]


def test_values_under_a_name_that_is_no_utf8_are_compared(home: Home):
    layout = home.run(records=[log([], ("x\udce9", 1.0))])
    home.replay(layout, "b00001", [log([], ("x\udce9", 1.0))], {"status": "verified"})

    assert gather(home).problems == []

    assert rows(home, "SELECT name, verified FROM logs") == [("x\\udce9", 1)]


def test_rebuilding_gives_the_same_catalog_also_after_damage(home: Home):
    layout = home.run(records=training())
    home.replay(layout, "b00001", [log([["epoch", 0]], ("acc", 0.0))], {"status": "verified"})
    gather(home)
    before = views(home)
    catalog = HomeLayout(home.path).catalog

    for damage in (None, b"this is no database, and long enough to be taken for one" * 100):
        if damage:
            catalog.write_bytes(damage)
        rebuild(home.path, now=NOW, boot=BOOT, host=HOST)

        assert views(home) == before


def test_a_catalog_of_a_newer_flor_is_refused(home: Home):
    home.run()
    gather(home)
    with closing(sqlite3.connect(HomeLayout(home.path).catalog)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(FormatTooNew, match="catalog format 99"):
        gather(home)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(HomeNotWritable):
        gather(Home(tmp_path / "file" / "home"))


# ---------------------------------------------------------------------- how a run stands


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("done", 0, None)),
        ({"exit_status": 3}, ("crashed", 3, None)),
        ({"exit_status": 130, "signal": 2}, ("killed", 130, 2)),
        ({"exit_status": None, "signal": 9}, ("killed", None, 9)),
        ({"ended": None, "exit_status": None}, ("killed", None, None)),
        ({"ended": None, "exit_status": None, "boot": "an earlier boot"}, ("killed", None, None)),
        ({"ended": None, "exit_status": None, "host": "far", "boot": "x"}, ("running", None, None)),
    ],
)
def test_status(home: Home, changes: dict[str, object], expected: tuple[object, ...]):
    home.run(records=training()[:-1], **changes)

    gather(home)

    assert status(home) == expected


def test_a_run_of_this_process_is_running_until_another_process_has_its_id(home: Home):
    unended = {"ended": None, "exit_status": None, "pid": os.getpid()}
    start = process_start(os.getpid())
    home.run("aaaaaa", **unended, pid_start=start)
    home.run("bbbbbb", ordinal=2, **unended, pid_start=f"{start}0")

    gather(home)

    assert rows(home, "SELECT status FROM runs ORDER BY ordinal") == [("running",), ("killed",)]


def test_a_run_on_another_host_that_fell_silent_is_unknown(home: Home):
    home.run(records=training()[:-1], ended=None, exit_status=None, host="far")

    gather(home, now=LATER)

    assert status(home) == ("unknown", None, None)


def test_an_end_record_stands_in_for_the_end_that_run_json_lacks(home: Home):
    end = {"kind": "end", "exit_status": 2, "signal": None, "how": "exception"}
    home.run(records=[*training()[:-1], end], ended=None, exit_status=None, pid=100)

    gather(home)

    assert status(home) == ("crashed", 2, None)


def test_a_killed_run_keeps_the_iterations_that_it_completed(home: Home):
    records = training(epochs=3)
    lost = [one for one in records if one["kind"] not in ("exit", "end")]
    home.run(records=[one for one in lost if one != iteration(1)][:-4], ended=None)

    gather(home)

    assert rows(home, "SELECT status, iterations FROM runs") == [("killed", 2)]


def test_iterations_are_the_most_of_any_rank(home: Home):
    layout = home.run(records=training(epochs=2))
    head = process(run=layout.run, rank=1, pid=101)
    write_journal(layout.journal(1, 101), [head, *training(epochs=3)])

    gather(home)

    assert rows(home, "SELECT iterations FROM runs") == [(3,)]


def test_this_machine_names_its_boot():
    assert boot_id() == boot_id()
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    assert process_start(2**22 + 1) == ""


# ---------------------------------------------------------------------- replays


def test_a_replay_verifies_what_was_recorded_and_adds_what_was_not(home: Home):
    layout = home.run(records=[*training()[:2], log([["epoch", 0]], ("t", 5, VOLATILE)), END])
    again = [
        log([], ("lr", 0.1), ("grad", 7.0, HINDSIGHT)),
        log([["epoch", 0]], ("t", 6, VOLATILE), ("norm", {"$float": "NaN"}, HINDSIGHT)),
    ]
    replay = home.replay(layout, "b00001", again, {"status": "verified", "seconds": 1.5})

    gather(home)

    sql = "SELECT name, value, origin, verified, hindsight FROM logs ORDER BY origin DESC, seq"
    assert rows(home, sql) == [
        ("lr", "0.1", "record", 1, 0),
        ("t", "5", "record", None, 0),
        ("grad", "7.0", replay.replay, None, 1),
        ("norm", '{"$float":"NaN"}', replay.replay, None, 1),
    ]
    assert rows(home, "SELECT replay, status, seconds FROM replays") == [
        (replay.replay, "verified", 1.5)
    ]


def test_new_values_carry_the_marks_of_their_replay_in_whatever_order_files_come(home: Home):
    layout = home.run(records=training())
    new = [log([["epoch", n]], ("norm", n / 2, HINDSIGHT)) for n in range(4)]
    replay = home.replay(layout, "b00001", new[:3])
    gather(home)
    sql = "SELECT value, verified, mark FROM logs WHERE hindsight ORDER BY seq"
    assert rows(home, sql) == [(value, None, "unverified") for value in ("0.0", "0.5", "1.0")]

    marks = {replay.journal(0, 200).name: [[1, "verified"], [2, "unverified"], [4, "diverged"]]}
    replay.report_file.write_text(json.dumps({"status": "diverged", "marks": marks}))
    gather(home)
    append_journal(replay.journal(0, 200), new[3:])
    gather(home, now=LATER)

    expected = [
        ("0.0", 1, "verified"),
        ("0.5", None, "unverified"),
        ("1.0", 0, "diverged"),
        ("1.5", 0, "diverged"),
    ]
    assert rows(home, sql) == expected
    rebuild(home.path, now=LATER, boot=BOOT, host=HOST)
    assert rows(home, sql) == expected


def test_what_a_replay_came_to_is_compared_as_it_was_asked_to_be(home: Home):
    layout = home.run(records=[log([], ("x", 1.0), ("y", 1.0))])
    again = [log([], ("x", 1.0001), ("y", 1.1))]
    replay = home.replay(layout, "b00001", again, {"status": "diverged"})
    replay.plan_file.write_text(json.dumps({"tolerance": 0.01}))

    gather(home)

    sql = "SELECT name, verified FROM logs WHERE origin = 'record' ORDER BY seq"
    assert rows(home, sql) == [("x", 1), ("y", 0)]


def test_values_are_compared_by_their_occurrence_at_a_position_without_hindsight(home: Home):
    here = [["epoch", 0]]
    layout = home.run(records=[log(here, ("x", 1), ("x", 2), ("x", 3), ("stderr", "10 it/s"))])
    probed = [("x", 9, HINDSIGHT), ("x", 1), ("x", 9, HINDSIGHT), ("x", 5), ("x", 3)]
    home.replay(
        layout, "b00001", [log(here, *probed, ("stderr", "11 it/s"))], {"status": "diverged"}
    )

    gather(home)

    assert rows(home, "SELECT value, verified FROM logs WHERE origin = 'record' ORDER BY seq") == [
        ("1", 1),
        ("2", 0),
        ("3", 1),
        ('"10 it/s"', None),
    ]


def test_a_replay_without_a_report_is_running_and_later_killed(home: Home):
    layout = home.run(records=training())
    replay = home.replay(layout, "b00001", [])

    gather(home)
    assert rows(home, "SELECT status FROM replays") == [("running",)]
    gather(home, now=LATER)
    assert rows(home, "SELECT status FROM replays") == [("killed",)]

    replay.report_file.write_text(json.dumps({"status": "partial"}))
    gather(home, now=LATER)
    assert rows(home, "SELECT status FROM replays") == [("partial",)]


def test_a_deleted_replay_is_forgotten(home: Home):
    layout = home.run(records=training())
    replay = home.replay(layout, "b00001", [log([], ("x", 1, HINDSIGHT))], {"status": "verified"})
    gather(home)
    shutil.rmtree(replay.folder)

    gather(home)

    assert rows(home, "SELECT count(*) FROM replays") == [(0,)]
    assert rows(home, "SELECT count(*) FROM logs WHERE name = 'x'") == [(0,)]


def test_what_checkpoints_lack_is_told_once(home: Home):
    missing = [{"name": "it", "reason": "a generator", "file": "train.py", "line": 3}]
    records = [enter([], "epoch", "main"), *(checkpoint(n, missing=missing) for n in range(3))]
    home.run(records=[*records, exit_([], "epoch", 3, "main")])

    gather(home)

    assert rows(home, "SELECT name, reason, path, line FROM missing") == [
        ("it", "a generator", "train.py", 3)
    ]


def test_an_empty_journal_is_no_problem(home: Home):
    layout = home.run()
    layout.journal(0, 100).write_bytes(b"")

    assert gather(home).problems == []

    layout.journal(0, 100).write_bytes(PREAMBLE + encode_frame(process()))
    assert gather(home).journals == 1
