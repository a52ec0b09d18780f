"""Journals of small runs, record by record as the runtime writes them; nothing is executed."""

from __future__ import annotations

from typing import Any

from florlib.ground.recorded import RecordedProcess
from tests.homes import END, Record, log, process

SCRIPT = """\
import torch

torch.manual_seed(0)
for epoch in range(4):
    for step in range(3):
        loss.backward()
    print("epoch", epoch)
print("done")
"""
TWO_LOOPS = """\
for warm in range(2):
    loss.backward()
    print("warm", warm)
print("between")
for epoch in range(4):
    for step in range(3):
        loss.backward()
    print("epoch", epoch)
print("done")
"""


def source(text: str, path: str = "train.py", wrapped: tuple[int, ...] = (0, 1, 2)) -> list[Record]:
    """A project file that the run loaded, and the loops in it that were wrapped."""
    loops = [{"ordinal": ordinal} for ordinal in wrapped]
    return [
        {"kind": "source", "path": path, "digest": "0" * 64, "text": text},
        {"kind": "loops", "path": path, "loops": loops},
    ]


def boundary(loop: str, main: int, index: int, **changes: Any) -> Record:
    """The checkpoint at the beginning of an iteration."""
    return {
        "kind": "checkpoint",
        "position": [[loop, index]],
        "file": f"checkpoints/{index:06d}.000000.m{main}.safetensors",
        "role": "boundary",
        "main": main,
        "index": index,
        "block": None,
        "bytes": 4096,
        "stall_s": 0.01,
        "complete": True,
        "missing": [],
        **changes,
    }


def main_loop(
    loop: str,
    turns: int,
    *,
    main: int = 0,
    ordinal: int = 0,
    nested: tuple[str, int, int] | None = None,
    how: str | None = "exhausted",
    path: str = "train.py",
) -> list[Record]:
    """A main loop that logs `acc` in each iteration.

    `nested` is (name, ordinal, turns) of a training loop in it, which logs `loss` in each turn;
    `how` is None where the process was killed in it.
    """
    where = {"position": [], "loop": loop, "role": "main", "main": main}
    where |= {"path": path, "ordinal": ordinal, "line": 1}
    records: list[Record] = [{"kind": "enter", **where, "length": None}]
    for index in range(turns):
        here = [[loop, index]]
        records.append(boundary(loop, main, index))
        if nested is not None:
            records += _nested(here, main, index, path, *nested)
        records.append(log(here, ("acc", index / 4)))
        records.append(turn(loop, index, main))
    if how is None:
        return records
    records.append(boundary(loop, main, turns))
    return [*records, {"kind": "exit", **where, "how": how, "iterations": turns, **_NO_BLOCK}]


_NO_BLOCK = {"skippable": False, "checkpoint": None, "block": None, "index": None}


def _nested(
    here: list[list[Any]], main: int, index: int, path: str, loop: str, ordinal: int, turns: int
) -> list[Record]:
    steps = [log([*here, [loop, step]], ("loss", index + step / 8)) for step in range(turns)]
    left = {"kind": "exit", "position": here, "loop": loop, "role": "nested", "main": main}
    left |= {"path": path, "ordinal": ordinal, "line": 2, "how": "exhausted", "iterations": turns}
    file = f"checkpoints/{index:06d}.{turns:06d}.m{main}.safetensors"
    end = boundary(loop, main, index, role="block", block=0, file=file, position=here)
    left |= {"skippable": True, "checkpoint": file, "block": 0, "index": index}
    return [*steps, end, left]


def turn(loop: str, index: int, main: int = 0) -> Record:
    """An iteration of a main loop is complete."""
    record = {"kind": "iteration", "main": main, "index": index, "seconds": 2.0}
    return {**record, "position": [[loop, index]]}


def one_loop(turns: int = 4, *, ended: bool = True, how: str = "exhausted") -> list[Record]:
    """What the run of SCRIPT wrote."""
    loop = main_loop("epoch", turns, nested=("step", 1, 3), how=how if ended else None)
    after = [log([], ("print", "done")), END] if ended else []
    return [*source(SCRIPT), log([], ("print", "start")), *loop, *after]


def two_loops(*, ended: bool = True) -> list[Record]:
    """What the run of TWO_LOOPS wrote."""
    warm = main_loop("warm", 2)
    nested = ("step", 2, 3)
    how = "exhausted" if ended else None
    epochs = main_loop("epoch", 4, main=1, ordinal=1, nested=nested, how=how)
    after = [log([], ("print", "done")), END] if ended else []
    between = log([], ("print", "between"))
    return [*source(TWO_LOOPS), *warm, between, *epochs, *after]


def recorded(records: list[Record], **head: Any) -> RecordedProcess:
    """The process that wrote these records."""
    found = RecordedProcess.read([process(**head), *records])
    assert found is not None
    return found
