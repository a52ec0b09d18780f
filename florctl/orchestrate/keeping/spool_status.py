"""What of a run lies in spools, and what of that is here as well; no spool is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from florlib.ground.layout import RunLayout
from florlib.ground.spool_format import SpooledFile
from florlib.stores.catalog.rows import RunRow
from florlib.stores.spooled import Copy, Spooled, read_spooled


@dataclass(frozen=True, slots=True)
class SpooledRun:
    """Where the files of a run are.

    Attributes:
        spooled: what is known of its copies; none of a run that was never spooled.
        checkpoints: that were sent, by path, each as it was sent last.
        absent: those of them that are not here.
    """

    run: RunRow
    spooled: Spooled
    checkpoints: dict[str, SpooledFile]
    absent: tuple[str, ...]

    @property
    def copies(self) -> tuple[Copy, ...]:
        """Where it was sent, in that order."""
        return self.spooled.copies

    @property
    def absent_bytes(self) -> int:
        """What would lie here if nothing had been dropped."""
        return sum(self.checkpoints[path].bytes for path in self.absent)

    def absent_in(self, copy: Copy) -> list[SpooledFile]:
        """The checkpoints that are not here and that a copy has."""
        held = {one.path for one in copy.manifest.checkpoints}
        return [self.checkpoints[path] for path in self.absent if path in held]


def spooled_run(home: Path, run: RunRow) -> SpooledRun:
    """Look where the files of a run are.

    Raises:
        RunDamaged, FormatTooNew: what tells of it cannot be read.
    """
    layout = RunLayout(home / run.folder)
    spooled = read_spooled(layout.spool_file)
    checkpoints = {file.path: file for copy in spooled.copies for file in copy.manifest.checkpoints}
    absent = tuple(path for path in checkpoints if not (layout.folder / path).exists())
    return SpooledRun(run, spooled, checkpoints, absent)
