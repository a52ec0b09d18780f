"""Harvest: what the files of all runs say, brought into the catalog; again and again, at no risk.

What has to be done for one run stands in intake.py, which is loaded where there is a run to look at:
every command harvests first, and mostly nothing has changed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from florlib.ground.errors import FlorError
from florlib.ground.layout import REPLAYS, HomeLayout, RunLayout
from florlib.stores.catalog import marks
from florlib.stores.catalog.connection import open_catalog, translated, writing
from florlib.stores.collecting import uncollected


class Harvest(NamedTuple):
    """What a harvest did.

    Attributes:
        looked: runs whose files were looked at one by one.
        journals: journals of which something was read.
        values: logged values that were taken in or compared.
        problems: one line each on what could not be read; everything else was.
    """

    looked: int = 0
    journals: int = 0
    values: int = 0
    problems: Sequence[str] = ()


def harvest(home: Path, *, now: datetime, boot: str, host: str) -> Harvest:
    """Bring the catalog up to date with the files.

    Args:
        home: FLOR_HOME.
        now: the present, with a time zone.
        boot: id of this boot (`processes.boot_id`).
        host: name of this host (`processes.host_name`).

    Raises:
        HomeNotWritable, FormatTooNew, Locked: see `open_catalog`.
    """
    path = HomeLayout(home).catalog
    with closing(open_catalog(path)) as connection, translated(path):
        changed, lost = _changes(home, marks.stamps(connection), marks.replays_stamps(connection))
        gone = [key for folder in lost for key in marks.key_at(connection, folder)]
        return _taken_in(home, connection, changed, gone, (now, boot, host))


def rebuild(home: Path, *, now: datetime, boot: str, host: str) -> Harvest:
    """Make the catalog anew from the files, also where it is damaged; see `harvest`."""
    path = HomeLayout(home).catalog
    try:
        with closing(open_catalog(path)) as connection, translated(path), writing(connection):
            marks.forget_everything(connection)
    except FlorError as error:
        if not isinstance(error.__cause__, sqlite3.DatabaseError) or isinstance(
            error.__cause__, sqlite3.OperationalError
        ):
            raise
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            file.unlink(missing_ok=True)
    return harvest(home, now=now, boot=boot, host=host)


def forget(home: Path, layout: RunLayout) -> None:
    """Have the next harvest read a run anew, whose journals were put anew.

    Raises:
        HomeNotWritable, FormatTooNew, Locked: see `open_catalog`.
    """
    path = HomeLayout(home).catalog
    folder = str(layout.folder.relative_to(home))
    with closing(open_catalog(path)) as connection, translated(path):
        for key in marks.key_at(connection, folder):
            with writing(connection):
                marks.forget_run(connection, key)


def _changes(
    home: Path, known: dict[str, int], replays: dict[str, int]
) -> tuple[list[str], list[str]]:
    """The folders of runs, below FLOR_HOME, in which something may have happened; and those that are lost.

    Args:
        home: FLOR_HOME.
        known: see `marks.stamps`.
        replays: see `marks.replays_stamps`.
    """
    changed, lost = [], dict(known)
    for name in _folders(home):
        for run in _entries_of(home / name):
            folder = f"{name}/{run.name}"
            stamp = lost.pop(folder, None)
            # A new folder of replays changes its mtime, too.
            is_quiet = stamp and _is_unchanged(run, stamp)
            if is_quiet and folder in replays:
                is_quiet = _mtime_ns(f"{home}/{folder}/{REPLAYS}") == replays[folder]
            if is_quiet:
                continue
            if _is_folder(run):
                changed.append(folder)
            elif stamp is not None:
                lost[folder] = stamp
    return sorted(changed), list(lost)


def _taken_in(
    home: Path,
    connection: sqlite3.Connection,
    changed: list[str],
    gone: list[int],
    present: tuple[datetime, str, str],
) -> Harvest:
    if not changed and not gone:
        return Harvest()
    from florctl.orchestrate.answers.ahead import Ahead
    from florctl.orchestrate.answers.intake import Intake
    from florlib.stores.catalog.batches import Batch

    batch = Batch(connection)
    looked = 0
    with uncollected(), closing(Ahead(home, connection, changed)) as ahead:
        intake = Intake(home, connection, batch, ahead, *present)
        for name in changed:
            if intake.run(RunLayout(home / name), name):
                looked += 1
            else:
                gone += marks.key_at(connection, name)
        for key in gone:
            with batch.writing():
                marks.forget_run(connection, key)
        batch.commit()
    return Harvest(looked, intake.journals, intake.values, intake.problems)


def _entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder of runs.

    They are named from the descriptor of that one: from there the system finds them sooner than by a
    path, and 10,000 Path objects would cost more than the rest.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        with os.scandir(descriptor) as entries:
            yield from entries
    except OSError:  # it goes away meanwhile
        return
    finally:
        os.close(descriptor)


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_folder(entry)]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.name[0] != "." and entry.is_dir()


def _is_unchanged(run: os.DirEntry[str], mtime_ns: int) -> bool:
    try:
        return run.stat().st_mtime_ns == mtime_ns
    except OSError:
        return False


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
