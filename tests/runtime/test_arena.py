"""Arenas: copies lie as a file has them, there are at most two, and nobody waits unless they must."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

import pytest

from florlib.runtime.arena import (
    MOST_ARENAS,
    SMALL_BYTES,
    WAITING_SMALL_BYTES,
    Arena,
    Arenas,
    Snapshot,
    live_bytes,
)
from florlib.runtime.graph.memory import Block, Live
from tests.runtime.devices import copies

LARGE = SMALL_BYTES + 1


class Background:
    """What was to be done on another thread, done when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, call: Callable[[], None]) -> None:
        self.waiting.append(call)

    def run(self) -> None:
        """Do it."""
        while self.waiting:
            self.waiting.pop(0)()


def arenas(free: int | None = None) -> tuple[Arenas, Background]:
    background = Background()
    return Arenas(background, lambda: free, copies()[0]), background


def taken(of: Arenas, size: int, *, must: bool = False) -> Snapshot | None:
    """A snapshot of nothing that takes so much room."""
    return of.snapshot({}, size, must=must)


def test_copies_lie_in_the_order_of_a_file_and_stay_as_they_were():
    memory = [ctypes.create_string_buffer(bytes([n]) * 12, 12) for n in range(3)]
    places = [ctypes.addressof(one) for one in memory]
    blocks = {
        "bytes": Block("uint8", (12,), Live(places[0], 12), width=1),
        "double": Block("float64", (1,), Live(places[1], 8), width=8),
        "single": Block("float32", (3,), Live(places[2], 12), width=4),
        "kept": Block("uint8", (3,), b"abc"),
    }

    arena = Arena(live_bytes(blocks))
    arena.copy_in(blocks.values())
    for one in memory:
        ctypes.memset(one, 9, 12)

    assert [blocks[name].address - arena.address for name in ("double", "single", "bytes")] == [
        0,
        8,
        20,
    ]
    assert [bytes(block.view) for block in blocks.values()] == [
        bytes(12),
        b"\1" * 8,
        b"\2" * 12,
        b"abc",
    ]


def test_the_first_is_made_at_once_and_used_again():
    pool, background = arenas()

    first = taken(pool, LARGE, must=True)
    pool.give_back(first)
    second = taken(pool, LARGE)

    assert second.arena is first.arena
    assert background.waiting == []


def test_none_is_free_while_it_is_written_and_a_second_is_made_meanwhile():
    pool, background = arenas()
    first = taken(pool, LARGE, must=True)

    assert taken(pool, LARGE) is None
    assert taken(pool, LARGE) is None
    assert len(background.waiting) == 1
    background.run()
    second = taken(pool, LARGE)

    assert second.arena is not first.arena
    assert taken(pool, LARGE) is None
    assert background.waiting == []  # two are all there may be
    assert MOST_ARENAS == 2


def test_one_that_has_become_too_small_makes_room_for_a_larger_one():
    pool, background = arenas()
    pool.give_back(taken(pool, LARGE, must=True))

    assert taken(pool, 3 * LARGE) is None
    background.run()
    larger = taken(pool, 3 * LARGE)

    assert larger.arena.size >= 3 * LARGE


def test_one_is_made_at_once_for_who_has_the_time_while_there_may_be_another():
    pool, background = arenas()
    first = taken(pool, LARGE, must=True)

    second = pool.snapshot({}, 3 * LARGE, must=False, make=True)

    assert second.arena.size >= 3 * LARGE
    assert pool.snapshot({}, LARGE, must=False, make=True) is None
    assert background.waiting == []
    pool.give_back(first)
    pool.give_back(second)
    assert taken(pool, 3 * LARGE).arena is second.arena


def test_who_has_the_time_does_not_make_what_is_being_made():
    pool, background = arenas()
    taken(pool, LARGE, must=True)
    pool.prepare(LARGE)
    pool.prepare(LARGE)

    assert pool.snapshot({}, LARGE, must=False, make=True) is None
    assert len(background.waiting) == 1
    background.run()
    assert taken(pool, LARGE) is not None


@pytest.mark.parametrize(("free", "most"), [(None, 2), (8 * LARGE, 2), (3 * LARGE, 1), (LARGE, 0)])
def test_with_memory_short_there_is_one_or_none(free, most):
    pool, background = arenas(free)
    found = []

    for _ in range(5):
        found.append(taken(pool, LARGE))
        background.run()

    assert len([one for one in found if one is not None]) == most


def test_who_must_have_one_goes_without_rather_than_take_all_memory():
    pool, _ = arenas(LARGE)

    assert taken(pool, LARGE, must=True) is None


def test_who_must_have_one_waits_for_the_writer():
    pool, _ = arenas()
    first = taken(pool, LARGE, must=True)
    found = []
    waiting = threading.Thread(target=lambda: found.append(taken(pool, LARGE, must=True)))
    waiting.start()
    pool.give_back(first)
    waiting.join()

    assert found[0].arena is first.arena


def test_small_snapshots_have_memory_of_their_own_up_to_a_limit():
    pool, background = arenas()
    count = WAITING_SMALL_BYTES // SMALL_BYTES
    snapshots = [taken(pool, SMALL_BYTES) for _ in range(count)]

    assert None not in snapshots
    assert taken(pool, SMALL_BYTES) is None
    assert not pool.has_free(SMALL_BYTES)
    pool.give_back(snapshots.pop())
    assert pool.has_free(SMALL_BYTES)
    assert taken(pool, SMALL_BYTES) is not None
    assert background.waiting == []


def test_an_arena_comes_back_where_copying_fails():
    pool, _ = arenas()
    pool.give_back(taken(pool, LARGE, must=True))

    with pytest.raises(ctypes.ArgumentError):
        pool.snapshot({"a": Block("uint8", (9,), Live(object(), 9))}, LARGE, must=False)

    assert taken(pool, LARGE) is not None
