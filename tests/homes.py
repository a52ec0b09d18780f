"""Homes for tests of the catalog: run folders with run.json and journals, written as runs write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from florlib.ground.journal_format import PREAMBLE, encode_frame
from florlib.ground.layout import HomeLayout, ReplayLayout, RunLayout

NOW = datetime.now(timezone.utc).replace(microsecond=0)
"""When these tests were loaded; files that they write are at most as much younger as all tests take."""
LATER = NOW + timedelta(days=1)
"""When every file that these tests write has long been left alone."""
BOOT, HOST = "boot-1", "host-1"
HINDSIGHT, VOLATILE = 1, 2

Record = dict[str, Any]
Position = list[list[Any]]


@dataclass
class Home:
    """A home that grows run by run."""

    path: Path

    def run(
        self,
        token: str = "aaaaaa",
        *,
        name: str = "linear",
        ordinal: int = 1,
        minutes_ago: int = 60,
        records: list[Record] | None = None,
        **changes: Any,
    ) -> RunLayout:
        """Add a run; `records` follow the process record of its one journal."""
        started = NOW - timedelta(minutes=minutes_ago)
        run = f"{started:%Y%m%d-%H%M%S}-{token}"
        layout = HomeLayout(self.path).run(name, run)
        layout.folder.mkdir(parents=True)
        content: dict[str, Any] = {
            "format": 1,
            "run": run,
            "name": name,
            "ordinal": ordinal,
            "project": "/home/ann/project",
            "cwd": "/home/ann/project",
            "command": ["python", "train.py", "--lr", "0.1"],
            "script": "train.py",
            "tags": {"note": "first"},
            "version": {
                "commit": f"{token}c0ffee".ljust(40, "0"),
                "work_commit": f"{token}beef".ljust(40, "1"),
                "tree": "3" * 40,
                "base": "4" * 40,
                "branch": "main",
                "dirty": 2,
                "store": "repository",
                "skipped": [],
            },
            "environment": {"python": "3.11.7", "platform": "linux", "hostname": HOST},
            "budget": 0.01,
            "started": started.isoformat(),
            "pid": 1,
            "pid_start": "no such start",
            "host": HOST,
            "boot": BOOT,
            "ended": (started + timedelta(seconds=90)).isoformat(),
            "exit_status": 0,
            "signal": None,
            "warnings": [],
        }
        layout.run_file.write_text(json.dumps({**content, **changes}))
        if records is not None:
            write_journal(layout.journal(0, 100), [process(run=run), *records])
        return layout

    def replay(
        self,
        layout: RunLayout,
        token: str,
        records: list[Record],
        report: dict[str, Any] | None = None,
        pid: int = 200,
    ) -> ReplayLayout:
        """Add a replay of a run."""
        replay = layout.replay(f"{NOW:%Y%m%d-%H%M%S}-{token}")
        replay.folder.mkdir(parents=True, exist_ok=True)
        head = process(run=layout.run, replay=replay.replay, pid=pid)
        write_journal(replay.journal(0, pid), [head, *records])
        if report is not None:
            replay.report_file.write_text(json.dumps(report))
        return replay


def write_journal(path: Path, records: list[Record]) -> None:
    """Write a journal anew."""
    path.write_bytes(PREAMBLE + b"".join(map(encode_frame, records)))


def append_journal(path: Path, records: list[Record]) -> None:
    """Let a journal grow."""
    with path.open("ab") as file:
        file.write(b"".join(map(encode_frame, records)))


def process(
    run: str = "r", *, replay: str | None = None, rank: int = 0, pid: int = 100, **changes: Any
) -> Record:
    """The first record of a journal."""
    return {
        "kind": "process",
        "format": 1,
        "run": run,
        "mode": "replay" if replay else "record",
        "replay": replay,
        "rank": rank,
        "pid": pid,
        "script": "train.py",
        "argv": ["train.py", "--lr", "0.1"],
        "cwd": "/home/ann/project",
        "checkpoints": "checkpoints",
        "python": "3.11.7",
        "torch": "2.13.0",
        "started": NOW.isoformat(),
        **changes,
    }


def log(position: Position, *rows: tuple[Any, ...]) -> Record:
    """Rows (name, value) or (name, value, flags) at one position."""
    return {
        "kind": "log",
        "positions": [position],
        "sites": [["train.py", 7]],
        "rows": [[0, name, value, 0, *(flags or (0,))] for name, value, *flags in rows],
    }


def enter(position: Position, loop: str, role: str = "nested", main: int = 0) -> Record:
    """A loop begins."""
    line = 5 if role == "main" else 6
    record = {"kind": "enter", "position": position, "loop": loop, "role": role, "main": main}
    return {**record, "path": "train.py", "ordinal": line - 5, "line": line, "length": None}


def exit_(position: Position, loop: str, iterations: int, role: str = "nested") -> Record:
    """A loop ends."""
    record = {"kind": "exit", "position": position, "loop": loop, "role": role, "main": 0}
    line = 5 if role == "main" else 6
    where = {"path": "train.py", "ordinal": line - 5, "line": line}
    return {**record, **where, "how": "exhausted", "iterations": iterations, "skippable": True}


def iteration(index: int, seconds: float = 2.0) -> Record:
    """An iteration of the main loop is complete."""
    position = [["epoch", index]]
    return {
        "kind": "iteration",
        "main": 0,
        "index": index,
        "position": position,
        "seconds": seconds,
    }


def checkpoint(index: int, **changes: Any) -> Record:
    """A boundary was published."""
    return {
        "kind": "checkpoint",
        "position": [["epoch", index]],
        "file": f"checkpoints/{index:06d}.000000.safetensors",
        "role": "boundary",
        "main": 0,
        "index": index,
        "block": None,
        "bytes": 4096,
        "stall_s": 0.01,
        "complete": True,
        "missing": [],
        **changes,
    }


def overhead(**changes: Any) -> Record:
    """What checkpoints have cost."""
    costs = {"stall_s": 0.03, "slowed_s": 0.0, "longest_s": 2.0, "expected_s": 0.01}
    return {"kind": "overhead", **costs, **changes}


END: Record = {"kind": "end", "exit_status": 0, "signal": None, "how": "exit"}


def training(epochs: int = 2, steps: int = 2) -> list[Record]:
    """The journal of a small training: lr before, loss in each step, acc after each epoch."""
    records = [
        {"kind": "arg", "name": "lr", "value": 0.1, "source": "argparse"},
        log([], ("lr", 0.1)),
        enter([], "epoch", "main"),
    ]
    for epoch in range(epochs):
        here = [["epoch", epoch]]
        records.append(checkpoint(epoch))
        records += [
            log([*here, ["step", step]], ("loss", 1 / (1 + epoch * steps + step)))
            for step in range(steps)
        ]
        records += [exit_(here, "step", steps), log(here, ("acc", epoch / 4)), iteration(epoch)]
    names = {"kind": "captured", "names": ["net", "optimizer"]}
    files = {"kind": "files", "read": ["digits.npz"], "written": ["best.pt"]}
    return [*records, exit_([], "epoch", epochs, "main"), names, files, END]
