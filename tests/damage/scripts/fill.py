"""Writes more than fits into a place of 4 MB, then what fits; prints what came of it as JSON.

Usage: fill.py FOLDER [LIMIT]   (LIMIT: largest file this process may write, in bytes)
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from florlib.stores.checkpoints import Buffer, Checkpoint, publish
from florlib.stores.journal import JournalWriter, read_journal

if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
folder = Path(sys.argv[1])
BIG = 6 << 20
errors = []


def attempt(action) -> None:
    try:
        action()
    except OSError as error:
        errors.append(error.errno)


def checkpoint(name: str, size: int) -> None:
    publish(folder / name, name, [Buffer("w", "uint8", (size,), name.encode() * size)])


writer = JournalWriter(folder / "journal")
writer.append({"kind": "first"})
attempt(lambda: checkpoint("a", 1 << 20))
attempt(lambda: checkpoint("b", BIG))
attempt(lambda: writer.append_all([{"kind": "lost"}, {"kind": "big", "text": "x" * BIG}]))
attempt(lambda: checkpoint("c", 1 << 20))
attempt(lambda: writer.append({"kind": "last"}))

files = sorted(os.listdir(folder))
decoded = read_journal(folder / "journal")
report = {
    "errors": errors,
    "files": files,
    "verified": [Checkpoint.open(folder / name).verify() for name in "ac"],
    "kinds": [record["kind"] for record in decoded.records],
    "torn_bytes": os.path.getsize(folder / "journal") - decoded.whole_bytes,
}
print(json.dumps(report))
