"""The division of a replay's work: nothing is lost, parts begin at checkpoints, and none is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import BlockMark, CheckpointMark, MainMark, RecordedProcess
from florlib.hindsight.cost import Cost
from florlib.hindsight.division import divide, undivided

SMALL = CheckpointMark("a", True, False, (), 1000)


def loop(turns: int, boundaries: dict[int, CheckpointMark]) -> MainMark:
    return MainMark("epoch", "train.py", 0, turns, "exhausted", boundaries)


def cost(turns: int, seconds: float = 10.0) -> Cost:
    return Cost(1.0, {(0, n): seconds for n in range(turns)}, {}, 0.0, 0)


def asking(turns: int) -> Plan:
    return Plan("r", "inner", (Segment(0, 0, turns),), step=frozenset({("train.py", 1)}))


def divided(turns: int, boundaries: dict[int, CheckpointMark], workers: int) -> list[Segment]:
    mains = [loop(turns, boundaries)]
    return list(divide(asking(turns), mains, cost(turns), workers))


def everywhere(turns: int) -> dict[int, CheckpointMark]:
    return dict.fromkeys(range(turns + 1), SMALL)


@given(
    turns=st.integers(1, 60),
    workers=st.integers(2, 9),
    held=st.sets(st.integers(0, 60)),
)
def test_parts_follow_on_each_other_and_begin_at_checkpoints(
    turns: int, workers: int, held: set[int]
) -> None:
    parts = divided(turns, dict.fromkeys(held, SMALL), workers)

    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == turns
    assert all(part.start in held for part in parts[1:])
    assert all(part.start < part.stop for part in parts)


def test_the_first_parts_are_long_and_the_last_ones_short() -> None:
    lengths = [part.stop - part.start for part in divided(32, everywhere(32), 2)]

    assert lengths[0] == 8
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 1


def test_where_iterations_are_short_a_part_is_worth_its_restore() -> None:
    mains = [loop(1000, everywhere(1000))]

    parts = divide(asking(1000), mains, cost(1000, 0.001), 4)

    assert len(parts) < 5


def test_no_part_begins_where_worker_processes_were_under_way() -> None:
    busy = CheckpointMark("a", True, True, (), 1000)
    marks = {0: SMALL, **dict.fromkeys(range(1, 12), busy), 6: SMALL}

    assert {part.start for part in divided(12, marks, 4)} == {0, 6}


def test_nor_where_a_checkpoint_is_not_whole() -> None:
    torn = CheckpointMark("a", False, False, ("stream",), 1000)

    assert divided(4, dict.fromkeys(range(5), torn), 2) == [Segment(0, 0, 4)]


def test_an_iteration_that_is_long_for_one_worker_is_divided_in_steps() -> None:
    steps = dict.fromkeys(range(10, 100, 10), SMALL)
    block = BlockMark("train.py", 1, 100, "exhausted", True, checkpoint=SMALL, steps=steps)
    mark = loop(1, {0: SMALL})
    mark.blocks[(("epoch", 0),), "step"] = block

    parts = divide(asking(1), [mark], cost(1, 100.0), 2)

    assert all(part.turns is not None and (part.start, part.stop) == (0, 1) for part in parts)
    turns = [part.turns for part in parts if part.turns is not None]
    assert turns[0] == (0, 30)
    assert [start for start, _ in turns] == [0, *(stop for _, stop in turns[:-1])]
    assert turns[-1][1] == 100


def process(how: str = "exhausted") -> RecordedProcess:
    return RecordedProcess({"pid": 1}, [MainMark("epoch", "train.py", 0, 4, how)])


def test_what_goes_on_from_iteration_to_iteration_is_one_workers() -> None:
    assert undivided(Plan("r", "inner"), [process()]) is None
    assert "counter" in (undivided(Plan("r", "inner", carries=("counter",)), [process()]) or "")
    assert "files" in (undivided(Plan("r", "inner", files=True), [process()]) or "")
    assert undivided(Plan("r", "inner", anew=True), [process()]) is not None
    assert undivided(Plan("r", "inner", turns=((0, 2),)), [process()]) is not None
    assert undivided(Plan("r", "inner"), [process(), process()]) is not None
    assert undivided(Plan("r", "inner"), [process("raise")]) is not None


def test_the_expected_seconds_are_those_of_the_worker_that_ends_last() -> None:
    parts = [Segment(0, 0, 2), Segment(0, 2, 3), Segment(0, 3, 4)]
    whole = Cost(1.0, {(0, n): 2.0 for n in range(4)}, {(0, 2): 0.5}, 3.0, 0)

    first, second = whole.shared_s(parts, 2)

    assert round(first, 2) == round(1.0 + 0.05 + 4.0, 2)
    assert round(second, 2) == round(1.0 + 0.5 + 2.0 + 0.05 + 2.0 + 3.0, 2)
