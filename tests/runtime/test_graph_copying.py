"""Recorded bytes go straight into live memory; where they cannot, nothing has been changed."""

from __future__ import annotations

import mmap
import warnings

import numpy as np
import pytest
import torch

from florlib.ground.errors import CheckpointDamaged
from florlib.runtime.graph.copying import SHARED_FROM_BYTES
from florlib.runtime.graph.decode import Decoder, RestoreRefused
from florlib.stores.checkpoints import Buffer, Checkpoint, publish
from tests.runtime.graphs import SCOPE, capture, difference, put_back, stored

LARGE = SHARED_FROM_BYTES // 4  # float32 elements of a storage that threads copy


def large_and_small() -> dict[str, torch.Tensor]:
    return {
        f"t{n}": torch.arange(size, dtype=torch.float32) + n
        for n, size in enumerate((LARGE, 3 * LARGE + 5, 7, LARGE + 1, 1, 2 * LARGE))
    }


def publish_capture(path, live) -> Checkpoint:
    captured = capture(live)
    blocks = captured.blocks.items()
    publish(path, captured.tree, [Buffer(n, b.dtype, b.shape, b.view) for n, b in blocks])
    return Checkpoint.open(path)


def restore(checkpoint: Checkpoint, live: dict[str, torch.Tensor]) -> None:
    roots = {(SCOPE, name): value for name, value in live.items()}
    Decoder(checkpoint.tree, checkpoint.read).restore(roots, frozenset())


def test_storages_of_all_sizes_come_out_of_a_file_where_they_lie(tmp_path):
    live = large_and_small()
    checkpoint = publish_capture(tmp_path / "c", live)
    places = [tensor.data_ptr() for tensor in live.values()]
    for tensor in live.values():
        tensor.fill_(-1)

    restore(checkpoint, live)

    assert difference(live, large_and_small()) is None
    assert [tensor.data_ptr() for tensor in live.values()] == places


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_storages_on_a_device_come_out_of_a_file_where_they_lie(tmp_path):
    live = {name: tensor.cuda() for name, tensor in large_and_small().items()}
    checkpoint = publish_capture(tmp_path / "c", live)
    places = [tensor.data_ptr() for tensor in live.values()]
    for tensor in live.values():
        tensor.fill_(-1)

    restore(checkpoint, live)

    on_host = {name: tensor.cpu() for name, tensor in live.items()}
    assert difference(on_host, large_and_small()) is None
    assert [tensor.data_ptr() for tensor in live.values()] == places


@pytest.mark.parametrize("damaged", ["t0", "t2", "t5"])
def test_one_damaged_storage_leaves_all_as_they_are(tmp_path, damaged):
    live = large_and_small()
    start, stop = publish_capture(tmp_path / "c", live)._header.spans[damaged]
    content = bytearray((tmp_path / "c").read_bytes())
    content[(start + stop) // 2] ^= 1
    (tmp_path / "c").write_bytes(content)
    for tensor in live.values():
        tensor.fill_(-1)

    with pytest.raises(CheckpointDamaged, match=f"tensor {damaged} of"):
        restore(Checkpoint.open(tmp_path / "c"), live)

    assert all(torch.all(tensor == -1) for tensor in live.values())


def test_a_content_of_another_length_changes_nothing():
    live = {"a": torch.ones(4), "b": torch.ones(4)}
    state = stored(capture(live))
    live["a"].fill_(-1)

    with pytest.raises(RestoreRefused, match="12 bytes for a storage of 16"):
        roots = {(SCOPE, name): value for name, value in live.items()}
        Decoder(state.tree, lambda name: state.read(name)[: 16 if name == "a" else 12]).restore(
            roots, frozenset()
        )

    assert live["a"].tolist() == [-1] * 4


def test_memory_that_cannot_be_written_may_hold_what_was_recorded():
    mapped = mmap.mmap(-1, 4096, prot=mmap.PROT_READ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has no tensors that cannot be written
        live = {"data": torch.frombuffer(mapped, dtype=torch.uint8)}

    put_back(capture(live), live)

    assert live["data"].sum() == 0


def test_what_is_made_anew_begins_as_torch_has_its_storages_begin():
    made = put_back(capture({"a": torch.arange(40.0)}), {})

    assert made["a"].data_ptr() % 64 == 0
    assert made["a"].untyped_storage().resizable()


@pytest.mark.parametrize("present", [b"", b"abc", b"abcdef"])
def test_a_bytearray_is_filled_in_place(present):
    recorded, live = bytearray(b"abc"), {"a": bytearray(present)}
    target = live["a"]

    put_back(capture({"a": recorded}), live)

    assert live["a"] is target
    assert target == b"abc"


def test_a_bytearray_that_is_being_looked_at_is_filled_as_well():
    live = {"a": bytearray(b"xyz")}
    with memoryview(live["a"]) as view:
        put_back(capture({"a": bytearray(b"abc")}), live)

        assert bytes(view) == b"abc"


def test_an_array_is_filled_whatever_its_layout():
    recorded = np.arange(12.0).reshape(3, 4)
    live = {"a": np.asfortranarray(recorded), "b": recorded.copy()}
    captured, places = capture(live), [array.ctypes.data for array in live.values()]
    live["a"][...] = live["b"][...] = 0

    put_back(captured, live)

    assert [array.tolist() for array in live.values()] == [recorded.tolist()] * 2
    assert [array.ctypes.data for array in live.values()] == places
