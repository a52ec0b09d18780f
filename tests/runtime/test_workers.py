"""Worker processes of a DataLoader: what they have drawn is known, and they go on from there."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from florlib.runtime.course import Course
from florlib.runtime.graph import workers
from florlib.runtime.graph.shipping import held_by, set_worker_state, worker_state
from florlib.runtime.graph.workers import LoaderState, loader_state, times_begun, watch_workers

BATCHES = 6


class Noisy(Dataset):
    """Draws from all generators; counts what it loads where all processes see it."""

    def __init__(self) -> None:
        self.loaded = multiprocessing.get_context("fork").Value("i", 0)

    def __len__(self) -> int:
        return 2 * BATCHES

    def __getitem__(self, index: int) -> float:
        with self.loaded.get_lock():
            self.loaded.value += 1
        return index + random.random() + np.random.rand() + torch.rand(()).item()


class Counting(Dataset):
    """Counts in each worker for itself, which nobody can see from outside."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {"items": 0}

    def __len__(self) -> int:
        return 2 * BATCHES

    def __getitem__(self, index: int) -> int:
        self.seen["items"] += 1
        return index


class Broken(Dataset):
    def __len__(self) -> int:
        return 2 * BATCHES

    def __getitem__(self, index: int) -> int:
        raise ValueError(f"no item {index}")


@pytest.fixture(autouse=True)
def _watched() -> None:
    assert watch_workers()


def loader(data: Dataset, **how: Any) -> DataLoader:
    return DataLoader(
        data, 2, num_workers=2, prefetch_factor=1, multiprocessing_context="fork", **how
    )


def plain(batches: Iterator[Any]) -> list[Any]:
    return [batch.tolist() for batch in batches]


def gone_through(one: DataLoader, until: int) -> tuple[list[Any], LoaderState | None]:
    """All batches, and the state of the workers before one of them."""
    batches: list[Any] = []
    states: list[LoaderState | None] = [None]  # by the number of batches that were consumed
    for batch in one:
        batches.append(batch.tolist())
        states.append(loader_state(one, under_way=True))
    return batches, states[until]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("index", [2, 3])
def test_an_epoch_goes_on_in_its_middle_and_loads_nothing_else(
    persistent: bool, index: int
) -> None:
    torch.manual_seed(1)
    expected, state = gone_through(
        loader(Noisy(), shuffle=True, persistent_workers=persistent), index
    )
    again = loader(Noisy(), shuffle=True, persistent_workers=persistent)

    torch.manual_seed(1)
    course = Course.over(again)
    assert course is not None
    course.enter(0, index, {"step[0]": None, "step[1]": state}, "step")

    assert plain(course.rest({}, "step")) == expected[index:]
    assert again.dataset.loaded.value == 2 * (BATCHES - index)


def test_workers_that_live_on_go_on_with_the_next_epoch() -> None:
    torch.manual_seed(1)
    first = loader(Noisy(), shuffle=True, persistent_workers=True)
    plain(first)
    state, main = loader_state(first), torch.get_rng_state()
    expected = plain(first)

    torch.set_rng_state(main)
    second = loader(Noisy(), shuffle=True, persistent_workers=True)
    assert state is not None
    workers.expect(second, state, reused=True)

    assert loader_state(second) == state
    assert plain(second) == expected
    assert loader_state(second) == loader_state(first)


def test_what_a_user_gave_the_loader_stays_and_is_called() -> None:
    called = multiprocessing.get_context("fork").Value("i", 0)

    def begin(worker: int) -> None:
        with called.get_lock():
            called.value += 10 + worker

    one = loader(Noisy(), worker_init_fn=begin)
    batches = iter(one)
    assert one.worker_init_fn is begin
    assert loader_state(one, under_way=True) is None  # who knows what it has seeded
    next(batches)
    next(batches)

    assert loader_state(one, under_way=True) is not None
    assert called.value == 21


def test_a_dataset_that_changes_in_its_worker_is_seen() -> None:
    one = loader(Counting(), persistent_workers=True)
    plain(one)

    assert loader_state(one) is None


def test_an_error_in_a_worker_is_the_users_own_and_what_was_drawn_is_unknown() -> None:
    one = loader(Broken(), persistent_workers=True)

    with pytest.raises(ValueError, match="no item 0"):
        next(iter(one))
    assert loader_state(one, under_way=True) is None


def test_an_epoch_that_was_left_early_leaves_workers_ahead() -> None:
    one = loader(Noisy(), persistent_workers=True)
    for _ in one:
        break

    assert loader_state(one) is None
    rest = iter(one)
    next(rest)
    assert loader_state(one, under_way=True) is None
    next(rest)
    assert loader_state(one, under_way=True) is not None
    plain(rest)
    assert loader_state(one) is not None


def test_a_loop_over_a_loader_that_is_gone_through_inside_of_it_has_no_middle() -> None:
    one = loader(Noisy())
    course = Course.over(one)
    assert course is not None
    batches = iter(one)
    next(batches)
    assert course.is_ready

    next(iter(one))

    assert not course.is_ready
    assert times_begun(one) == 2


def test_states_come_back() -> None:
    random.gauss(0, 1)
    np.random.normal()
    before = worker_state()
    drawn = (random.gauss(0, 1), np.random.normal(), torch.rand(3).tolist())

    set_worker_state(before)

    assert (random.gauss(0, 1), np.random.normal(), torch.rand(3).tolist()) == drawn


TOTAL = [0]


class Adds:
    many = 0

    def __call__(self, items: list[Any]) -> list[Any]:
        TOTAL[0] += 1
        return items


@pytest.mark.parametrize(
    ("thing", "change"),
    [
        ([1, 2], lambda thing: thing.append(3)),
        ({"a": {"b": 1}}, lambda thing: thing["a"].update(b=2)),
        (np.zeros(4), lambda thing: thing.__setitem__(0, 1.0)),
        (torch.zeros(4), lambda thing: thing.add_(1)),
        (np.random.default_rng(1), lambda thing: thing.random()),
        (Adds(), lambda thing: setattr(thing, "more", 1)),
        (Adds(), lambda thing: setattr(Adds, "many", Adds.many + 1)),
        (Adds(), lambda thing: thing([])),
    ],
)
def test_what_is_held_tells_of_changes(thing: Any, change: Any) -> None:
    before = held_by(thing)
    assert held_by(thing) == before

    change(thing)

    assert held_by(thing) != before


def test_a_torch_that_is_not_as_known_is_left_alone() -> None:
    class Iterator2:
        def _process_data(self, data: Any, worker: int, other: int) -> None:
            """Not as it is known."""

    assert not workers._is_known(Iterator2)
