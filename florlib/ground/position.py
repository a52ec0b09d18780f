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


def instance_name(name: str, ordinal: int) -> str:
    """Name the ordinal-th loop (from 1) of the same name beside others.

    >>> instance_name("epoch", 1), instance_name("epoch", 2)
    ('epoch', 'epoch#2')
    """
    return name if ordinal == 1 else f"{name}#{ordinal}"
