"""Frames: what was encoded comes back, and whatever was torn or changed is cut off."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.errors import FlorError, FormatTooNew, JournalDamaged
from florlib.ground.journal_format import MAGIC, PREAMBLE, VERSION, decode, encode_frame

# Any text, lone surrogates as well: names of files may hold them.
texts = st.text(st.characters())
contents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(texts, contents, max_size=4), max_size=6)

SOME = [{"kind": "log", "rows": [index, "é" * index]} for index in range(40)]


def journal(items) -> bytes:
    return PREAMBLE + b"".join(encode_frame(item) for item in items)


@given(records)
def test_what_was_encoded_comes_back(items):
    data = journal(items)

    decoded = decode(data)

    assert (decoded.records, decoded.whole_bytes) == (items, len(data))


@given(records, st.integers(0))
def test_a_journal_cut_anywhere_gives_back_every_whole_frame(items, cut):
    data = journal(items)
    ends = [len(journal(items[:count])) for count in range(len(items) + 1)]
    length = cut % (len(data) + 1)

    decoded = decode(data[:length])

    whole = [end for end in ends if end <= length]
    assert decoded.records == items[: max(len(whole) - 1, 0)]
    assert decoded.whole_bytes == max(whole, default=0)


@pytest.mark.parametrize("seed", range(200))
def test_a_flipped_bit_is_noticed(seed):
    chance, data = random.Random(seed), bytearray(journal(SOME))
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)

    try:
        decoded = decode(bytes(data))
    except FlorError:
        return

    assert decoded.whole_bytes < len(data)
    assert decoded.records == SOME[: len(decoded.records)]


@given(st.integers(1, 100))
def test_zeros_that_a_power_cut_left_at_the_end_are_cut(count):
    data = journal(SOME)

    decoded = decode(data + bytes(count))

    assert (decoded.records, decoded.whole_bytes) == (SOME, len(data))


@pytest.mark.parametrize("data", [b"P", b"PK\x03\x04 some other file", b"x" * 100])
def test_another_file_is_no_journal(data):
    with pytest.raises(JournalDamaged, match=r"notes\.txt is not a flor journal"):
        decode(data, name="notes.txt")


def test_a_newer_format_is_refused_by_its_number():
    data = MAGIC + struct.pack("<I", VERSION + 1)

    with pytest.raises(
        FormatTooNew, match=f"journal format {VERSION + 1}; this flor reads"
    ) as caught:
        decode(data)

    assert caught.value.hint == "pip install --upgrade florctl"


def test_a_float_that_json_cannot_hold_is_refused():
    with pytest.raises(ValueError):
        encode_frame({"kind": "log", "value": float("nan")})


@pytest.mark.parametrize("at", range(8))
def test_a_journal_that_is_damaged_in_its_middle_says_so(at):
    frames = [encode_frame({"kind": "log", "n": n}) for n in range(3)]
    data = bytearray(PREAMBLE + b"".join(frames))
    data[len(PREAMBLE) + len(frames[0]) + at] ^= 0x40

    decoded = decode(bytes(data))

    assert [record["n"] for record in decoded.records] == [0]
    assert decoded.damaged_bytes == len(frames[1]) + len(frames[2])
    assert decoded.damage("j") == (
        f"j is damaged behind its first {decoded.whole_bytes} bytes;"
        f" the {decoded.damaged_bytes} bytes that follow are not read"
    )


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_journal_whose_process_was_killed_is_not_damaged(cut):
    data = PREAMBLE + encode_frame({"kind": "log"}) + encode_frame({"kind": "end"})

    decoded = decode(data[:-cut])

    assert (decoded.damaged_bytes, decoded.damage("j")) == (0, None)
