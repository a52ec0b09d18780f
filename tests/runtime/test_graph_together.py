"""Work on memory that threads share: all of it is done once, and nothing goes on behind the call."""

from __future__ import annotations

import ctypes
import random
import threading
import time

import pytest

from florlib.runtime.graph import together
from florlib.runtime.graph.together import PIECE_BYTES, in_threads, move


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "usable_cores", lambda: 3)


@pytest.mark.parametrize("shared_from", [0, 1 << 40])
def test_memory_is_copied_to_the_last_byte(monkeypatch: pytest.MonkeyPatch, shared_from: int):
    monkeypatch.setattr(together, "SHARED_FROM_BYTES", shared_from)
    chance = random.Random(1)
    sizes = [1, 7, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5, 64]
    sources = [ctypes.create_string_buffer(chance.randbytes(size), size) for size in sizes]
    target = ctypes.create_string_buffer(sum(sizes) + 1)
    at, moves = ctypes.addressof(target), []
    for source, size in zip(sources, sizes, strict=True):
        moves.append((at, ctypes.addressof(source), size))
        at += size

    move(moves)

    assert target.raw == b"".join(source.raw for source in sources) + b"\0"


def test_each_item_is_done_once():
    done: list[int] = []

    def do(item: int) -> None:
        time.sleep(0.001)
        done.append(item)

    in_threads(do, [*range(100)])

    assert sorted(done) == [*range(100)]


def test_the_threads_are_none_that_the_script_sees():
    seen: list[int] = []
    before, traced = threading.enumerate(), []
    threading.settrace(lambda *event: traced.append(event))
    try:
        in_threads(
            lambda item: (seen.append(threading.active_count()), time.sleep(0.001)), [1] * 50
        )
    finally:
        threading.settrace(None)

    assert (set(seen), traced, threading.enumerate()) == ({len(before)}, [], before)


def test_helpers_that_do_not_come_to_begin_are_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(together, "start_new_thread", lambda *_: 0)
    done: list[int] = []

    in_threads(done.append, [1, 2, 3])

    assert done == [1, 2, 3]


def test_where_no_thread_can_be_had_one_does_it(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(together, "start_new_thread", refuse)
    done: list[int] = []

    in_threads(done.append, [1, 2, 3])

    assert done == [1, 2, 3]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_raised_comes_when_nothing_goes_on_any_more(error: type[BaseException]):
    asking, going_on = threading.get_ident(), []

    def do(_: int) -> None:
        if threading.get_ident() == asking:
            raise error
        going_on.append(1)
        time.sleep(0.2)
        going_on.pop()

    with pytest.raises(error):
        in_threads(do, [*range(1000)])

    assert going_on == []


def test_an_error_of_a_helper_is_raised():
    asking = threading.get_ident()

    def do(_: int) -> None:
        time.sleep(0.001)
        if threading.get_ident() != asking:
            raise OSError("of a helper")

    with pytest.raises(OSError, match="of a helper"):
        in_threads(do, [*range(1000)])
