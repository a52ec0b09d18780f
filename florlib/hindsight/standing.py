"""Which value stands for a name at a place, where the recording and replays came to several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from florlib.stores.catalog.rows import SHELL, ValueRow


def standing(values: Iterable[ValueRow]) -> list[ValueRow]:
    """One value for each name, place and occurrence, in the order in which they were given.

    A recorded value goes before a replayed one, one of a verified replay before others, and of
    those the newest. What was logged at the prompt of a shell answers for nothing.

    Args:
        values: in the order of execution, those of every replay.
    """
    best: dict[tuple[Any, ...], tuple[tuple[bool, bool, str], int]] = {}
    rows = [row for row in values if row.origin != SHELL]
    for at, row in enumerate(rows):
        key = (row.wave, row.rank, row.position, row.name, row.occurrence)
        worth = (row.origin == "record", row.verified is True, row.origin)
        if key not in best or best[key][0] < worth:
            best[key] = (worth, at)
    return [rows[at] for at in sorted(at for _, at in best.values())]
