"""Stands in for flor where the truth is made: loops pass through, and log() writes a line.

With this folder first on PYTHONPATH a probed script runs plainly, with none of flor's own code in
its process. Each logged value becomes a line of JSON, `[name, value]`, in the file that
PROBE_TRUTH names; JSON writes a float by its repr, from which it comes back bit for bit.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def log(name: str, value: Any) -> Any:
    """Append the value to the file of truth, if there is one; returns it unchanged."""
    target = os.environ.get("PROBE_TRUTH")
    if target is not None:
        with open(target, "a", encoding="utf-8") as lines:
            lines.write(json.dumps([name, value]) + "\n")
    return value


def apart() -> Iterator[None]:
    """Have the body executed in a fork, so that nothing but what it logs or prints remains of it.

    `for _ in flor.apart():` goes around a probe that draws random numbers or trains.
    """
    sys.stdout.flush()
    drawn = random.getstate()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise RuntimeError("a probe has failed")
        return
    random.setstate(drawn)  # Python gives each fork a seed of its own
    failed = True
    try:
        yield
        failed = False
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(failed)


def turn(word: str) -> None:
    """Tell where an iteration of the main loop begins, and where the loop has ended."""
    log("turn", word)
    print("turn", word)


def loop(*words: Any, probed: bool | None = None, name: str | None = None) -> Iterable[Any]:
    """The iterable, in both spellings: `loop(iterable)` and `loop("epoch", iterable)`."""
    iterable: Iterable[Any] = words[-1]
    return iterable


def arg(name: str, default: Any = None) -> Any:
    """The default, as in a run that was given no arguments."""
    return default


def checkpoints(*objects: Any, **named: Any) -> None:
    """Nothing: a plain run keeps no checkpoints."""


@contextlib.contextmanager
def checkpointing(**objects: Any) -> Iterator[None]:
    """Nothing, around a block."""
    yield


class MTK:
    """The names of the original Flor."""

    loop = staticmethod(loop)
    log = staticmethod(log)
    checkpoints = staticmethod(checkpoints)
