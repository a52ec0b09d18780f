"""Checkpoint files: stock safetensors reads them, and we read back what was published."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import load_file

from florlib.ground.errors import CheckpointDamaged, CheckpointMissing
from florlib.stores import checkpoints
from florlib.stores.checkpoints import Buffer, Checkpoint, contents_of, publish, sweep_orphans
from tests.stores.buffers import buffer_of, bytes_of

KNOWN = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.float8_e4m3fn,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2,
    torch.float8_e5m2fnuz,
    torch.uint16,
    torch.int16,
    torch.float16,
    torch.bfloat16,
    torch.uint32,
    torch.int32,
    torch.float32,
    torch.uint64,
    torch.int64,
    torch.float64,
    torch.complex64,
]
UNKNOWN = [torch.complex128, torch.complex32, torch.float8_e8m0fnu]

RELEASE = tuple(int(part) for part in os.uname().release.split(".")[:2])
POPULATES = sys.platform == "linux" and RELEASE >= (5, 14)


def tensor(dtype: torch.dtype, *shape: int, seed: int = 0) -> torch.Tensor:
    """Any bits at all, NaNs among them; a bool is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    count = torch.Size(shape).numel() * dtype.itemsize
    bits = torch.randint(0, 256, (count,), dtype=torch.uint8, generator=generator)
    return (bits % 2 if dtype is torch.bool else bits).view(dtype).reshape(shape)


def held_by(path):
    """Refers to all that a published file holds."""
    return lambda keys: contents_of(path)


@pytest.mark.parametrize("dtype", KNOWN, ids=str)
def test_stock_safetensors_loads_every_dtype_equal(tmp_path, dtype):
    tensors = {
        "table": tensor(dtype, 5, 7),
        "scalar": tensor(dtype, seed=1),
        "empty": tensor(dtype, 0, 3),
    }
    publish(tmp_path / "c", None, [buffer_of(*item) for item in tensors.items()])

    loaded = load_file(tmp_path / "c")

    assert loaded.keys() == tensors.keys()
    for name, expected in tensors.items():
        assert (loaded[name].dtype, loaded[name].shape) == (expected.dtype, expected.shape)
        assert bytes_of(loaded[name]) == bytes_of(expected)


def test_stock_safetensors_opens_a_file_of_all_dtypes_at_once(tmp_path):
    tensors = {str(d): tensor(d, 3, 3, seed=n) for n, d in enumerate(KNOWN + UNKNOWN)}
    publish(tmp_path / "c", None, [buffer_of(*item) for item in tensors.items()])

    with safetensors.safe_open(tmp_path / "c", framework="pt") as file:
        assert set(file.keys()) == set(tensors)
        assert set(file.metadata()) == {"digest", "flor"}
        for name, expected in tensors.items():
            assert bytes_of(file.get_tensor(name)) == bytes_of(expected)


@pytest.mark.parametrize("dtype", KNOWN + UNKNOWN, ids=str)
def test_a_checkpoint_gives_back_dtype_shape_and_bits(tmp_path, dtype):
    expected = tensor(dtype, 4, 9)

    publish(tmp_path / "c", {"w": 0}, [buffer_of("w", expected)])

    opened = Checkpoint.open(tmp_path / "c")
    entry = opened.entry("w")
    assert (opened.tree, opened.names) == ({"w": 0}, ("w",))
    assert (f"torch.{entry.dtype}", entry.shape, entry.bytes) == (
        str(dtype),
        (4, 9),
        expected.nbytes,
    )
    assert opened.read("w") == bytes_of(expected)


def test_arrays_of_numpy_need_no_torch(tmp_path):
    array = np.arange(6, dtype=np.float64).reshape(2, 3)
    empty = np.zeros((0, 4), dtype=np.float32)
    text = np.array(["a", "bcd"])

    publish(
        tmp_path / "c",
        None,
        [
            Buffer("array", "float64", array.shape, memoryview(array)),
            Buffer("empty", "float32", empty.shape, memoryview(empty)),
            Buffer("text", text.dtype.str, text.shape, text.tobytes()),
        ],
    )

    opened = Checkpoint.open(tmp_path / "c")
    assert np.frombuffer(opened.read("array")).reshape(2, 3).tolist() == array.tolist()
    assert opened.entry("empty").shape == (0, 4)
    assert np.frombuffer(opened.read("text"), opened.entry("text").dtype).tolist() == ["a", "bcd"]


