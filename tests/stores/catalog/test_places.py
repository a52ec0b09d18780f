"""Places: values of all origins stand in the order in which one whole run would log them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from florlib.stores.catalog.places import HINDSIGHT, Cursor, Standing

Position = tuple[tuple[str, int], ...]


def execution(epochs: int, steps: int) -> list[tuple[Position, str, int]]:
    """What a whole probed run logs: recorded names in small letters, hindsight ones in capitals."""
    rows: list[tuple[Position, str, int]] = [((), "lr", 0), ((), "GRAD", HINDSIGHT)]
    for epoch in range(epochs):
        here: Position = (("epoch", epoch),)
        rows += [(here, "start", 0), (here, "NORM", HINDSIGHT)]
        for step in range(steps):
            there: Position = (*here, ("step", step))
            rows += [(there, "IN", HINDSIGHT), (there, "loss", 0), (there, "OUT", HINDSIGHT)]
        rows += [(here, "BEFORE", HINDSIGHT), (here, "acc", 0), (here, "acc", 0)]
        rows += [(here, "AFTER", HINDSIGHT)]
    return [*rows, ((), "best", 0), ((), "END", HINDSIGHT)]


def placed(rows: list[tuple[Position, str, int]]) -> list[tuple[tuple[int, ...], int, int, str]]:
    """Sort keys of what one process logs, in the order that `named_values.values` sorts by."""
    cursor = Cursor()
    found = []
    for number, (position, name, flags) in enumerate(rows):
        standing: Standing = cursor.stand(position, name, flags)
        found.append((standing.place.order(position), standing.turn, number, name))
    return found


@given(st.integers(1, 4), st.integers(1, 300), st.integers(0, 2**32))
def test_recorded_and_replayed_values_merge_into_the_order_of_execution(epochs, steps, seed):
    whole = execution(epochs, steps)
    recorded = [row for row in whole if not row[2]]
    workers: list[list[tuple[Position, str, int]]] = [[], []]
    chosen = random.Random(seed)
    owner = [chosen.randrange(2) for _ in range(epochs)]
    for row in whole:
        for number, worker in enumerate(workers):
            if not row[0] or owner[row[0][0][1]] == number:
                worker.append(row)

    merged = [(*key[:2], 0, key[2], key[3]) for key in placed(recorded)]
    for number, worker in enumerate(workers, 1):
        late = [(*key[:2], number, key[2], key[3]) for key in placed(worker)]
        merged += [key for key in late if key[4].isupper() and (number == 1 or key[0][0] != 0)]

    names = [name for *_, name in sorted(merged)]
    expected = [name for _, name, _ in whole]
    # The second worker's END stands outside the loops too; both ran it, and one is kept.
    assert [name for name in names if name != "END"] == [n for n in expected if n != "END"]


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 60))
def test_a_cursor_taken_up_from_its_text_goes_on_as_before(epochs, steps, at):
    rows = execution(epochs, steps)
    whole = Cursor()
    expected = [whole.stand(*row) for row in rows]

    first = Cursor()
    found = [first.stand(*row) for row in rows[:at]]
    second = Cursor.from_json(first.to_json())
    found += [second.stand(*row) for row in rows[at:]]

    assert found == expected
    assert second.seq == len(rows)


def test_a_skipped_loop_stands_where_it_was_recorded():
    recorded, replayed = Cursor(), Cursor()
    here = (("epoch", 0),)
    recorded.stand((*here, ("step", 4)), "loss", 0)
    replayed.meet(here, "step")

    assert replayed.stand(here, "acc", 0) == recorded.stand(here, "acc", 0)


def test_occurrences_are_counted_apart_for_hindsight():
    cursor = Cursor()
    flags = [0, HINDSIGHT, 0, HINDSIGHT]

    assert [cursor.stand((), "print", flag).occurrence for flag in flags] == [0, 0, 1, 1]
