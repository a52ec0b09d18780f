"""Removing whole runs, which nothing but this does: what goes, what stands in the way, and its going."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from florctl.orchestrate.alone import alone_in
from florctl.orchestrate.answers.lookup import catalog_of
from florctl.orchestrate.keeping.stored import folder_bytes, read_stored
from florctl.orchestrate.keeping.sweep import why_left_alone
from florlib.ground.errors import FlorError, Locked, RunPinned
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.stores.atomic import sync_folder
from florlib.stores.catalog import named_values, questions
from florlib.stores.catalog.rows import RunRow
from florlib.stores.pins import read_pins
from florlib.stores.removed import note_removed
from florlib.stores.spooled import read_spooled

_NEVER = ("is being recorded", "is being replayed")


@dataclass(frozen=True, slots=True)
class Removal:
    """A run that is to go.

    Attributes:
        replays: of it, which go as well.
        values: that it and they logged.
        bytes: of all its files.
        copies: where it was spooled to; what lies there stays.
        obstacle: why it stays, in words; None where it goes.
        is_pinned: that is the obstacle.
    """

    run: RunRow
    replays: int
    values: int
    bytes: int
    copies: tuple[str, ...] = ()
    obstacle: str | None = None
    is_pinned: bool = False


def plan_removal(
    home: Path, runs: Sequence[RunRow], *, force: bool, now: datetime
) -> list[Removal]:
    """Find what goes with each of some runs, and what stands in the way; nothing is touched.

    Args:
        home: FLOR_HOME.
        runs: that are to go.
        force: also what is pinned, what was written a moment ago, and what may be going on on another
            machine; never what is going on on this one.
        now: the present.
    """
    found = []
    with catalog_of(home) as connection:
        for run in runs:
            layout = RunLayout(home / run.folder)
            names = named_values.names(connection, run.key)
            obstacle, is_pinned = _obstacle(run, layout, now)
            if force and obstacle not in _NEVER:
                obstacle, is_pinned = None, False
            found.append(
                Removal(
                    run,
                    len(questions.details(connection, run.key).replays),
                    sum(one.recorded + one.replayed for one in names),
                    folder_bytes(layout.folder),
                    _copies(layout),
                    obstacle,
                    is_pinned,
                )
            )
    return found


def _copies(layout: RunLayout) -> tuple[str, ...]:
    try:
        return tuple(copy.url for copy in read_spooled(layout.spool_file).copies)
    except FlorError:
        return ()  # damaged runs can go


def _obstacle(run: RunRow, layout: RunLayout, now: datetime) -> tuple[str | None, bool]:
    try:
        processes = read_stored(layout)
    except (FlorError, OSError):
        processes = []  # damaged runs can go
    reason = why_left_alone(run, layout, processes, now)
    if reason is not None:
        return reason, False
    try:
        is_pinned = bool(read_pins(layout.pins_file))
    except (FlorError, OSError, ValueError) as error:
        return f"has pins that cannot be read ({error})", True
    return ("is pinned", True) if is_pinned else (None, False)


def refuse(removals: Sequence[Removal]) -> None:
    """Complain about the first run that something stands in the way of.

    Raises:
        RunPinned: a pin does.
        Locked: it is going on.
    """
    for one in removals:
        if one.obstacle is None:
            continue
        message = f"{one.run.name}@{one.run.ordinal} {one.obstacle}"
        if one.is_pinned:
            raise RunPinned(message, hint=f"flor log rm {one.run.run} --force")
        raise Locked(message, hint=f"flor log show {one.run.run}")


def remove(home: Path, run: RunRow) -> None:
    """Remove a run with all that belongs to it; its code stays a version.

    It is gone at once, by a rename. Where this is killed before the files are deleted, a sweep
    deletes them.

    Raises:
        OSError: it cannot be moved, and is as it was; or not all of its files could be deleted.
    """
    layout = HomeLayout(home)
    folder = home / run.folder
    gone = layout.removed(run.name, run.run)
    with alone_in(folder.parent), alone_in(folder):
        note_removed(layout.removed_file(run.name), run.ordinal)
        os.rename(folder, gone)
        sync_folder(folder.parent)
    shutil.rmtree(gone)
