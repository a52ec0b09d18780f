"""A nested loop can be entered at any of its items, where what it goes over allows for that."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, Sampler

from florlib.runtime.course import Course
from florlib.runtime.loops import Items, Turns
from florlib.runtime.parts import NotEntered


class Squares(Dataset):
    """Squares that remember which were asked for."""

    def __init__(self) -> None:
        self.loaded: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        self.loaded.append(index)
        return index * index


class Reversed(Sampler):
    """A sampler of the user's own."""

    def __init__(self, data) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self):
        return iter(range(len(self.data) - 1, -1, -1))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(6))


def course_of(items: Items) -> Course | None:
    return Course.of_call(items) or Course.over(items.evaluate())


def entered(items: Items, index: int) -> list:
    """What is left of a loop's items that was entered at one of them."""
    course = course_of(items)
    assert course is not None
    course.enter(0, index, {}, "step")
    return list(course.rest({}, "step"))


def plain(batches) -> list:
    """Batches of one number each, as numbers."""
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize(
    "items",
    [
        Items.of([5, 6, 7, 8]),
        Items.of((5, 6, 7, 8)),
        Items.of(range(5, 9)),
        Items.of("5678"),
        Items.of(iter([5, 6, 7, 8])),
        Items.of(torch.tensor([5, 6, 7, 8])),
        Items.of(torch.tensor([5, 6, 7, 8]).numpy()),
        Items(enumerate, ([5, 6, 7, 8],), {"start": 3}),
        Items(enumerate, ("5678", 3)),
        Items.of(enumerate([5, 6, 7, 8])),
        Items(zip, ([5, 6, 7, 8], "abcde")),
        Items(enumerate, (zip([5, 6, 7], range(9), strict=False),)),
    ],
)
def test_sequences_are_entered_at_any_item(items):
    course = course_of(items)
    whole = list(course.rest({}, "step"))

    assert course.total == len(whole)
    assert entered(items, 2) == whole[2:]


def test_the_turns_of_a_while_loop_go_on_counting():
    course = course_of(Items.of(Turns()))
    course.enter(0, 7, {}, "step")

    assert list(itertools.islice(course.rest({}, "while"), 2)) == [7, 8]
    assert (course.total, course.roots("while")) == (None, {})


def test_a_list_that_grows_is_gone_through_to_its_present_end():
    waiting = [1, 2]
    course = course_of(Items.of(waiting))
    course.enter(0, 1, {}, "step")

    seen = []
    for one in course.rest({}, "step"):
        seen.append(one)
        if one < 5:
            waiting.append(one + 2)

    assert seen == [2, 4, 6]


def test_what_a_restore_has_made_anew_is_gone_over():
    course = course_of(Items.of(("old", "old", "old")))
    course.enter(0, 1, {}, "step")

    assert course.roots("step") == {"step[0]": ("old", "old", "old")}
    assert list(course.rest({"step[0]": ("new", "new")}, "step")) == ["new"]


def test_a_loader_is_entered_without_loading_what_is_passed_over():
    squares = Squares()
    loader = DataLoader(squares, batch_size=2, shuffle=True)
    torch.manual_seed(1)
    expected = plain(loader)
    squares.loaded.clear()

    torch.manual_seed(1)
    left = entered(Items(enumerate, (loader,)), 2)

    assert [(n, batch.tolist()) for n, batch in left] == [(2, expected[2])]
    assert len(squares.loaded) == 2


class Bar:
    """Goes through things as tqdm's bars do."""

    def __init__(self, iterable) -> None:
        self.iterable = iterable
        self.n = 0

    def __iter__(self):
        for item in self.iterable:
            yield item
            self.n += 1


Bar.__module__ = "tqdm.std"


@pytest.mark.parametrize("around", [Bar, lambda loader: Bar(enumerate(loader)), enumerate, zip])
def test_a_bar_is_entered_and_counts_what_was_passed_over(around):
    torch.manual_seed(1)
    loader = DataLoader(Squares(), batch_size=2, shuffle=True)
    expected = list(around(loader))

    torch.manual_seed(1)
    bar = around(loader)
    left = entered(Items.of(bar), 2)

    assert str(left) == str(expected[2:])
    assert getattr(bar, "n", 3) == 3


def test_a_course_goes_on_from_where_it_stands():
    loader = DataLoader(Squares(), batch_size=1)
    course = course_of(Items.of(loader))
    course.enter(0, 1, {}, "step")
    first = next(course.rest({}, "step"))

    course.enter(2, 4, {}, "step")

    assert [first.tolist(), *plain(course.rest({}, "step"))] == [[1], [16], [25]]


def test_an_order_that_is_drawn_bit_by_bit_cannot_be_entered():
    data = range(64)
    sampler = RandomSampler(data, replacement=True, generator=torch.Generator())
    course = course_of(Items.of(DataLoader(data, sampler=sampler)))

    course.enter(0, 31, {}, "step")
    with pytest.raises(NotEntered):
        course.enter(31, 40, {}, "step")


def test_two_orders_that_come_from_one_generator_cannot_be_entered():
    one, two = (DataLoader(Squares(), shuffle=True) for _ in range(2))
    course = course_of(Items(zip, (one, two)))

    with pytest.raises(NotEntered):
        course.enter(0, 1, {}, "step")


@pytest.mark.parametrize(
    "iterable",
    [
        (n for n in range(3)),
        {1: 2},
        map(str, range(3)),
        DataLoader(Stream()),
        DataLoader(Squares(), sampler=Reversed(Squares())),
        enumerate(n for n in range(3)),
        zip(range(3), iter({1: 2}), strict=False),
    ],
)
def test_other_things_are_gone_through_from_their_start(iterable):
    assert course_of(Items.of(iterable)) is None
