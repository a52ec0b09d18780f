"""Journals digested ahead, by other processes: the catalog says the same, whatever happens to those."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from florctl.orchestrate.answers import ahead as ahead_module
from florctl.orchestrate.answers import digester as digester_module
from florctl.orchestrate.answers.digester import Digester
from florctl.orchestrate.answers.harvest import Harvest, harvest, rebuild
from florlib.ground.layout import HomeLayout, names_in
from tests.homes import BOOT, END, HOST, NOW, Home, append_journal, log, training, write_journal

PRESENT: dict[str, Any] = {"now": NOW, "boot": BOOT, "host": HOST}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Runs, some with replays, that differ."""
    home = Home(tmp_path / "home")
    for number in range(12):
        loops = training(epochs=2 + number % 3, steps=1 + number % 4)
        layout = home.run(f"{number:06x}", ordinal=number + 1, records=loops)
        if number % 3 == 0:
            again = [log([], ("seed", number)), *loops[2:]]
            home.replay(layout, "b00001", again, {"status": "verified"})
    return home


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Digester]]:
    """Three cores, and however little there is counts as much; the processes that were started."""
    started: list[Digester] = []

    class Noted(Digester):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(ahead_module, "MUCH_BYTES", 1)
    monkeypatch.setattr(ahead_module, "_usable_cores", lambda: 3)
    monkeypatch.setattr(digester_module, "Digester", Noted)
    yield started
    assert [one for one in started if one._process.poll() is None] == []


def tables(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the catalog, but for when it was made."""
    with closing(sqlite3.connect(HomeLayout(home.path).catalog)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        return {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608  # our names
            for (name,) in [*names]
            if not name.startswith(("sqlite_", "_sqlite_"))
        }


def alone(home: Home) -> tuple[Harvest, dict[str, list[tuple[Any, ...]]]]:
    """What a first harvest without other processes comes to; there is no catalog then."""
    forget(home)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ahead_module, "_usable_cores", lambda: 1)
        done = harvest(home.path, **PRESENT)
    found = tables(home)
    forget(home)
    return done, found


def forget(home: Home) -> None:
    for path in home.path.glob("catalog.db*"):
        path.unlink()


def test_the_catalog_is_as_without(home: Home, started: list[Digester]):
    expected = alone(home)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected
    assert len(started) == 3


def test_what_they_digest_is_what_is_taken_in(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch
):
    def read_here(*_: Any, **__: Any) -> None:
        raise AssertionError("read by the harvest itself")

    expected = alone(home)
    monkeypatch.setattr("florctl.orchestrate.answers.intake.read_piece", read_here)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected


def test_a_journal_of_several_pieces(home: Home, started: list[Digester]):
    layout = home.run("ffffff", ordinal=99)
    rows = [("a rather long name of a value", number / 7) for number in range(1000)]
    write_journal(
        layout.journal(1, 101),
        [*training()[:1], *[log([["epoch", index]], *rows) for index in range(120)], END],
    )
    assert layout.journal(1, 101).stat().st_size > 5 << 20
    expected = alone(home)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected
    assert started


def test_little_to_read_starts_none(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ahead_module, "_usable_cores", lambda: 3)
    monkeypatch.setattr(digester_module, "Digester", lambda: pytest.fail("started"))

    assert harvest(home.path, **PRESENT).journals == 16


@pytest.mark.parametrize("most", [0, 1])
def test_where_no_process_can_be_had(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch, most: int
):
    expected, popen, asked = alone(home), subprocess.Popen, []

    def refuse(*words: Any, **options: Any) -> Any:
        asked.append(1)
        if len(asked) > most:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return popen(*words, **options)

    monkeypatch.setattr(subprocess, "Popen", refuse)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected
    assert (len(asked), len(started)) == (most + 1, most)


def test_what_is_known_is_not_read_again(home: Home, started: list[Digester]):
    harvest(home.path, **PRESENT)
    started.clear()

    assert harvest(home.path, **PRESENT).journals == 0
    assert started == []


def test_a_catalog_made_anew(home: Home, started: list[Digester]):
    done, before = harvest(home.path, **PRESENT), tables(home)

    assert rebuild(home.path, **PRESENT) == done
    assert {name: len(rows) for name, rows in tables(home).items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert len(started) == 6


def test_what_cannot_be_read_is_told_as_without(home: Home, started: list[Digester]):
    first, second, third, *_ = HomeLayout(home.path).runs()
    first.journal(1, 101).write_bytes(b"no journal at all")
    write_journal(second.journal(1, 101), [END])
    third.journal(1, 101).symlink_to("nowhere")
    expected = alone(home)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected
    assert len(expected[0].problems) == 3


def test_a_folder_that_cannot_be_looked_into_is_no_other_journals_fault(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch
):
    expected, gone = alone(home), str(HomeLayout(home.path).runs()[3].folder)

    def looked_into(folder: str) -> list[str]:
        return [] if folder == gone else names_in(folder)

    monkeypatch.setattr(ahead_module, "names_in", looked_into)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected


@pytest.mark.parametrize("after", [0, 1, 5])
def test_processes_that_are_killed(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch, after: int
):
    expected = alone(home)

    def kill() -> None:
        for one in started:
            os.kill(one._process.pid, signal.SIGKILL)
            one._process.wait()

    before_journal(monkeypatch, after, kill)

    assert (harvest(home.path, **PRESENT), tables(home)) == expected


def test_a_journal_that_grows_meanwhile(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch
):
    last = HomeLayout(home.path).runs()[-1].journals()[0]

    def grow() -> None:
        time.sleep(0.5)  # until what stands in line has been digested
        append_journal(last, [log([], ("late", 1.5))])

    before_journal(monkeypatch, 14, grow)
    done = harvest(home.path, **PRESENT)

    expected = alone(home)
    assert done.values == expected[0].values
    assert any("1.5" in row for row in expected[1]["log"])


def test_a_harvest_that_ends_early_ends_them(
    home: Home, started: list[Digester], monkeypatch: pytest.MonkeyPatch
):
    def interrupt() -> None:
        raise KeyboardInterrupt

    before_journal(monkeypatch, 3, interrupt)

    with pytest.raises(KeyboardInterrupt):
        harvest(home.path, **PRESENT)

    assert len(started) == 3  # and the fixture sees that they have ended


def test_one_whose_harvest_was_killed_ends():
    digester = Digester()

    digester._talk.close()

    assert digester._process.wait(timeout=60) == 0


def before_journal(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Have something happen before the journal of this number is come to."""
    come_to, pieces = [0], ahead_module.Ahead.pieces

    def noted(self: Any, *where: Any) -> Any:
        if come_to[0] == number:
            act()
        come_to[0] += 1
        return pieces(self, *where)

    monkeypatch.setattr(ahead_module.Ahead, "pieces", noted)
