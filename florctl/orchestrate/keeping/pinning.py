"""Pinning runs and checkpoints, so that nothing drops them."""

from __future__ import annotations

import re
from pathlib import Path

from florctl.orchestrate.keeping.stored import read_stored
from florlib.ground.errors import CheckpointMissing, UsageError
from florlib.ground.layout import RunLayout
from florlib.ground.position import Position, describe
from florlib.stores.catalog.rows import RunRow
from florlib.stores.pins import Pins, read_pins, write_pins

_PLACE = re.compile(r"\s*([^=,]+?)\s*=\s*(\d+)\s*")


def position_of(text: str) -> Position:
    """Read `epoch=5` or `epoch=5,batch=100`.

    Raises:
        UsageError: it is no position.
    """
    found = [_PLACE.fullmatch(part) for part in text.split(",")]
    if any(match is None for match in found):
        raise UsageError(f"{text!r} is no position", hint="flor store pin @ --at epoch=5")
    return tuple((match[1], int(match[2])) for match in found if match is not None)


def pin(home: Path, run: RunRow, at: str | None, *, pinned: bool) -> str:
    """Pin a run or a checkpoint of it, or take the pin away.

    Args:
        home: FLOR_HOME.
        run: whose checkpoints are meant.
        at: the position of a checkpoint; None for the run itself.
        pinned: False to take the pin away; without a position that is all pins of the run.

    Returns:
        What is pinned, or is not any more, in words.

    Raises:
        CheckpointMissing: there is none at that position.
        UsageError: it is no position.
    """
    layout, label = RunLayout(home / run.folder), f"{run.name}@{run.ordinal}"
    pins = read_pins(layout.pins_file)
    if at is None:
        write_pins(layout.pins_file, whole=pinned, files=pins.files if pinned else ())
        return label
    position = position_of(at)
    files = _files_at(layout, label, position, run)
    changed = pins.files | files if pinned else pins.files - files
    write_pins(layout.pins_file, whole=pins.whole, files=changed)
    return f"{label} at {describe(position)}"


def pins_of(home: Path, run: RunRow) -> Pins:
    """What is pinned of a run."""
    return read_pins(RunLayout(home / run.folder).pins_file)


def _files_at(layout: RunLayout, label: str, position: Position, run: RunRow) -> frozenset[str]:
    known: dict[Position, set[str]] = {}
    for process in read_stored(layout):
        for one in process.checkpoints:
            known.setdefault(process.positions[one.file], set()).add(one.file)
    if position in known:
        return frozenset(known[position])
    asked = f"{label} has no checkpoint at {describe(position)}"
    if not known:
        raise CheckpointMissing(asked, hint=f"flor log show {run.run}")
    near = max(
        (one for one in known if _order(one) <= _order(position)),
        key=_order,
        default=min(known, key=_order),
    )
    words = ",".join(f"{loop}={index}" for loop, index in near)
    hint = f"flor store pin {run.run} --at {words}"
    raise CheckpointMissing(f"{asked}; the one before is at {describe(near)}", hint=hint)


def _order(position: Position) -> tuple[int, ...]:
    return tuple(index for _, index in position)
