"""Copies from a device show its memory as it was when they were queued, or are found to be torn."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from florlib.runtime.arena import SMALL_BYTES, Arenas, Snapshot
from florlib.runtime.devices import Copies, Copying, TornSnapshot
from florlib.runtime.graph.memory import Block, Live
from tests.runtime.devices import FakeDevice, Memory, Optimizer, Parameter, copies, remote


class Target:
    """Memory of this process that copies go into."""

    def __init__(self, size: int = 4) -> None:
        self._buffer = ctypes.create_string_buffer(size)
        self.address = ctypes.addressof(self._buffer)

    @property
    def content(self) -> bytes:
        return self._buffer.raw


@pytest.fixture
def parts() -> Iterator[tuple[Copies, FakeDevice]]:
    made, device = copies()
    yield made, device
    made.close()


def start(made: Copies, *memories: Memory) -> tuple[Copying, list[Target]]:
    targets = [Target() for _ in memories]
    pairs = [(remote(one), to.address) for one, to in zip(memories, targets, strict=True)]
    return made.start(pairs), targets


def test_what_was_queued_before_is_in_it_and_what_comes_behind_is_not(parts):
    made, device = parts
    buffer = Memory(b"old.")
    device.change(buffer, b"now.")

    copying, (target,) = start(made, buffer)
    device.change(buffer, b"new.")
    device.run_script()
    copying.wait()

    assert (target.content, buffer.content) == (b"now.", b"new.")


def test_parameters_are_copied_beside_the_script_until_an_optimizer_steps(parts):
    made, device = parts
    weight, buffer = Parameter(b"w..0"), Memory(b"b..0")
    optimizer = Optimizer(weight)
    made.stepping(optimizer)

    copying, (first, second) = start(made, weight, buffer)
    device.change(buffer, b"b..1")
    device.run_script()
    assert (first.content, second.content) == (bytes(4), b"b..0")
    made.stepping(optimizer)
    device.change(weight, b"w..1")
    device.run_script()
    copying.wait()

    assert (first.content, weight.content) == (b"w..0", b"w..1")


def test_the_script_waits_for_parameters_of_which_nothing_is_known(parts):
    made, device = parts
    weight = Parameter(b"w..0")

    copying, (target,) = start(made, weight)  # no optimizer has stepped
    device.change(weight, b"w..1")
    device.run_script()
    copying.wait()

    assert target.content == b"w..0"


def test_one_step_vouches_for_one_snapshot(parts):
    made, device = parts
    weight = Parameter(b"w..0")
    made.stepping(Optimizer(weight))
    start(made, weight)[0].wait()

    copying, (target,) = start(made, weight)
    device.change(weight, b"w..1")
    device.run_script()
    copying.wait()

    assert target.content == b"w..0"


@pytest.mark.parametrize("steps", [False, True])
def test_a_snapshot_in_which_parameters_changed_by_themselves_is_torn(parts, steps):
    made, device = parts
    weight = Parameter(b"w..0")
    optimizer = Optimizer(weight)
    made.stepping(optimizer)
    copying, _ = start(made, weight)
    device.change(weight, b"w..1")  # such as an average that is swapped in for an evaluation
    device.run_script()
    if steps:
        made.stepping(optimizer)

    with pytest.raises(TornSnapshot):
        copying.wait()


def test_a_script_of_which_the_text_gives_reason_to_doubt():
    made, device = copies(lasts=False)
    weight = Parameter(b"w..0")
    made.stepping(Optimizer(weight))

    copying, (target,) = start(made, weight)
    device.change(weight, b"w..1", counted=False)
    device.run_script()
    copying.wait()

    assert target.content == b"w..0"


def test_after_a_torn_one_nothing_is_copied_beside_the_script(parts):
    made, device = parts
    weight = Parameter(b"w..0")
    made.torn()
    made.stepping(Optimizer(weight))

    copying, (target,) = start(made, weight)
    device.change(weight, b"w..1")
    device.run_script()
    copying.wait()

    assert target.content == b"w..0"


def test_an_optimizer_that_is_gone_vouches_for_nothing(parts):
    made, _ = parts
    made.stepping(Optimizer(Parameter(b"w..0")))

    copying, _ = start(made, Memory(b"b..0"))

    assert copying.watched == []


def snapshot(arenas: Arenas, memory: Memory, **how: bool) -> Snapshot | None:
    blocks = {"a": Block("uint8", (len(memory.content),), remote(memory))}
    return arenas.snapshot(blocks, len(memory.content), must=how.get("must", True))


def test_memory_that_devices_copy_into_is_pinned_as_long_as_it_is_used():
    made, device = copies()
    background = []
    arenas = Arenas(background.append, lambda: None, made)

    small = snapshot(arenas, Memory(bytes(100)))
    assert small is not None
    assert list(device.pinned) == [small.arena.address]
    assert snapshot(arenas, Memory(bytes(200)), must=False) is None  # one is made meanwhile
    background.pop(0)()
    assert len(device.pinned) == 2
    arenas.give_back(small)
    large = snapshot(arenas, Memory(bytes(SMALL_BYTES + 1)))

    assert large is not None
    assert list(device.pinned) == [large.arena.address]


def test_a_snapshot_holds_the_devices_memory_beside_the_processs_own():
    made, device = copies()
    arenas = Arenas(lambda call: None, lambda: None, made)
    own = ctypes.create_string_buffer(b"live", 4)
    memory = Memory(b"far.")
    blocks = {
        "a": Block("uint8", (4,), Live(ctypes.addressof(own), 4)),
        "b": Block("uint8", (4,), remote(memory)),
    }

    taken = arenas.snapshot(blocks, 8, must=True)
    device.change(memory, b"new.")
    own.raw = b"more"
    device.run_script()

    assert taken is not None
    assert taken.copying is not None
    taken.copying.wait()
    assert {name: bytes(block.view) for name, block in blocks.items()} == {
        "a": b"live",
        "b": b"far.",
    }
