"""Bits that flip and files that are cut short are noticed, wherever it happens."""

from __future__ import annotations

import random

import pytest

from florlib.ground.errors import CheckpointDamaged
from florlib.stores.checkpoints import Buffer, Checkpoint, publish

TENSORS = [
    Buffer("w", "float32", (1000,), random.Random(1).randbytes(4000)),
    Buffer("b", "bfloat16", (7,), random.Random(2).randbytes(14)),
    Buffer("empty", "int64", (0,), b""),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "c"
    publish(path, {"step": 3}, TENSORS)
    assert Checkpoint.open(path).verify() == 3
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(200))
def test_a_flipped_bit_is_noticed(tmp_path, whole, seed):
    chance, data = random.Random(seed), bytearray(whole)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    (tmp_path / "c").write_bytes(data)

    with pytest.raises(CheckpointDamaged):
        Checkpoint.open(tmp_path / "c").verify()


@pytest.mark.parametrize("seed", range(200))
def test_a_file_cut_short_is_noticed_when_it_is_opened(tmp_path, whole, seed):
    (tmp_path / "c").write_bytes(whole[: random.Random(seed).randrange(len(whole))])

    with pytest.raises(CheckpointDamaged):
        Checkpoint.open(tmp_path / "c")


def test_a_damaged_tensor_is_named_with_its_file(tmp_path, whole):
    (tmp_path / "c").write_bytes(whole[:5000] + b"!" + whole[5001:])
    opened = Checkpoint.open(tmp_path / "c")

    with pytest.raises(CheckpointDamaged, match=r"tensor w of .*/c is damaged in .*/c"):
        opened.read("w")

    assert opened.read("b") == TENSORS[1].data
