"""The journal records of loops: where they begin, turn and end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from florlib.ground.position import Position
from florlib.runtime.budget import Budget
from florlib.runtime.session import Entry
from florlib.source.loops import LoopSite


def enter_record(entry: Entry, position: Position, main: int, at_s: float) -> dict[str, Any]:
    """The journal record of a main loop that begins.

    Args:
        entry: of the loop.
        position: of its parent.
        main: its number.
        at_s: seconds since the process began.
    """
    return {
        "kind": "enter",
        "position": pairs(position),
        "loop": entry.name,
        "role": entry.role,
        "path": entry.path or "",
        "ordinal": entry.site.ordinal if entry.site else None,
        "line": entry.site.line if entry.site else None,
        "main": main,
        "at_s": at_s,
    }


def iteration_record(
    position: Position, main: int, index: int, seconds: float, left: str | None, turns: int = 1
) -> dict[str, Any]:
    """The journal record of an iteration of a main loop that is complete, or left early.

    Short ones share a record: `turns` of them, the last of which is `index`, took `seconds`.
    """
    record = {
        "kind": "iteration",
        "main": main,
        "index": index,
        "position": pairs(position),
        "seconds": seconds,
    }
    if turns > 1:
        record["turns"] = turns
    return record if left is None else {**record, "left": left}


def overhead_record(budget: Budget) -> dict[str, Any]:
    """The journal record of what checkpoints have cost so far."""
    return {
        "kind": "overhead",
        "stall_s": budget.stall_s,
        "slowed_s": budget.slowed_s,
        "longest_s": budget.longest_s,
        "expected_s": budget.cost.expected_s,
    }


def exit_record(
    entry: Entry, position: Position, how: str, iterations: int, *, main: int
) -> dict[str, Any]:
    """The journal record of a loop that ended; `position` is its parent's."""
    return {
        "kind": "exit",
        "position": pairs(position),
        "loop": entry.name,
        "role": entry.role,
        "how": how,
        "iterations": iterations,
        "skippable": how == "exhausted",
        "checkpoint": None,
        "main": main,
        "block": None,
        "path": entry.path,
        "ordinal": entry.site.ordinal if entry.site else None,
        "line": entry.site.line if entry.site else None,
    }


def loops_record(path: str, sites: Iterable[LoopSite]) -> dict[str, Any]:
    """The journal record of the loops of a file that take part in positions."""
    loops = [
        {
            "ordinal": site.ordinal,
            "name": site.name,
            "kind": site.kind,
            "line": site.line,
            "function": site.function,
            "training": site.training,
        }
        for site in sites
    ]
    return {"kind": "loops", "path": path, "loops": loops}


def pairs(position: Position) -> list[list[Any]]:
    """A position as the journal writes it."""
    return [list(pair) for pair in position]
