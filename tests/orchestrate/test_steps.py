"""Steps: one number for a position, the same whether all values are asked for or some."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from florctl.orchestrate.answers.steps import Steps, turns_per_entry
from florlib.ground.position import Position
from florlib.stores.catalog.rows import ValueRow

VALUE = ValueRow((), "loss", 0, 0.5, "record", None, False, 0, None, None, 0)


def at(*indices: int, loops: tuple[str, ...] = ("epoch", "batch")) -> Position:
    return tuple(zip(loops, indices, strict=False))


def test_turns_come_from_the_loops_where_entries_were_alike() -> None:
    values = [VALUE._replace(position=at(epoch, 90)) for epoch in range(2)]

    assert turns_per_entry({("epoch",): 2, ("epoch", "batch"): 200}, values) == {
        ("epoch",): 2,
        ("epoch", "batch"): 100,
    }
    assert turns_per_entry({("epoch",): 2, ("epoch", "batch"): 191}, values)["epoch", "batch"] == 91
    assert turns_per_entry({}, values)["epoch", "batch"] == 91


def test_a_loop_behind_another_goes_on_from_its_end() -> None:
    steps = Steps({("warm",): 3, ("epoch",): 2})

    found = [steps.of(at(index, loops=("warm",)), 0) for index in range(3)]
    found += [steps.of(at(index, loops=("epoch",)), 0) for index in range(2)]
    found.append(steps.of((), 0))

    assert found == [0, 1, 2, 3, 4, 5]
    assert steps.words() == "warm; 3 + epoch; outside the loops, in the order of execution"


def test_values_of_one_position_have_steps_of_their_own() -> None:
    steps = Steps({("epoch",): 2}, at_once=2)

    found = [steps.of(at(index), k) for index in range(2) for k in range(2)]

    assert found == [0, 1, 2, 3]
    assert steps.words() == "epoch * 2 + k, the k-th of its position"


def test_values_outside_all_loops_count_up() -> None:
    steps = Steps({})

    assert [steps.of((), k) for k in range(3)] == [0, 1, 2]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_a_part_has_the_steps_of_the_whole(
    epochs: int, batches: int, at_once: int, first: int
) -> None:
    per_entry = {("epoch",): epochs, ("epoch", "batch"): batches}
    every = [
        (at(epoch, batch), k)
        for epoch in range(epochs)
        for batch in range(batches)
        for k in range(at_once)
    ]
    whole, part = Steps(per_entry, at_once), Steps(per_entry, at_once)

    steps = {key: whole.of(*key) for key in every}

    assert list(steps.values()) == list(range(len(every)))
    assert all(part.of(*key) == steps[key] for key in every[first:])