def test_a_checkpoint_without_tensors_is_its_tree(tmp_path):
    tree = {"step": 3, "name": "\udc80", "nested": [None, 1 << 70]}

    published = publish(tmp_path / "c", tree, [])

    assert Checkpoint.open(tmp_path / "c").tree == tree
    assert load_file(tmp_path / "c") == {}
    assert published.bytes == (tmp_path / "c").stat().st_size == 4096


def test_equal_contents_are_stored_once(tmp_path):
    zeros = bytes(1000)

    published = publish(
        tmp_path / "c",
        None,
        [Buffer("a", "uint8", (1000,), zeros), Buffer("b", "float32", (250,), zeros)],
    )

    opened = Checkpoint.open(tmp_path / "c")
    assert (published.bytes, published.referenced) == (4096 + 1000, ())
    assert (opened.entry("b").dtype, opened.entry("b").stored_as) == ("float32", "a")
    assert opened.read("b") == zeros
    assert opened.verify() == 2


def test_small_contents_are_not_shared(tmp_path):
    publish(tmp_path / "k", None, [Buffer("a", "uint8", (63,), bytes(63))])

    published = publish(
        tmp_path / "c",
        None,
        [Buffer(name, "uint8", (63,), bytes(63)) for name in "ab"],
        refer=held_by(tmp_path / "k"),
    )

    assert (published.bytes, published.referenced) == (4096 + 2 * 63, ())


def test_what_the_keyframe_holds_is_not_written_again(tmp_path):
    frozen, trained = tensor(torch.float32, 50, 50), tensor(torch.float32, 50, seed=1)
    publish(tmp_path / "k", None, [buffer_of("body", frozen), buffer_of("head", trained)])

    published = publish(
        tmp_path / "c",
        None,
        [buffer_of("body'", frozen), buffer_of("head'", trained * 2)],
        refer=held_by(tmp_path / "k"),
    )

    opened = Checkpoint.open(tmp_path / "c")
    assert (published.bytes, published.referenced) == (4096 + trained.nbytes, ("body'",))
    assert published.files == {"k"}
    assert (opened.entry("body'").file, opened.entry("body'").stored_as) == ("k", "body")
    assert opened.read("body'") == bytes_of(frozen)
    assert opened.verify() == 2
    assert list(load_file(tmp_path / "c")) == ["head'"]


def test_a_reference_never_leads_to_a_reference(tmp_path):
    shared, own = Buffer("w", "uint8", (99,), bytes(99)), Buffer("v", "uint8", (70,), b"v" * 70)
    publish(tmp_path / "1", None, [shared])
    publish(tmp_path / "2", None, [shared, own], refer=held_by(tmp_path / "1"))

    publish(tmp_path / "3", None, [shared, own], refer=held_by(tmp_path / "2"))

    opened = Checkpoint.open(tmp_path / "3")
    assert [opened.entry(name).file for name in "wv"] == [None, "2"]


def test_content_that_is_left_to_others_and_that_none_has_is_refused(tmp_path):
    buffer = Buffer("w", "uint8", (99,), b"", held=("0" * 32, 99))

    with pytest.raises(ValueError, match="no other file holds the content of w"):
        publish(tmp_path / "c", None, [buffer])

    assert list(tmp_path.iterdir()) == []


def test_a_reference_without_its_keyframe_names_the_missing_file(tmp_path):
    buffer = Buffer("w", "uint8", (99,), bytes(99))
    publish(tmp_path / "k", None, [buffer])
    publish(tmp_path / "c", None, [buffer], refer=held_by(tmp_path / "k"))
    (tmp_path / "k").unlink()

    with pytest.raises(CheckpointMissing, match=str(tmp_path / "k")):
        Checkpoint.open(tmp_path / "c").verify()


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        (Buffer("w", "uint8", (99,), b"other" + bytes(94)), "tensor w of .*/c is damaged in .*/k"),
        (Buffer("v", "uint8", (99,), bytes(99)), "/k holds 0 bytes of tensor w of .*/c, .* 99"),
    ],
)
def test_another_file_in_the_place_of_the_keyframe_is_noticed(tmp_path, instead, message):
    buffer = Buffer("w", "uint8", (99,), bytes(99))
    publish(tmp_path / "k", None, [buffer])
    publish(tmp_path / "c", None, [buffer], refer=held_by(tmp_path / "k"))
    publish(tmp_path / "k", None, [instead])

    with pytest.raises(CheckpointDamaged, match=message):
        Checkpoint.open(tmp_path / "c").read("w")


