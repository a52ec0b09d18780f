"""The header of a checkpoint: where contents lie, and what makes it unreadable."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground import checkpoint_format
from florlib.ground.checkpoint_format import (
    DATA_ALIGNMENT,
    READABLE,
    VERSION,
    Entry,
    data_order,
    decode_header,
    digest,
    encode_header,
)
from florlib.ground.errors import CheckpointDamaged, FormatTooNew

SIZES = {"bool": 1, "int16": 2, "bfloat16": 2, "float32": 4, "complex64": 8, "complex128": 16}


@st.composite
def tables(draw) -> dict[str, Entry]:
    """Entries by name; some lie here, some under another name, some in another file."""
    found: dict[str, Entry] = {}
    for name in draw(st.lists(st.text().filter("__metadata__".__ne__), unique=True, max_size=8)):
        dtype = draw(st.sampled_from(sorted(SIZES)))
        shape = draw(st.lists(st.integers(0, 5), max_size=3).map(tuple))
        file = draw(st.none() | st.just("keyframe.safetensors"))
        length = math.prod(shape) * SIZES[dtype]
        stored_as = draw(st.sampled_from([name, *found]))
        found[name] = Entry(dtype, shape, length, digest(b""), file, stored_as)
    return found


def whole(tree, entries) -> bytes:
    """A file whose contents are zeros."""
    return encode_header(tree, entries) + bytes(sum(entries[n].bytes for n in data_order(entries)))


def entry(length: int, dtype: str = "uint8", shape: tuple[int, ...] | None = None) -> Entry:
    return Entry(dtype, (length,) if shape is None else shape, length, digest(b""), None, "w")


@given(tables(), st.dictionaries(st.text(), st.lists(st.integers() | st.text())))
def test_what_was_encoded_comes_back(entries, tree):
    header = decode_header(whole(tree, entries))

    assert (header.tree, header.entries) == (tree, entries)
    assert set(header.spans) == set(data_order(entries))


@given(tables())
def test_contents_follow_each_other_from_a_page_on_and_each_is_aligned(entries):
    header = decode_header(whole(None, entries))

    spans = sorted(header.spans.items(), key=lambda item: item[1])
    at = len(encode_header(None, entries))
    assert at % DATA_ALIGNMENT == 0
    for name, (start, stop) in spans:
        assert start % (SIZES[entries[name].dtype] if stop > start else 1) == 0
        assert (start, stop) == (at, at + entries[name].bytes)
        at = stop


@pytest.mark.parametrize(
    ("dtype", "shape", "length", "stored"),
    [
        ("complex128", (2,), 32, ("U8", [32])),
        ("<U3", (2,), 24, ("U8", [24])),
        ("quint4x2", (3,), 2, ("U8", [2])),
        ("float8_e8m0fnu", (2,), 2, ("U8", [2])),
        ("float8_e4m3fn", (2,), 2, ("F8_E4M3", [2])),
        ("float32", (), 4, ("F32", [])),
    ],
)
def test_what_safetensors_has_no_name_for_is_bytes(dtype, shape, length, stored):
    data = whole(None, {"w": entry(length, dtype, shape)})

    (size,) = struct.unpack_from("<Q", data)
    placement = json.loads(data[8 : 8 + size])["w"]
    assert (placement["dtype"], placement["shape"]) == stored
    assert decode_header(data).entries["w"].dtype == dtype


def test_wide_elements_come_before_narrow_ones():
    entries = {
        "text": Entry("<U3", (3,), 36, "", None, "text"),
        "byte": Entry("uint8", (3,), 3, "", None, "byte"),
        "wide": Entry("complex128", (1,), 16, "", None, "wide"),
        "double": Entry("float64", (1,), 8, "", None, "double"),
        "packed": Entry("quint4x2", (3,), 2, "", None, "packed"),
    }

    assert data_order(entries) == ["wide", "double", "text", "byte", "packed"]


def test_a_length_that_does_not_fit_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"w: float32 of shape \[3\] takes 12 bytes, not 3"):
        encode_header(None, {"w": entry(3, "float32")})


def test_the_name_that_safetensors_reserves_is_refused():
    with pytest.raises(ValueError, match="__metadata__"):
        encode_header(None, {"__metadata__": entry(1)})


def test_a_header_longer_than_safetensors_reads_is_refused(monkeypatch):
    monkeypatch.setattr(checkpoint_format, "HEADER_LIMIT_BYTES", 8000)

    with pytest.raises(ValueError, match="header of 12280 bytes"):
        encode_header("x" * 9000, {})


@pytest.mark.parametrize("length", [0, 7, 8, 100, 4095])
def test_a_file_that_ends_inside_its_header_is_damaged(length):
    with pytest.raises(CheckpointDamaged, match=f"ends after {length} bytes, inside its header"):
        decode_header(whole([], {})[:length])


@pytest.mark.parametrize("change", [b"", b"more than there was"])
def test_a_file_of_another_length_than_its_header_says_is_damaged(change):
    data = whole(None, {"w": entry(10)})[:-1] + change

    with pytest.raises(CheckpointDamaged, match=f"w.st has {len(data)} bytes where .* says 4106"):
        decode_header(data, name="w.st")


def test_another_safetensors_file_is_no_checkpoint():
    body = b'{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'

    with pytest.raises(CheckpointDamaged, match="not a flor checkpoint"):
        decode_header(struct.pack("<Q", len(body)) + body)


@pytest.mark.parametrize("at", [40, 65, 70, 200, 4095])
def test_a_flipped_bit_in_the_header_is_noticed(at):
    data = bytearray(whole({"a": 1}, {"w": entry(10)}))
    data[at] ^= 1

    with pytest.raises(CheckpointDamaged, match=r"header of w\.st does not hash to the digest"):
        decode_header(bytes(data), name="w.st")


def test_a_newer_format_is_refused_by_its_number(monkeypatch):
    monkeypatch.setattr(checkpoint_format, "VERSION", VERSION + 1)
    data = whole(None, {})

    with pytest.raises(FormatTooNew, match=f"checkpoint format {VERSION + 1}; this flor reads"):
        decode_header(data)


def test_the_written_version_is_readable():
    assert VERSION in READABLE


def with_text(text: str, **more: str) -> bytes:
    """An empty checkpoint with another text under `flor`."""
    metadata = {"digest": "0" * 32, "flor": text, **more}
    body = json.dumps({"__metadata__": metadata}, separators=(",", ":")).encode()
    covered = body.ljust(4088)[59:]
    return struct.pack("<Q", 4088) + body[:27] + digest(covered).encode() + covered


@pytest.mark.parametrize(
    "text",
    [
        '{"format":1,"tensors":{},"tree":[1]}',
        '{"format":1,"tree":[1],"tensors":{}}',
        '{"format":1,"tensors":{},"later":{"a":0,"tree":2},"tree":[1]}',
        '{"format":1,"tensors":{},"tree":[1],"later":2}',
        ' {"tree": [1], "tensors": {}, "format": 1}',
    ],
)
def test_fields_stand_in_any_order_and_unknown_ones_are_ignored(text):
    for data in (with_text(text), with_text(text, later="more")):
        header = decode_header(data)

        assert (header.tree, header.entries) == ([1], {})


TRICKS = ['","tree":', ',"tree":[1]', '}"}', "\\", '\\"}', '}\\"}"}', "}", ",", ',"tree":{"a']


@given(st.lists(st.sampled_from(TRICKS), min_size=1, max_size=3), st.sampled_from(TRICKS))
def test_names_and_texts_cannot_be_taken_for_the_header_itself(pieces, text):
    name = "".join(pieces)
    entries = {name: entry(0), "w": entry(3)}

    header = decode_header(whole([text, {name: text, "tree": 1}], entries))

    assert header.tree == [text, {name: text, "tree": 1}]
    assert header.entries == entries
    assert header.names == (name, "w")
