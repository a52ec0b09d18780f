"""Manifests come back as they were written, and nothing in one leads out of the run's folder."""

from __future__ import annotations

import json

import pytest

from florlib.ground.errors import FormatTooNew, SpoolDamaged
from florlib.ground.spool_format import (
    CHUNK_BYTES,
    Chunk,
    Manifest,
    SpooledFile,
    decode_manifest,
    encode_manifest,
    parse_manifest_object,
)

CHUNK = Chunk("ab" * 32, 5, "planes", 3)
FILES = (
    SpooledFile("run.json", 1, (Chunk("cd" * 32, 7, "raw", 7),)),
    SpooledFile("checkpoints/a.safetensors", 2, (CHUNK, CHUNK), ("checkpoints/b.safetensors",)),
)
MANIFEST = Manifest(
    "20261123-221000-ab12cd", "linear", 3, "done", "2026-11-23T22:10:00+00:00", FILES, FILES[:1]
)


def test_a_manifest_comes_back() -> None:
    found = decode_manifest(encode_manifest(MANIFEST), name="it")

    assert found == MANIFEST
    assert [one.bytes for one in found.files] == [7, 10]
    assert [one.stored_bytes for one in found.files] == [7, 6]
    assert found.checkpoints == [FILES[1]]
    assert (found.file("run.json"), found.file("none")) == (FILES[0], None)


@pytest.mark.parametrize("cut", range(0, len(encode_manifest(MANIFEST)) - 1, 40))
def test_a_manifest_that_is_cut_or_changed_is_damaged(cut: int) -> None:
    whole = encode_manifest(MANIFEST)

    with pytest.raises(SpoolDamaged):
        decode_manifest(whole[:cut], name="it")
    with pytest.raises((SpoolDamaged, FormatTooNew)):
        decode_manifest(whole[:cut] + bytes([whole[cut] ^ 1]) + whole[cut + 1 :], name="it")


def test_a_manifest_of_tomorrow_is_refused_by_its_number() -> None:
    content = {**json.loads(encode_manifest(MANIFEST)), "format": 2}

    with pytest.raises(FormatTooNew, match="it was written in spool format 2; this flor reads 1"):
        decode_manifest(json.dumps(content).encode(), name="it")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../other/run.json", "a/../../b", "a//b", "", ".", "a/.", "a\0b"]
)
def test_a_path_that_leads_out_of_the_run_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        SpooledFile.from_json({"path": path, "changed_ns": 0, "chunks": []})


@pytest.mark.parametrize(
    "chunk",
    [
        ["ab", 5, "raw", 5],
        ["../" + "a" * 61, 5, "raw", 5],
        ["ab" * 32, 5, "zip", 5],
        ["ab" * 32, CHUNK_BYTES + 1, "raw", 5],
        ["ab" * 32, 5, "raw", -1],
    ],
)
def test_a_chunk_that_cannot_be_is_refused(chunk: list[object]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|a chunk of"):
        SpooledFile.from_json({"path": "a", "changed_ns": 0, "chunks": [chunk]})


@pytest.mark.parametrize(
    "changes", [{"run": "../x"}, {"run": "x"}, {"name": "../x"}, {"name": ".cache"}]
)
def test_a_run_whose_folder_would_lie_elsewhere_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Manifest.from_json({**MANIFEST.to_json(), **changes})


def test_other_objects_are_no_manifests() -> None:
    assert parse_manifest_object("objects/ab/abab") is None
    assert parse_manifest_object("runs/linear/x/latest.json") is None
