"""How much room the runs below FLOR_HOME take, and what for."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from florctl.orchestrate.keeping.spool_status import spooled_run
from florctl.orchestrate.keeping.stored import folder_bytes
from florlib.ground.errors import FlorError
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.stores.catalog.rows import RunRow
from florlib.stores.pins import read_pins


@dataclass(frozen=True, slots=True)
class RunUsage:
    """The bytes of one run's files.

    Attributes:
        checkpoints: how many files.
        array_bytes: of large logged arrays; those of replays are replay_bytes.
        spooled_bytes: of checkpoints that lie in a spool alone; they take no room here.
        pinned: "run", "some" (checkpoints of it) or "" (nothing).
    """

    run: RunRow
    checkpoints: int
    checkpoint_bytes: int
    journal_bytes: int
    array_bytes: int
    replay_bytes: int
    spooled_bytes: int
    pinned: str

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum((self.checkpoint_bytes, self.journal_bytes, self.array_bytes, self.replay_bytes))


@dataclass(frozen=True, slots=True)
class Usage:
    """The bytes of runs, and of what they share.

    Attributes:
        exports_bytes: versions that were laid out for replays.
        catalog_bytes: the index, which can be made anew.
        free_bytes: of the disk.
    """

    runs: tuple[RunUsage, ...]
    exports_bytes: int
    catalog_bytes: int
    free_bytes: int


def usage_of(home: Path, runs: Iterable[RunRow]) -> Usage:
    """Measure runs, and what lies beside them in FLOR_HOME."""
    layout = HomeLayout(home)
    catalog = sum(path.stat().st_size for path in home.glob(f"{layout.catalog.name}*"))
    measured = tuple(_run_usage(home, run) for run in runs)
    exports = folder_bytes(layout.exports)
    return Usage(measured, exports, catalog, shutil.disk_usage(home).free)


def _run_usage(home: Path, run: RunRow) -> RunUsage:
    layout = RunLayout(home / run.folder)
    files = [path for path in layout.checkpoints.rglob("*.safetensors") if path.is_file()]
    return RunUsage(
        run,
        len(files),
        folder_bytes(layout.checkpoints),
        sum(path.stat().st_size for path in layout.journals()),
        folder_bytes(layout.arrays),
        folder_bytes(layout.replays),
        _spooled_bytes(home, run),
        _pinned(layout),
    )


def _pinned(layout: RunLayout) -> str:
    try:
        pins = read_pins(layout.pins_file)
    except (FlorError, OSError, ValueError):
        return ""
    return "run" if pins.whole else "some" if pins.files else ""


def _spooled_bytes(home: Path, run: RunRow) -> int:
    try:
        return spooled_run(home, run).absent_bytes
    except FlorError:
        return 0
