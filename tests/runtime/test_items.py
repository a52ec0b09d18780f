"""A main loop can begin at any of its items, and loads as few of the others as can be."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from florlib.runtime.items import ItemDriver, NoSuchItem
from florlib.runtime.loops import Items, Turns


class Squares(Dataset):
    """Squares that remember which were asked for."""

    def __init__(self) -> None:
        self.loaded: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        self.loaded.append(index)
        return index * index


def untold(number: int) -> None:
    """Hears which item is passed over, and does nothing about it."""


def driver(iterable) -> ItemDriver:
    return ItemDriver(Items.of(iterable), counted=False)


@pytest.mark.parametrize("iterable", [range(5, 9), [5, 6, 7, 8], (5, 6, 7, 8)])
def test_sequences_are_asked_for_their_item(iterable):
    items = driver(iterable)

    assert [items.at(n) for n in (2, 0, 3)] == [7, 5, 8]
    assert not items.needs_driving(3)
    with pytest.raises(NoSuchItem):
        items.at(4)


def test_the_items_of_a_while_loop_are_its_turns():
    items = ItemDriver(Items.of(Turns()), counted=True)

    assert [items.at(n) for n in (7, 0)] == [7, 0]
    assert not items.needs_driving(9)


@pytest.mark.parametrize("make", [lambda: {5: 1, 6: 2, 7: 3}, {5: 1, 6: 2, 7: 3}.keys])
def test_what_can_be_begun_anew_is_driven_forward_and_back(make):
    items = driver(make())

    assert items.needs_driving(2)
    items.drive(2, untold)
    assert items.at(2) == 7
    assert items.needs_driving(0)
    items.drive(0, untold)
    assert (items.at(0), items.at(1)) == (5, 6)
    assert not items.needs_driving(2)


def test_what_gives_its_items_once_is_driven_forward_alone():
    items = driver(iter([5, 6, 7, 8]))
    assert not items.needs_driving(0)
    items.drive(1, untold)

    assert items.at(1) == 6
    items.drive(3, untold)
    assert items.at(3) == 8
    with pytest.raises(NoSuchItem):
        items.at(4)
    with pytest.raises(NoSuchItem):
        items.drive(0, untold)


def test_who_is_told_of_an_item_hears_it_before_its_code_runs():
    heard = []

    def lessons():
        for number in range(3):
            heard.append(f"code of {number}")
            yield number

    items = ItemDriver(Items(lessons), counted=False)
    items.drive(2, heard.append)

    assert heard == [0, "code of 0", 1, "code of 1"]
    assert items.at(2) == 2


def test_a_loader_is_driven_by_its_sampler_alone():
    squares = Squares()
    items = driver(DataLoader(squares, batch_size=2))

    items.drive(2, untold)

    assert items.at(2).tolist() == [16, 25]
    assert squares.loaded == [4, 5]
    with pytest.raises(NoSuchItem):
        items.at(3)


def test_a_shuffled_loader_gives_the_batch_it_would_have_given():
    loader = DataLoader(Squares(), batch_size=2, shuffle=True)
    torch.manual_seed(1)
    expected = [batch.tolist() for batch in loader]

    torch.manual_seed(1)
    items = driver(loader)
    items.drive(1, untold)

    assert [items.at(1).tolist(), items.at(2).tolist()] == expected[1:]


@pytest.mark.parametrize("start", [0, 10])
def test_enumerated_loaders_count_on(start):
    squares = Squares()
    loader = DataLoader(squares, batch_size=2)
    items = ItemDriver(Items(enumerate, (loader,), {"start": start}), counted=False)

    items.drive(2, untold)

    number, batch = items.at(2)
    assert (number, batch.tolist()) == (start + 2, [16, 25])
    assert squares.loaded == [4, 5]


def test_a_call_is_made_only_when_its_items_are_wanted():
    made = []
    items = ItemDriver(Items(lambda n: made.append(n) or iter(range(n)), (3,)), counted=False)

    assert made == []
    assert items.needs_driving(1)
    items.drive(1, untold)
    assert items.at(1) == 1
    assert made == [3]
