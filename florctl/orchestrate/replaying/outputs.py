"""What the workers of a replay wrote, brought together in one folder."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from florctl.orchestrate.replaying.workers import Worker
from florlib.ground.layout import ReplayLayout


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that a replay wrote.

    Attributes:
        files: where they lie, each with where it was written.
        split: those that several workers wrote in different ways, as the project has them.
    """

    files: dict[Path, Path]
    split: list[str]


def gather(workers: Sequence[Worker]) -> Outputs:
    """Bring together what workers wrote, and remove what was laid out for them.

    Of a file that several wrote, each its own part of it, the one that came furthest in the run
    decides what lies in `files`; what the others have stays in `files.N`.

    Args:
        workers: the one first that came furthest.
    """
    written = [(worker, worker.place.written(worker.layout)) for worker in workers]
    for worker in workers:
        worker.place.clear()
    found: dict[Path, Path] = {}
    split: dict[str, None] = {}
    for worker, paths in written:
        for path in paths:
            target, aside, inside = _targets(worker, path)
            if target not in found:
                found[target] = path
            elif filecmp.cmp(found[target], path, shallow=False):
                path.unlink()
            else:
                split[inside] = None
                found[aside] = path
    # The first worker's event files lie where those of others are to be: they make room before.
    for target, path in sorted(
        found.items(), key=lambda item: item[0] == item[1] or item[1] not in found
    ):
        _move(path, target)
    for _, paths in written:
        for folder in {path.parent for path in paths}:
            with suppress(OSError):
                os.removedirs(folder)
    return Outputs(dict(sorted(found.items())), list(split))


def _targets(worker: Worker, path: Path) -> tuple[Path, Path, str]:
    """(where a file is to lie, where it stays if another is there, its path in the project)."""
    layout = worker.layout
    whole = ReplayLayout(layout.folder)
    roots = [sandbox.root for sandbox in worker.place.sandboxes]
    areas = [
        *zip(roots, (whole.work, whole.work_beside), strict=False),
        (layout.work_elsewhere, whole.work_elsewhere),
    ]
    for own, common in areas:
        if path.is_relative_to(own):
            inside = path.relative_to(own)
            aside = common.with_name(f"{common.name}.{layout.worker}")
            return common / inside, aside / inside, inside.as_posix()
    return path, path, path.name


def _move(path: Path, target: Path) -> None:
    if path != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
