"""While a process records, its checkpoints stay within the limit, and its journal tells what went."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from florlib.ground.layout import RunLayout
from florlib.runtime import guard, keeping
from florlib.runtime.keeping import Keeping
from florlib.stores.pins import write_pins

SIZE = 1000


class Journal:
    """What a session writes, and which files were there when it was on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: list[dict[str, Any]] = []
        self.written: list[dict[str, Any]] = []
        self.there_when_told: list[bool] = []

    def append(self, record: dict[str, Any]) -> None:
        self.waiting.append(record)

    def warn(self, code: str, text: str) -> None:
        self.append({"kind": "warning", "code": code, "text": text})

    def flush(self) -> None:
        dropped = [one["file"] for one in self.waiting if one["kind"] == "dropped"]
        self.there_when_told += [(self.folder / file).exists() for file in dropped]
        self.written += self.waiting
        self.waiting = []


class Recording:
    """A process that publishes checkpoints of equal size."""

    def __init__(self, folder: Path, limit: int | None) -> None:
        self.layout = RunLayout(folder)
        self.layout.checkpoints.mkdir(exist_ok=True)
        self.journal = Journal(folder)
        self.keeping = Keeping(self.journal, self.layout, limit)  # type: ignore[arg-type]

    def publish(self, index: int, late_s: float = 0.0, more: int = 0) -> None:
        about = {"role": "boundary", "main": 0, "index": index}
        moment = self.keeping.moment(about, 50.0 + index + late_s)
        file = f"checkpoints/{index:06d}.000000.safetensors"
        (self.layout.folder / file).write_bytes(b"x" * SIZE)
        self.keeping.published({"file": file, **about, **moment}, SIZE + more, ())

    @property
    def indices(self) -> list[int]:
        return sorted(int(path.name[:6]) for path in self.layout.checkpoints.iterdir())


@pytest.fixture(autouse=True)
def _told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_told", set())
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def test_the_limit_holds_after_each_checkpoint(tmp_path: Path) -> None:
    recording = Recording(tmp_path, 6 * SIZE)

    counts = []
    for index in range(40):
        recording.publish(index)
        counts.append(len(recording.indices))

    assert max(counts) == 6
    assert recording.indices[0] == 0
    assert recording.indices[-2:] == [38, 39]
    told = {one["file"] for one in recording.journal.written if one["kind"] == "dropped"}
    assert len(told) == 34
    assert not any((tmp_path / file).exists() for file in told)


def test_the_journal_tells_before_the_file_goes(tmp_path: Path) -> None:
    recording = Recording(tmp_path, 4 * SIZE)

    for index in range(10):
        recording.publish(index)

    assert recording.journal.there_when_told == [True] * 6


def test_when_an_iteration_began(tmp_path: Path) -> None:
    keeping = Recording(tmp_path, None).keeping

    def moment(role: str, index: int, now: float, main: int = 0) -> tuple[float, float]:
        found = keeping.moment({"role": role, "main": main, "index": index}, now)
        return found["at_s"], found["turn_s"]

    assert moment("boundary", 0, 100.0) == (0.0, 0.0)
    assert moment("block", 0, 108.0) == (8.0, 0.0)
    assert moment("boundary", 1, 110.0) == (10.0, 10.0)
    assert moment("step", 1, 113.0) == (13.0, 10.0)
    assert moment("block", 4, 150.0) == (50.0, 40.0)  # nobody looked at boundaries 2 to 4
    assert moment("boundary", 0, 160.0, main=1) == (60.0, 60.0)


def test_without_a_limit_nothing_goes(tmp_path: Path) -> None:
    recording = Recording(tmp_path, None)

    for index in range(10):
        recording.publish(index)

    assert len(recording.indices) == 10
    assert recording.journal.written == []


def test_there_are_never_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_FILES", 7)
    recording = Recording(tmp_path, 1 << 40)

    for index in range(20):
        recording.publish(index)

    assert len(recording.indices) == 7


def test_ranks_share_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    recording = Recording(tmp_path, 20 * SIZE)

    for index in range(10):
        recording.publish(index)

    assert len(recording.indices) == 4  # of 1,024 bytes each, as far as ranks are concerned


def test_ranks_keep_the_same_although_their_clocks_and_sizes_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    kept = []
    for rank in (0, 1):
        (tmp_path / str(rank)).mkdir()
        recording = Recording(tmp_path / str(rank), 20 * SIZE)
        wobble = random.Random(rank)
        for index in range(200):
            recording.publish(index, late_s=wobble.random(), more=wobble.randrange(9))
        kept.append(recording.indices)

    assert kept[0] == kept[1]
    assert len(kept[0]) == 9  # sizes are rounded up


def test_what_has_to_stay_stays_and_is_told_once(tmp_path: Path) -> None:
    recording = Recording(tmp_path, SIZE)

    for index in range(10):
        recording.publish(index)

    assert recording.indices == [0, 8, 9]
    (warning,) = [
        one
        for one in recording.journal.waiting + recording.journal.written
        if one["kind"] == "warning"
    ]
    assert (warning["code"], warning["text"].split()[-4:]) == (
        "over-limit",
        ["and", "1000", "were", "allowed"],
    )


def test_a_pin_that_comes_meanwhile_holds(tmp_path: Path) -> None:
    recording = Recording(tmp_path, 4 * SIZE)
    for index in range(4):
        recording.publish(index)

    write_pins(
        recording.layout.pins_file, whole=False, files=["checkpoints/000003.000000.safetensors"]
    )
    for index in range(4, 10):
        recording.publish(index)
    pinned = recording.indices
    write_pins(recording.layout.pins_file, whole=True, files=[])
    for index in range(10, 12):
        recording.publish(index)
    whole = recording.indices
    write_pins(recording.layout.pins_file, whole=False, files=[])
    recording.publish(12)

    assert pinned == [0, 3, 8, 9]
    assert whole == [0, 3, 8, 9, 10, 11]
    assert len(recording.indices) == 4


def test_a_file_that_is_gone_already_and_pins_that_cannot_be_read(tmp_path: Path, capsys) -> None:
    recording = Recording(tmp_path, 4 * SIZE)
    for index in range(4):
        recording.publish(index)
    for path in recording.layout.checkpoints.iterdir():
        path.unlink()
    recording.publish(4)
    assert recording.indices == [4]

    recording.layout.pins_file.write_text("[]")
    recording.publish(5)  # nothing is dropped that may be pinned

    assert recording.indices == [4, 5]
    assert len(recording.journal.written) == 1
