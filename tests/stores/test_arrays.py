"""Elements of large arrays: written whole, read only as they were written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from florlib.ground.checkpoint_format import digest
from florlib.ground.errors import ArrayDamaged, ArrayMissing
from florlib.ground.stored_array import StoredArray
from florlib.stores.arrays import ArrayWriter, read_array

DATA = bytes(range(256)) * 4


def stored(data: bytes = DATA) -> StoredArray:
    return StoredArray("torch", "uint8", (len(data),), digest(data), len(data))


def test_what_is_written_is_read_from_whichever_folder_has_it(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path / "run" / "arrays")

    assert not (tmp_path / "run").exists()
    assert {writer.write(DATA), writer.write(DATA)} == {stored().digest}

    writer.sync()
    assert [path.name for path in (tmp_path / "run" / "arrays").iterdir()] == [stored().digest]
    assert read_array([tmp_path / "none", tmp_path / "run" / "arrays"], stored()) == DATA


def test_what_a_power_cut_has_left_is_not_taken_for_the_content(tmp_path: Path) -> None:
    (tmp_path / stored().digest).write_bytes(bytes(len(DATA)))
    with pytest.raises(ArrayDamaged, match=stored().digest):
        read_array([tmp_path], stored())

    ArrayWriter(tmp_path).write(DATA)

    assert read_array([tmp_path], stored()) == DATA


def test_what_the_replayed_run_has_is_not_written_again(tmp_path: Path) -> None:
    ArrayWriter(tmp_path / "run").write(DATA)
    writer = ArrayWriter(tmp_path / "replay", tmp_path / "run")

    assert writer.write(DATA) == stored().digest
    assert not (tmp_path / "replay").exists()
    (tmp_path / "run" / stored().digest).write_bytes(b"torn")
    writer.write(DATA)
    assert read_array([tmp_path / "run", tmp_path / "replay"], stored()) == DATA


def test_one_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArrayMissing, match=stored().digest):
        read_array([tmp_path, tmp_path / "other"], stored())


def test_one_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    writer = ArrayWriter(tmp_path)
    monkeypatch.setattr("florlib.stores.arrays._rename", full)
    with pytest.raises(OSError, match="No space"):
        writer.write(DATA)
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr("florlib.stores.arrays._rename", os.rename)
    assert writer.write(DATA) == stored().digest
