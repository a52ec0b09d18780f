"""Positions: the address of everything that happens in a run, as a path of (loop, index) pairs."""

from __future__ import annotations

from collections.abc import Sequence

Position = tuple[tuple[str, int], ...]
"""Outermost loop first; empty outside all loops. Indices count from 0."""

OUTSIDE: Position = ()


def position_from_json(pairs: Sequence[Sequence[object]]) -> Position:
    """Read a position from its JSON form.

    >>> position_from_json([["epoch", 3], ["loop", 12]])
    (('epoch', 3), ('loop', 12))
    """
    return tuple((str(name), int(str(index))) for name, index in pairs)


def describe(position: Position) -> str:
    """Say a position in words for people.

    >>> describe((("epoch", 3), ("loop", 12)))
    'epoch 3, loop 12'
    >>> describe(())
    'outside the loops'
    """
    if not position:
        return "outside the loops"
    return ", ".join(f"{name} {index}" for name, index in position)


def position_words(position: Position) -> str:
    """A position as options take it.

    >>> position_words((("epoch", 3), ("loop", 12)))
    'epoch=3,loop=12'
    """
    return ",".join(f"{name}={index}" for name, index in position)


def parse_position(words: str) -> Position | None:
    """Read a position from an option; None where it is not one.

    >>> parse_position("epoch=3,loop=12")
    (('epoch', 3), ('loop', 12))
    >>> parse_position("epoch 3") is None
    True
    """
    pairs = []
    for part in words.split(","):
        name, _, index = (piece.strip() for piece in part.rpartition("="))
        if not name or not (index.isascii() and index.isdecimal()):
            return None
        pairs.append((name, int(index)))
    return tuple(pairs)


def instance_name(name: str, ordinal: int) -> str:
    """Name the ordinal-th loop (from 1) of the same name beside others.

    >>> instance_name("epoch", 1), instance_name("epoch", 2)
    ('epoch', 'epoch#2')
    """
    return name if ordinal == 1 else f"{name}#{ordinal}"
