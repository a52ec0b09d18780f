"""Bytes of a recorded run that change: bits that flip, files that are cut short, sectors of zeros.

A seed says which file of the run, how, and where.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.training import Answer, Training, is_subsequence
from tests.runner import FlorAt, FlorRunner

EPOCHS, SIZE = 6, 20_000
SECTOR = 512
# A record that ends too soon may also lack what a replay then says is too much.
RIGHT = {
    "checkpoint": {"verified"},
    "journal": {"verified", "unverified", "partial", "refused", "diverged"},
    "catalog": {"verified", "refused"},
}


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _blank(data: bytearray, chance: random.Random) -> None:
    """A sector that the disk lost: it had other bytes than zeros."""
    while True:
        at = chance.randrange(len(data)) // SECTOR * SECTOR
        length = min(SECTOR, len(data) - at)
        if any(data[at : at + length]):
            data[at : at + length] = bytes(length)
            return


CHANGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flipped": _flip,
    "cut": _cut,
    "blanked": _blank,
}
# SQLite finds pages that are missing; other bytes than it wrote, it takes for its own.
HOWS = {"checkpoint": sorted(CHANGES), "journal": sorted(CHANGES), "catalog": ["cut"]}
FILES = {
    "checkpoint": "train/*/checkpoints/*.safetensors",
    "journal": "train/*/journal.*.flor",
    "catalog": "catalog.db",
}
KINDS = tuple(FILES)


@dataclass(frozen=True)
class Change:
    """What was done to one file.

    Attributes:
        kind: one of KINDS.
        how: one of CHANGES.
        path: the file.
    """

    kind: str
    how: str
    path: Path


def changed(home: Path, kind: str, seed: int) -> Change:
    """Change one file of a home."""
    chance = random.Random(f"{kind} {seed}")
    path = chance.choice(sorted(home.glob(FILES[kind])))
    how = chance.choice(HOWS[kind])
    data = bytearray(path.read_bytes())
    CHANGES[how](data, chance)
    path.write_bytes(data)
    return Change(kind, how, path)


@dataclass(frozen=True)
class Recorded:
    """A run that was recorded once, its probed script, and what that prints without flor."""

    training: Training
    truth: list[str]

    @classmethod
    def begun(cls, folder: Path, flor_at: FlorAt = FlorRunner) -> Recorded:
        """Record it; its folder of replays and its catalog are there as well."""
        training = Training.begun(folder / "project", folder / "home", flor_at=flor_at)
        ran = training.record(EPOCHS, SIZE)
        assert ran.status == 0, ran.stderr
        truth = training.truth(EPOCHS, SIZE)
        assert training.flor("log", "list").status == 0
        return cls(training, truth)

    def asked_in(self, home: Path, kind: str, seed: int) -> tuple[Change, Answer]:
        """Ask a copy of the run, of which one file was changed.

        Raises:
            AssertionError: an answer is wrong, or the error is no line with a hint.
        """
        shutil.copytree(self.training.home, home)
        change = changed(home, kind, seed)
        answer = replace(self.training, home=home).ask()
        told = (change, answer)
        assert "Traceback" not in answer.stderr, told
        assert is_subsequence(answer.values, self.truth), told
        assert answer.status in RIGHT[kind], told
        if kind != "journal" and answer.status == "verified":
            assert answer.values == self.truth, told
        return told
