"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from florlib.stores import atomic
from florlib.stores.atomic import published, sync_folder, temporary_path, write_json, writer_of


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "run.json"

    with published(path) as file:
        file.write(b"half")
        seen_meanwhile = os.listdir(tmp_path)
        file.write(memoryview(b" and half"))

    assert seen_meanwhile == [f".run.json.{os.getpid()}.tmp"]
    assert os.listdir(tmp_path) == ["run.json"]
    assert path.read_bytes() == b"half and half"


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(b"old")

    with pytest.raises(KeyboardInterrupt), published(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt

    assert os.listdir(tmp_path) == ["run.json"]
    assert path.read_bytes() == b"old"


def test_a_rename_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "taken").mkdir()

    with pytest.raises(IsADirectoryError), published(tmp_path / "taken") as file:
        file.write(b"new")

    assert os.listdir(tmp_path) == ["taken"]


def test_a_missing_folder_raises(tmp_path):
    with pytest.raises(FileNotFoundError), published(tmp_path / "no" / "run.json"):
        pass


def test_what_a_dead_process_of_the_same_pid_left_is_overwritten(tmp_path):
    path = tmp_path / "run.json"
    temporary_path(path, os.getpid()).write_bytes(b"a longer content of long ago")

    with published(path) as file:
        file.write(b"new")

    assert os.listdir(tmp_path) == ["run.json"]
    assert path.read_bytes() == b"new"


def test_more_than_one_chunk_is_written_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "CHUNK_BYTES", 3)

    with published(tmp_path / "f") as file:
        assert file.write(b"0123456789") == 10

    assert (tmp_path / "f").read_bytes() == b"0123456789"


def test_json_is_read_by_people_and_programs(tmp_path):
    content = {"name": "linéar \udc80", "budget": 0.01, "tags": {}}

    write_json(tmp_path / "run.json", content)

    text = (tmp_path / "run.json").read_text(encoding="ascii")
    assert json.loads(text) == content
    assert text.count("\n") == 5 and text.endswith("}\n")


def test_json_that_is_none_leaves_nothing(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "run.json", {"loss": float("nan")})

    assert os.listdir(tmp_path) == []


def test_the_writer_of_a_temporary_file_stands_in_its_name(tmp_path):
    assert writer_of(temporary_path(tmp_path / "000003.safetensors", 41).name) == 41
    assert [writer_of(name) for name in ("run.json", ".x.tmp", ".x.41.tmp.old", "x.41.tmp")] == [
        None
    ] * 4


def test_a_file_system_without_fsync_of_folders_is_accepted():
    sync_folder(Path("/proc"))  # EINVAL, as from some network file systems


def test_a_folder_that_cannot_be_synced_raises(tmp_path, monkeypatch):
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "_fsync", broken)

    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)
