"""Reading back all that a run has published, by our own readers and by the stock library."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors

from florlib.ground.layout import RunLayout
from florlib.stores.atomic import writer_of
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import read_journal

FATES = ("checkpoint", "dropped")


@dataclass(frozen=True)
class ReadBack:
    """What a run's folder holds, all of it checked.

    Attributes:
        checkpoints: published files, as the journal names them.
        journalled: those that a journal tells of, and does not say were deleted for want of room.
        records: of all journals.
        torn_bytes: at the ends of journals, behind the last whole frame.
        orphans: temporary files that nobody will publish.
    """

    checkpoints: set[str]
    journalled: set[str]
    records: list[dict[str, Any]] = field(repr=False)
    torn_bytes: int
    orphans: list[Path]

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """The records of one kind."""
        return [record for record in self.records if record["kind"] == kind]

    def degraded(self) -> list[str]:
        """What flor says it could not do."""
        return [item["text"] for item in self.kinds("warning") if item["code"] == "degraded"]


def read_back(folder: Path) -> ReadBack:
    """Read everything that is published in a run's folder.

    Raises:
        FlorError, safetensors.SafetensorError, AssertionError: something of it is not whole.
    """
    layout = RunLayout(folder)
    json.loads(layout.run_file.read_text(encoding="utf-8"))
    checkpoints = {
        path.relative_to(folder).as_posix()
        for path in sorted(folder.glob("checkpoints/**/*.safetensors"))
        if writer_of(path.name) is None and is_whole(path)
    }
    records, torn_bytes = [], 0
    for path in layout.journals():
        decoded = read_journal(path)
        records += decoded.records
        torn_bytes += os.path.getsize(path) - decoded.whole_bytes
    told = {
        kind: {record["file"] for record in records if record["kind"] == kind} for kind in FATES
    }
    journalled = told["checkpoint"] - told["dropped"]
    assert journalled <= checkpoints
    orphans = [path for path in folder.rglob(".*") if writer_of(path.name) is not None]
    return ReadBack(checkpoints, journalled, records, torn_bytes, orphans)


def is_whole(path: Path) -> bool:
    """Whether a published checkpoint is as it was written; raises where it is not."""
    names = Checkpoint.open(path).names
    assert Checkpoint.open(path).verify() == len(names)
    held = dict(safetensors.deserialize(path.read_bytes()))
    assert held.keys() <= set(names)
    return True
