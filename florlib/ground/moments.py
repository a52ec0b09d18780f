"""Moments of a recorded process: before which turn of which of its training loops something happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from florlib.ground.position import Position, describe
from florlib.ground.recorded import BlockMark, MainMark, RecordedProcess

MAIN_WORD, INNER_WORD = "epoch", "step"  # for loops of any name, where none has this one


@dataclass(frozen=True, slots=True)
class Moment:
    """Before a turn of a training loop; an index of as many turns as there were is the loop's end.

    Attributes:
        main: number of the main loop.
        position: from the main loop inwards.
    """

    main: int
    position: Position


class NoSuchMoment(Exception):
    """A process did not come to a position.

    Attributes:
        near: a position that it came to; None where there is none.
    """

    def __init__(self, text: str, near: Position | None = None) -> None:
        super().__init__(text)
        self.near = near


def find_moment(process: RecordedProcess, wanted: Position) -> Moment:
    """The moment at a position whose loops are called by their names, or `epoch` and `step`.

    Raises:
        NoSuchMoment: the process did not come there, or several loops may be meant.
    """
    (name, index), *inner = wanted
    known = [mark.name for mark in process.mains]
    numbers = [number for number, mark in enumerate(process.mains) if mark.name == name]
    if not numbers and name == MAIN_WORD and len(known) == 1:
        numbers = [0]
    if not numbers:
        there = f"there is {', '.join(dict.fromkeys(known))}" if known else "there is none"
        near = ((known[0], 0),) if known else None
        raise NoSuchMoment(f"no main loop is called {name}; {there}", near)
    for number in numbers:
        mark = process.mains[number]
        if index <= _last(mark):
            position: Position = ((mark.name, index),)
            for word, turn in inner:
                position = (*position, _turn(mark, position, word, turn))
            return Moment(number, position)
    mark = process.mains[numbers[-1]]
    raise NoSuchMoment(f"{mark.name} had {mark.iterations} iterations", ((mark.name, _last(mark)),))


def newest_moment(process: RecordedProcess) -> Moment:
    """The newest boundary with a complete checkpoint; the start where there is none."""
    for number, mark in reversed([*enumerate(process.mains)]):
        whole = [n for n, one in mark.boundaries.items() if one.complete and n <= _last(mark)]
        if whole:
            return Moment(number, ((mark.name, max(whole)),))
    return Moment(0, ((process.mains[0].name, 0),))


def last_moment(process: RecordedProcess, told: Position) -> Moment:
    """Before the turn in which a process ended, as near as its record tells.

    Args:
        process: that has a main loop.
        told: where the last thing happened that the record tells of.
    """
    number = len(process.mains) - 1
    mark = process.mains[number]
    position: Position = ((mark.name, _last(mark)),)
    while mark.how in ("raise", "killed"):
        inner = _inner_end(mark, position) or _inner_told(mark, position, told)
        if inner is None:
            break
        position = (*position, inner)
    return Moment(number, position)


def _last(mark: MainMark) -> int:
    """The last index: of the end, or of the turn that was under way."""
    return mark.iterations - (mark.how == "return")


def _inner_end(mark: MainMark, around: Position) -> tuple[str, int] | None:
    """The loop directly inside that an error left, with the turn in which it did."""
    ends = [(loop, one.iterations) for loop, one in _inside(mark, around) if one.how == "raise"]
    return ends[-1] if ends else None


def _inner_told(mark: MainMark, around: Position, told: Position) -> tuple[str, int] | None:
    inside = _from_main(mark, told)
    if inside[: len(around)] != around or len(inside) == len(around):
        return None
    name, index = inside[len(around)]
    return (name, index) if name in _names(mark, len(around)) else None


def _turn(mark: MainMark, around: Position, word: str, turn: int) -> tuple[str, int]:
    """(name, index) of a turn of a loop directly inside a turn that was executed."""
    blocks = dict(_inside(mark, around))
    names = list(blocks) or _names(mark, len(around))
    if word not in names and word == INNER_WORD and len(names) == 1:
        word = names[0]
    if word not in names:
        there = f"there is {', '.join(names)}" if names else "there is none"
        near = (*around, (names[0], 0)) if names else around
        raise NoSuchMoment(
            f"no training loop in {describe(around)} is called {word}; {there}", near
        )
    if word in blocks and turn > blocks[word].iterations:
        count = blocks[word].iterations
        text = f"{word} had {count} turns in {describe(around)}"
        raise NoSuchMoment(text, (*around, (word, count)))
    return word, turn


def _inside(mark: MainMark, around: Position) -> Iterator[tuple[str, BlockMark]]:
    """The training loops directly inside a turn, as far as they came to an end."""
    for (parent, loop), block in mark.blocks.items():
        if _from_main(mark, parent) == around:
            yield loop, block


def _names(mark: MainMark, depth: int) -> list[str]:
    """The training loops at a depth of any turn, for turns that tell of none."""
    found = (loop for parent, loop in mark.blocks if len(_from_main(mark, parent)) == depth)
    return list(dict.fromkeys(found))


def _from_main(mark: MainMark, position: Position) -> Position:
    names = [name for name, _ in position]
    return position[names.index(mark.name) :] if mark.name in names else ()
