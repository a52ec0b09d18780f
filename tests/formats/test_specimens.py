"""Files that earlier versions wrote stay readable: one specimen a format version, never rewritten.

The specimens lie in `journal/`, `checkpoint/` and `spool/`, made with the writers of their version
from the contents below. A new version gets a new file and adds its content here.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from florlib.ground import checkpoint_format, journal_format, spool_format
from florlib.ground.spool_format import Chunk, Manifest, SpooledFile
from florlib.stores.checkpoints import Buffer, Checkpoint
from florlib.stores.journal import read_journal
from florlib.stores.spool import planes

HERE = Path(__file__).parent
JOURNALS = HERE / "journal"
CHECKPOINTS = HERE / "checkpoint"
SPOOLS = HERE / "spool"

RECORDS = [
    {"kind": "process", "format": 1, "run": "20261123-221000-ab12cd", "mode": "record", "pid": 123},
    {"kind": "arg", "name": "lr", "value": 0.1, "source": "argparse"},
    {"kind": "enter", "position": [], "loop": "epoch", "role": "main", "length": 2, "main": 0},
    {
        "kind": "log",
        "rows": [
            [0, "loss", 0.30000000000000004, 0, 0],
            [0, "naïve \udc80", {"$float": "NaN"}, 0, 2],
        ],
        "positions": [[["epoch", 0]]],
        "sites": [["train.py", 12]],
    },
    {"kind": "a kind of tomorrow", "unknown": [None, True, -1, 1180591620717411303424]},
    {"kind": "end", "exit_status": 0, "signal": None, "how": "exit"},
]

TREE = {"$dict": [["step", 3], ["weights", {"$tensor": "w"}]], "text": "naïve \udc80"}
KEYFRAME_TENSORS = [Buffer("frozen", "uint8", (64,), bytes(range(64)))]
TENSORS = [
    Buffer("body", "uint8", (8, 8), bytes(range(64))),  # refers to the keyframe
    Buffer("w", "float32", (2, 10), bytes(range(80))),
    Buffer("w again", "float32", (20,), bytes(range(80))),  # refers to w
    Buffer("half", "bfloat16", (3,), bytes(range(6))),
    Buffer("wide", "complex128", (1,), bytes(range(16))),
    Buffer("scalar", "bool", (), b"\x01"),
    Buffer("empty", "int64", (0, 4), b""),
]

SPOOLED = Manifest(
    "20261123-221000-ab12cd",
    "linear",
    3,
    "done",
    "2026-11-23T22:10:00+00:00",
    (
        SpooledFile(
            "checkpoints/000003.000000.safetensors",
            1_764_000_000_123_456_789,
            (Chunk("ab" * 32, 16 << 20, "planes", 9_000_000), Chunk("cd" * 32, 7, "raw", 7)),
            ("checkpoints/000000.000000.safetensors",),
        ),
        SpooledFile("run.json", 0, (Chunk("ef" * 32, 0, "raw", 0),)),
    ),
    (SpooledFile("version/0.pack", 0, (Chunk("01" * 32, 40, "raw", 40),)),),
)
PLANES_OF = b"".join(struct.pack("<f", n / 7) for n in range(500)) + b"odd"


@pytest.mark.parametrize("version", journal_format.READABLE)
def test_every_readable_journal_version_still_reads(version):
    path = JOURNALS / f"v{version}.flor"

    decoded = read_journal(path)

    assert decoded.records == RECORDS
    assert decoded.whole_bytes == path.stat().st_size


@pytest.mark.parametrize("version", checkpoint_format.READABLE)
def test_every_readable_checkpoint_version_still_reads(version):
    opened = Checkpoint.open(CHECKPOINTS / f"v{version}.safetensors")

    assert opened.tree == TREE
    assert opened.verify() == len(TENSORS)
    for buffer in TENSORS:
        entry = opened.entry(buffer.name)
        assert (entry.dtype, entry.shape) == (buffer.dtype, buffer.shape)
        assert opened.read(buffer.name) == buffer.data
    assert opened.entry("body").file == f"v{version}-keyframe.safetensors"


@pytest.mark.parametrize("version", spool_format.READABLE)
def test_every_readable_spool_version_still_reads(version):
    manifest = SPOOLS / f"v{version}.json"
    coded = SPOOLS / f"v{version}.planes"

    assert spool_format.decode_manifest(manifest.read_bytes(), name="it") == SPOOLED
    assert planes.decode(coded.read_bytes(), len(PLANES_OF)) == PLANES_OF


def test_every_specimen_is_of_a_readable_version():
    journals = {f"v{version}.flor" for version in journal_format.READABLE}
    checkpoints = {
        f"v{version}{part}.safetensors"
        for version in checkpoint_format.READABLE
        for part in ("", "-keyframe")
    }

    assert {path.name for path in JOURNALS.iterdir()} == journals
    assert {path.name for path in CHECKPOINTS.iterdir()} == checkpoints
    spools = {
        f"v{version}{end}" for version in spool_format.READABLE for end in (".json", ".planes")
    }
    assert {path.name for path in SPOOLS.iterdir()} == spools
