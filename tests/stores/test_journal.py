"""Journals: appended by one process, read by anyone, and usable after a write that was refused."""

from __future__ import annotations

import errno
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.errors import JournalDamaged
from florlib.ground.journal_format import PREAMBLE, encode_frame
from florlib.stores import journal
from florlib.stores.journal import JournalWriter, append_behind, read_journal, read_records

LOG = {"kind": "log", "rows": [[0, "loss", 0.5]]}
END = {"kind": "end", "how": "exit"}


def records_of(path):
    return read_journal(path).records


def test_records_are_in_the_file_when_append_returns(tmp_path):
    writer = JournalWriter(tmp_path / "j")

    writer.append(LOG)

    assert records_of(tmp_path / "j") == [LOG]


def test_many_records_are_appended_in_order(tmp_path):
    writer = JournalWriter(tmp_path / "j")

    writer.append(LOG)
    writer.append_all(iter([LOG, END]))
    writer.append_all([])
    writer.sync()
    writer.close()

    assert records_of(tmp_path / "j") == [LOG, LOG, END]


def test_one_record_and_many_records_are_one_write(tmp_path, monkeypatch):
    writer, writes = JournalWriter(tmp_path / "j"), []
    monkeypatch.setattr(journal, "_write", lambda fd, data: writes.append(data) or len(data))

    writer.append(LOG)
    writer.append_all([LOG, END])

    assert len(writes) == 2


def test_a_journal_is_never_written_by_two(tmp_path):
    JournalWriter(tmp_path / "j").append(LOG)

    with pytest.raises(FileExistsError):
        JournalWriter(tmp_path / "j")

    assert records_of(tmp_path / "j") == [LOG]


def test_a_record_that_json_cannot_hold_is_refused_and_the_journal_goes_on(tmp_path):
    writer = JournalWriter(tmp_path / "j")

    with pytest.raises(ValueError):
        writer.append_all([LOG, {"kind": "log", "value": float("inf")}])
    writer.append(END)

    assert records_of(tmp_path / "j") == [END]


def test_closing_twice_is_closing_once(tmp_path):
    writer = JournalWriter(tmp_path / "j")
    writer.close()
    writer.close()

    with pytest.raises(OSError):
        writer.append(LOG)


def takes(monkeypatch, *answers: int | OSError) -> None:
    """Let the disk take so many bytes of each of the next writes, or refuse; then all of them."""
    queue = list(answers)

    def write(descriptor: int, data: bytes) -> int:
        answer = queue.pop(0) if queue else len(data)
        if isinstance(answer, OSError):
            raise answer
        return os.write(descriptor, data[:answer])

    monkeypatch.setattr(journal, "_write", write)


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_write_that_the_disk_takes_in_parts_is_finished(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path / "j")
    takes(monkeypatch, 3, 5)

    writer.append_all([LOG, END])

    assert records_of(tmp_path / "j") == [LOG, END]


@pytest.mark.parametrize("answers", [(FULL,), (3, FULL), (60, FULL)])
def test_a_write_that_stops_halfway_leaves_whole_frames_only(tmp_path, monkeypatch, answers):
    writer = JournalWriter(tmp_path / "j")
    writer.append(LOG)
    length = os.path.getsize(tmp_path / "j")
    takes(monkeypatch, *answers)

    with pytest.raises(OSError, match="No space left"):
        writer.append_all([LOG, END])

    assert os.path.getsize(tmp_path / "j") == length
    writer.append(END)
    assert records_of(tmp_path / "j") == [LOG, END]


def test_a_torn_frame_that_cannot_be_cut_at_once_is_cut_before_the_next(tmp_path, monkeypatch):
    def broken(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = JournalWriter(tmp_path / "j")
    takes(monkeypatch, 3, FULL)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(journal, "_ftruncate", broken)
        with pytest.raises(OSError, match="No space left"):
            writer.append(LOG)
        with pytest.raises(OSError, match="Input/output"):
            writer.append(LOG)

    writer.append(END)

    assert records_of(tmp_path / "j") == [END]


def test_a_journal_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch):
    takes(monkeypatch, 3, FULL)

    with pytest.raises(OSError, match="No space left"):
        JournalWriter(tmp_path / "j")

    assert os.listdir(tmp_path) == []
    JournalWriter(tmp_path / "j")


def test_threads_share_a_writer(tmp_path):
    writer = JournalWriter(tmp_path / "j")

    def append(thread: int) -> None:
        for index in range(50):
            writer.append({"kind": "log", "thread": thread, "index": index})

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = records_of(tmp_path / "j")
    for number in range(4):
        assert [r["index"] for r in found if r["thread"] == number] == list(range(50))


@given(st.lists(st.integers(0, 3), max_size=8))
def test_reading_piece_by_piece_gives_every_record_once(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("growing") / "j"
    writer, found, offset = JournalWriter(path), [], 0

    for number, count in enumerate(batches):
        writer.append_all([{"kind": "log", "batch": number}] * count)
        records, offset = read_records(path, after=offset)
        found += records

    writer.close()
    assert found == records_of(path)
    assert offset in (0, os.path.getsize(path))


def test_a_frame_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    writer = JournalWriter(tmp_path / "whole")
    writer.append_all([LOG, END])
    data = (tmp_path / "whole").read_bytes()

    found, offset = [], 0
    for length in range(len(data) + 1):
        (tmp_path / "j").write_bytes(data[:length])
        records, offset = read_records(tmp_path / "j", after=offset)
        found += [(length, record["kind"]) for record in records]

    first = len(PREAMBLE) + len(encode_frame(LOG))
    assert [kind for _, kind in found] == ["log", "end"]
    assert [length for length, _ in found] == [first, len(data)]
    assert read_records(tmp_path / "j", after=offset) == ([], offset)


def test_a_journal_is_read_while_it_grows(tmp_path):
    writer, found, offset = JournalWriter(tmp_path / "j"), [], 0
    appended = [
        {"kind": "log", "index": index, "text": "x" * (index % 300)} for index in range(500)
    ]
    thread = threading.Thread(target=lambda: [writer.append(record) for record in appended])
    thread.start()

    while len(found) < len(appended):
        records, offset = read_records(tmp_path / "j", after=offset)
        found += records
    thread.join()

    assert found == appended


def test_another_file_is_no_journal(tmp_path):
    (tmp_path / "notes.txt").write_text("not a journal")

    with pytest.raises(JournalDamaged, match=r"notes\.txt is not a flor journal"):
        read_journal(tmp_path / "notes.txt")


@pytest.mark.parametrize("tail", [b"", b"\x07", encode_frame(END)[:-1], bytes(64)])
def test_appending_behind_an_end_that_was_torn(tmp_path, tail):
    path = tmp_path / "j"
    path.write_bytes(PREAMBLE + encode_frame(LOG) + tail)

    append_behind(path, [END, LOG])

    assert records_of(path) == [LOG, END, LOG]
    assert path.stat().st_size == read_journal(path).whole_bytes


def test_nothing_is_appended_where_nobody_would_read_it(tmp_path):
    path = tmp_path / "j"
    damaged = bytearray(PREAMBLE + encode_frame(LOG) + encode_frame(END) + encode_frame(LOG))
    damaged[-len(encode_frame(LOG)) - 3] ^= 1
    for content in (bytes(damaged), PREAMBLE[:5]):
        path.write_bytes(content)

        with pytest.raises(JournalDamaged, match="is damaged behind its first"):
            append_behind(path, [END])

        assert path.read_bytes() == content


def test_appending_behind_a_journal_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        append_behind(tmp_path / "j", [END])

    assert not (tmp_path / "j").exists()