def test_two_buffers_of_one_name_are_refused_and_leave_nothing(tmp_path):
    buffer = Buffer("w", "uint8", (1,), b"x")

    with pytest.raises(ValueError, match="two buffers are named w"):
        publish(tmp_path / "c", None, [buffer, buffer])

    assert os.listdir(tmp_path) == []


def test_a_checkpoint_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(CheckpointMissing, match=r"no checkpoint .*/c$"):
        Checkpoint.open(tmp_path / "c")


def test_a_checkpoint_stays_readable_while_a_new_one_takes_its_name(tmp_path):
    publish(tmp_path / "c", 1, [Buffer("w", "uint8", (99,), b"1" * 99)])
    opened = Checkpoint.open(tmp_path / "c")

    publish(tmp_path / "c", 2, [Buffer("w", "uint8", (99,), b"2" * 99)])

    assert (opened.tree, opened.read("w")) == (1, b"1" * 99)
    assert Checkpoint.open(tmp_path / "c").tree == 2


def test_contents_are_not_hashed_unless_asked(tmp_path, monkeypatch):
    publish(tmp_path / "c", None, [Buffer("w", "uint8", (9,), b"123456789")])
    opened = Checkpoint.open(tmp_path / "c")

    monkeypatch.setattr(checkpoints, "digest", lambda data: pytest.fail("hashed"))

    assert opened.read("w", verify=False) == b"123456789"


def test_scripts_that_replace_open_and_os_do_not_stop_us(tmp_path, monkeypatch):
    def replaced(*args, **kwargs):
        raise AssertionError("the user's own")

    for name in ("open", "write", "fsync", "rename", "close", "getpid", "unlink"):
        monkeypatch.setattr(os, name, replaced)
    monkeypatch.setattr("builtins.open", replaced)

    publish(tmp_path / "c", "tree", [])
    found = Checkpoint.open(tmp_path / "c").tree
    monkeypatch.undo()

    assert found == "tree"


def test_orphans_of_dead_writers_are_swept_and_nothing_else(tmp_path):
    publish(tmp_path / "000001.safetensors", None, [])
    for name in (".000002.safetensors.7.tmp", ".000003.safetensors.8.tmp", ".hidden", "x.7.tmp"):
        (tmp_path / name).touch()

    removed = sweep_orphans(tmp_path, alive={8}.__contains__)

    assert removed == [tmp_path / ".000002.safetensors.7.tmp"]
    assert sorted(os.listdir(tmp_path)) == [
        ".000003.safetensors.8.tmp",
        ".hidden",
        "000001.safetensors",
        "x.7.tmp",
    ]


def test_two_processes_may_sweep_at_once(tmp_path):
    orphan = tmp_path / ".000002.safetensors.7.tmp"
    orphan.touch()

    def swept_by_another(pid: int) -> bool:
        orphan.unlink()
        return False

    assert sweep_orphans(tmp_path, swept_by_another) == [orphan]


@pytest.mark.process
def test_a_recorded_process_imports_no_arrays_with_the_stores():
    code = "import sys, florlib.stores.checkpoints, florlib.stores.journal; print(*sys.modules)"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"torch", "numpy", "safetensors", "asyncio"}.isdisjoint(out.stdout.split())


@pytest.mark.skipif(not POPULATES, reason="the system cannot be asked for pages (Linux 5.14 can)")
def test_a_file_that_is_cut_after_it_was_opened_is_named_and_kills_nothing(tmp_path):
    publish(tmp_path / "c", None, [buffer_of("w", tensor(torch.uint8, 1 << 16))])
    opened = Checkpoint.open(tmp_path / "c")
    os.truncate(tmp_path / "c", 4096 + 100)

    with pytest.raises(CheckpointDamaged, match="tensor w of"):
        opened.read("w")
