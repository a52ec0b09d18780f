"""Files that a run wrote and that its project still has as the run left them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from florlib.ground.recorded import RecordedProcess
from florlib.ground.stamp import stamp


def left_files(project: Path, processes: Iterable[RecordedProcess]) -> dict[int, dict[str, bool]]:
    """By the number of a main loop, the files that are as it left them, and whether they are there."""
    found: dict[int, dict[str, bool]] = {}
    for process in processes:
        for main, files in process.left_files.items():
            kept = {
                path: left is not None for path, left in files.items() if _is(project, path, left)
            }
            found.setdefault(main, {}).update(kept)
    return found


def _is(project: Path, path: str, left: object) -> bool:
    return left is not False and stamp(project / path) == left
