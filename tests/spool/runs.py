"""Runs to be spooled: journals of ten iterations, and a checkpoint at each boundary; nothing is executed."""

from __future__ import annotations

from typing import Any

from florlib.ground.layout import RunLayout
from florlib.stores.checkpoints import Buffer, contents_of, publish
from tests.homes import END, Home, checkpoint, enter, exit_, iteration

TURNS = 10


def add_run(
    home: Home,
    token: str = "aaaaaa",
    *,
    minutes_ago: int = 60,
    bytes_each: int = 5000,
    **changes: Any,
) -> RunLayout:
    """A run with eleven checkpoints, of which the last refers to the fifth."""
    records = [enter([], "epoch", "main")]
    for index in range(TURNS + 1):
        records.append(checkpoint(index, at_s=2.0 * index, turn_s=2.0 * index))
        records += [iteration(index)] if index < TURNS else []
    records += [exit_([], "epoch", TURNS, "main"), END]
    changes = {"version": None, **changes}
    layout = home.run(token, records=records, minutes_ago=minutes_ago, **changes)
    layout.checkpoints.mkdir()
    for index in range(TURNS):
        content = f"{token}{index}".encode() * bytes_each
        publish(path_of(layout, index), index, [Buffer("w", "uint8", (len(content),), content)])
    shared = f"{token}4".encode() * bytes_each
    publish(
        path_of(layout, TURNS),
        TURNS,
        [Buffer("w", "uint8", (len(shared),), shared)],
        refer=lambda keys: contents_of(path_of(layout, 4)),
    )
    return layout


def path_of(layout: RunLayout, index: int) -> Any:
    """The checkpoint at the beginning of an iteration."""
    return layout.checkpoints / f"{index:06d}.000000.safetensors"


def indices(layout: RunLayout) -> list[int]:
    """The checkpoints that are there."""
    return sorted(int(path.name[:6]) for path in layout.checkpoints.glob("*.safetensors"))


def contents(layout: RunLayout) -> dict[str, bytes]:
    """All checkpoints, byte for byte."""
    return {path.name: path.read_bytes() for path in layout.checkpoints.glob("*.safetensors")}
