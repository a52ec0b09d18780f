"""Large memory that stays the same is left out unseen, and looked at before anything is published."""

from __future__ import annotations

import mmap
import queue
from pathlib import Path

import pytest
import torch

from florlib.ground.checkpoint_format import digest
from florlib.runtime.graph.encode import Encoder
from florlib.runtime.graph.memory import PROVEN_BYTES, Block, Live, glance
from florlib.runtime.proof import digest_at
from florlib.runtime.writer import CheckpointWriter, Job
from florlib.stores.checkpoints import Checkpoint, Published
from tests.runtime.devices import copies

COUNT = PROVEN_BYTES // 4


class Run:
    """Takes checkpoints of a tensor, one after the other, as a recording does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = CheckpointWriter(copies()[0])
        self.taken = 0

    def take(self, data: torch.Tensor, trained: torch.Tensor, *, must: bool = False) -> Block:
        """The block of the data in the next checkpoint."""
        stored = self.writer.stored_behind(None, must=must)
        roots = [("s", "data", data), ("s", "trained", trained)]
        captured = Encoder(lambda module: False, stored).capture(roots)
        (block,) = [one for one in captured.blocks.values() if one.shape == (COUNT,)]
        size = sum(len(one.data) for one in captured.blocks.values() if one.address is not None)
        self.snapshot = self.writer.arenas.snapshot(captured.blocks, size, must=True)
        assert self.snapshot is not None
        self.taken += 1
        self.tree, self.stored = captured.tree, stored
        return block

    def publish(self) -> Path | None:
        """The file that the last one became."""
        done: queue.Queue[Published | None] = queue.Queue()
        path = self.folder / f"{self.taken:03}"
        assert self.snapshot is not None
        self.writer.submit(Job(path, self.tree, self.snapshot, self.stored, done.put))
        published = done.get(timeout=60)
        assert published is None or published.path == path
        return None if published is None else path


@pytest.fixture
def run(tmp_path: Path):
    made = Run(tmp_path)
    yield made
    made.writer.close()


def content(path: Path) -> torch.Tensor:
    checkpoint = Checkpoint.open(path)
    (name,) = [one for one in checkpoint.names if checkpoint.entry(one).shape == (COUNT,)]
    return torch.frombuffer(bytearray(checkpoint.read(name)), dtype=torch.float32)


def trust(run: Run, data: torch.Tensor) -> None:
    """Take checkpoints until the data are left out unseen."""
    seen = []
    for index in range(4):
        seen.append(run.take(data, torch.full((8,), float(index))).is_unseen)
        assert run.publish() is not None
    assert seen == [False, False, False, True]


def test_what_stays_the_same_is_left_out_in_the_end(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    assert run.take(data, torch.zeros(8)).is_unseen
    path = run.publish()

    assert path is not None
    assert torch.equal(content(path), data)
    assert path.stat().st_size < PROVEN_BYTES // 100


def test_a_change_that_torch_counts_is_seen_at_once(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    data[5] = -1
    block = run.take(data, torch.zeros(8))
    path = run.publish()

    assert (block.is_unseen, block.held) == (False, None)
    assert path is not None
    assert torch.equal(content(path), data)


def test_a_change_that_torch_does_not_count_is_found_before_it_is_published(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    data.numpy()[1000] = -1  # where no glance falls
    assert run.take(data, torch.zeros(8)).is_unseen
    assert run.publish() is None

    for _ in range(5):
        assert not run.take(data, torch.zeros(8)).is_unseen
        path = run.publish()
        assert path is not None
        assert torch.equal(content(path), data)


def test_a_change_for_a_moment_that_torch_does_not_count_is_seen_at_a_glance(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    kept = data.clone()
    data.data.mul_(2)
    swapped = data.clone()
    block = run.take(data, torch.zeros(8))
    data.data.copy_(kept)  # before the writer looks
    path = run.publish()

    assert (block.is_unseen, block.held) == (False, None)
    assert path is not None
    assert torch.equal(content(path), swapped)


@pytest.mark.parametrize("length", [1, 511, 512, 513, 4096, PROVEN_BYTES, PROVEN_BYTES + 1])
def test_a_glance_takes_in_both_ends(length):
    data = torch.zeros(length, dtype=torch.uint8)
    live = Live(data.data_ptr(), length)
    before = glance(live)
    for place in (0, length - 1):
        data[place] = 1
        assert glance(live) != before
        data[place] = 0
    assert glance(live) == before


def test_what_has_to_be_published_is_looked_at(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    assert not run.take(data, torch.zeros(8), must=True).is_unseen


def test_other_memory_at_the_same_address_is_not_taken_for_it(run):
    data = torch.arange(COUNT, dtype=torch.float32)
    trust(run, data)

    data.untyped_storage().resize_(0)
    data.untyped_storage().resize_(4 * COUNT)
    data.fill_(3)
    run.take(data, torch.zeros(8))
    path = run.publish()

    assert path is None or torch.equal(content(path), data)


def test_memory_is_hashed_where_it_lies_and_not_where_it_is_gone():
    memory = mmap.mmap(-1, (1 << 21) + 4096)
    memory.write(bytes(range(256)) * 8200)
    view = memoryview(memory)
    address = torch.frombuffer(view, dtype=torch.uint8).data_ptr()
    length = (1 << 21) + 7

    assert digest_at(address, length) == digest(view[:length])
    assert digest_at(8, 100) is None
