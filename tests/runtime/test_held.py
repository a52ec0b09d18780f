"""Tensors of a device are logged as they were, and only the thread that writes them waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from florlib.ground.values import Array, Lost, decode_value
from florlib.runtime import held
from florlib.runtime.histograms import Sample, copied
from florlib.runtime.logbook import BatchEncoder, freeze
from florlib.runtime.project import Project
from florlib.runtime.session import Session
from florlib.runtime.sources import Sources
from florlib.stores.arrays import ArrayWriter
from florlib.stores.journal import JournalWriter, read_journal

NAME = "fake:0"


class Tensor(torch.Tensor):
    """One on the fake device: what is done to it is only queued."""

    @property
    def device(self) -> Any:  # type: ignore[override]
        named = {"type": "fake", "__str__": lambda self: NAME}
        return type("Device", (), named)()

    def detach(self) -> Tensor:
        return self

    def clone(self) -> Tensor:  # type: ignore[override]
        copy = tensor(-1.0, *self.shape)
        DEVICE.queue(lambda: plain(copy).copy_(plain(self)))
        return copy

    def set_later(self, value: float) -> None:
        DEVICE.queue(lambda: plain(self).fill_(value))

    def item(self) -> float:  # type: ignore[override]
        raise AssertionError("the script would wait here")


def tensor(value: float, *shape: int) -> Tensor:
    return torch.full(shape, value).as_subclass(Tensor)


def plain(one: Tensor) -> torch.Tensor:
    return one.as_subclass(torch.Tensor)


class Device:
    """Does nothing before somebody waits for it; from a certain step on, it fails."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], object]] = []
        self.done = 0
        self.fails_at = 1 << 60
        self.fetched: list[int] = []

    def queue(self, step: Callable[[], object]) -> None:
        self.steps.append(step)

    def mark(self) -> int:
        return len(self.steps)

    def fetch(self, one: Tensor, mark: int) -> torch.Tensor:
        while self.done < mark:
            if self.done >= self.fails_at:
                raise RuntimeError("device-side assert triggered")
            self.steps[self.done]()
            self.done += 1
        self.fetched.append(mark)
        return plain(one)


DEVICE = Device()


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    DEVICE.__init__()  # type: ignore[misc]
    monkeypatch.setattr(held, "QUEUES", {"fake": lambda name: DEVICE})
    monkeypatch.setattr(held, "_made", {})
    yield DEVICE


def written(*values: Any) -> list[Any]:
    encoder = BatchEncoder(
        lambda file: file, lambda path, line: False, lambda path, line, name: False
    )
    rows = [((), "x", value, "a.py", 1, 0) for value in values]
    return [(decode_value(row[2]), row[4]) for row in encoder.encode(rows)["rows"]]


def test_nothing_is_waited_for_and_what_comes_later_is_not_seen(device: Device) -> None:
    loss = tensor(1.0)
    loss.set_later(2.0)

    first = freeze(loss)
    loss.set_later(3.0)
    second = freeze({"a": [loss, 5], "b": (loss,)})
    loss.set_later(4.0)

    assert (device.done, device.fetched) == (0, [])
    assert written(first, "between", second) == [
        (2.0, 0),
        ("between", 0),
        ({"a": [3.0, 5], "b": (3.0,)}, 0),
    ]
    assert device.fetched == sorted(device.fetched)
    assert device.done < len(device.steps)  # no more than had to be


def test_tensors_of_any_size_and_histograms(device: Device) -> None:
    weight = tensor(1.5, 2, 2)
    sample = Sample(copied(weight), 1)
    weight.set_later(9.0)

    kept = [freeze(sample), freeze(Sample(copied([weight, 0.0]), 1)), freeze(weight)]
    weight.set_later(7.0)

    assert device.done == 0
    (one, _), (other, _), (array, _) = written(*kept)
    assert (one.edges, one.counts) == ((1.0, 2.0), (4,))
    assert (other.edges, other.counts) == ((0.0, 9.0), (5,))
    assert array == Array("float32", (2, 2), b"\x00\x00\x10A" * 4, "torch")


def test_a_device_that_fails_loses_what_it_had_not_come_to(device: Device) -> None:
    loss = tensor(1.0)
    kept = [freeze(loss), freeze(2.0)]
    device.fails_at = 1
    kept += [freeze(loss), freeze("text")]

    found = written(*kept)

    assert found[0][0] == 1.0 and found[1][0] == 2.0 and found[3][0] == "text"
    assert found[2] == (Lost("RuntimeError: device-side assert triggered"), 2)


def test_where_work_is_only_noted_down_there_is_no_value(device: Device, monkeypatch) -> None:
    def refuse() -> None:
        raise RuntimeError("no value there")

    monkeypatch.setattr(device, "mark", refuse)

    assert written(freeze(tensor(1.0)))[0] == (Lost("RuntimeError: no value there"), 2)


def test_devices_without_a_queue_are_read_when_written() -> None:
    other = SimpleNamespace(device=SimpleNamespace(type="other"))

    assert held.held(other) is other


def test_all_is_there_when_a_session_ends(device: Device, tmp_path: Path) -> None:
    project = Project.at(str(tmp_path))
    session, path = Session(project, Sources(project)), tmp_path / "journal.0.1.flor"
    session.open_journal(JournalWriter(path), ArrayWriter(tmp_path / "arrays"))
    loss, device.fails_at = tensor(0.0), 6
    for turn in range(5):
        session.log("loss", loss, sys._getframe())
        session.log("turn", turn, sys._getframe())
        loss.set_later(turn + 1.0)

    session.close()

    rows = [row for record in read_journal(path).records for row in record["rows"]]
    found = [decode_value(row[2]) for row in rows]
    assert found[1::2] == [0, 1, 2, 3, 4]
    assert found[::2] == [0.0, 1.0, 2.0, *2 * [Lost("RuntimeError: device-side assert triggered")]]
