"""What is to go wrong in a recorded process: rules for its calls of the operating system."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SHIM = Path(__file__).parent / "shim"
WRITES = ("write", "pwrite", "writev", "pwritev")
CHANGES = (*WRITES, "open", "fsync", "fdatasync", "ftruncate", "rename", "replace", "link", "mkdir")
JOURNAL, CHECKPOINTS = "/journal.", "/checkpoints/"


@dataclass(frozen=True)
class Rule:
    """What happens to some calls of a recorded process.

    Attributes:
        calls: names of functions of os; "write" and "open" are those of raw files as well, and
            "open_direct" is one that asks for O_DIRECT.
        under: what is in the path of the file concerned.
        first: which of such calls is the first that it happens to, from 1.
        times: how many of them it happens to; None for all that follow.
        error: name of an errno that the call fails with.
        short: a third of what is to be written is.
        space: bytes that these calls can write before the disk is full.
        hold: the call waits until this file exists, and makes one of this name and ".met" first.
        pause_s: how long the call waits.
        kill: "before" or "after" the call, the process kills itself.
    """

    calls: Sequence[str]
    under: str
    first: int = 1
    times: int | None = None
    error: str | None = None
    short: bool = False
    space: int | None = None
    hold: str | None = None
    pause_s: float = 0.0
    kill: str | None = None


def environment(rules: Sequence[Rule], log: Path) -> dict[str, str]:
    """Variables under which a recorded process follows the rules, and logs each hit in a file."""
    folders = [str(SHIM), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(folders),
        "FAULTS": json.dumps([asdict(rule) for rule in rules]),
        "FAULTS_LOG": str(log),
    }


def hits(log: Path) -> list[tuple[int, str, Path]]:
    """Which rule met which call on which file, in their order."""
    if not log.exists():
        return []
    found = []
    for line in log.read_text().splitlines():
        number, call, path = line.split(" ", 2)
        found.append((int(number), call, Path(path)))
    return found
