"""An import from its words to runs: what kind of store lies there, and which of its runs are new."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.importing.flor2 import COMMITS as FLOR2_COMMITS
from florctl.orchestrate.importing.flor2 import read_flor2
from florctl.orchestrate.importing.flordb import COMMITS, LATEST, RUNS, read_flordb3, read_flordb4
from florctl.orchestrate.importing.foreign import ForeignRun, Found
from florctl.orchestrate.importing.tensorboard import folders_of, read_tensorboard
from florctl.orchestrate.importing.writing import id_of, is_there, write_run
from florctl.orchestrate.recording.script import check_name
from florlib.ground.errors import FlorError, HomeNotWritable, UsageError
from florlib.ground.layout import HomeLayout
from florlib.stores.versions import committed

FORMATS: dict[str, Callable[[Path], Found]] = {
    "tensorboard": read_tensorboard,
    "flor-2": read_flor2,
    "flordb-3": read_flordb3,
    "flordb-4": read_flordb4,
}


class NothingToImport(FlorError):
    """No store of a kind that flor can read lies there."""

    code, exit_status = "nothing-to-import", 2


@dataclass(slots=True)
class Import:
    """What came of an import.

    Attributes:
        runs: that were added, each with its id, its name and what it came from.
        known: how many were there already.
        problems: one line each on what could not be read.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    known: int = 0
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"runs": self.runs, "known": self.known, "problems": self.problems}


def import_runs(
    place: Path, home: Path, *, name: str | None, origin: str | None, now: datetime
) -> Import:
    """Add the runs of a store to FLOR_HOME; what is there already stays as it is.

    Args:
        place: a file, a folder or a repository.
        home: FLOR_HOME.
        name: that all of them get; None for each one's own.
        origin: one of FORMATS; None to find out.
        now: the present.

    Raises:
        NothingToImport: nothing of the kind lies there.
        UsageError: the name cannot be one, or there is no such format.
        HomeNotWritable: FLOR_HOME cannot be written.
    """
    if name is not None:
        check_name(name)
    if origin is not None and origin not in FORMATS:
        raise UsageError(
            f"there is no format {origin}: {', '.join(FORMATS)}",
            hint=f"flor import {place} --from {next(iter(FORMATS))}",
        )
    if not place.exists():
        raise NothingToImport(f"there is no {place}", hint="ls")
    kinds = kinds_of(place) if origin is None else [origin]
    if not kinds:
        raise NothingToImport(
            f"{place} holds no event files of TensorBoard's, and no store of Flor's or FlorDB's",
            hint=f"ls -a {place}",
        )
    done = Import()
    for kind in kinds:
        found = FORMATS[kind](place)
        done.problems += found.problems
        for run in sorted(found.runs, key=lambda one: one.started):
            _take(run, HomeLayout(home), name, now, done)
    return done


def kinds_of(place: Path) -> list[str]:
    """The formats of what lies in a place."""
    found = []
    if place.is_file():
        if folders_of(place):
            found.append("tensorboard")
        elif place.name == LATEST:
            found.append("flordb-3")
        elif place.suffix == ".jsonl" and _is_flordb4(place):
            found.append("flordb-4")
        return found
    if any((place / RUNS).glob("*.jsonl")):
        found.append("flordb-4")
    elif (place / LATEST).is_file() or committed(place, COMMITS):
        found.append("flordb-3")
    if committed(place, FLOR2_COMMITS):
        found.append("flor-2")
    if folders_of(place):
        found.append("tensorboard")
    return found


def _is_flordb4(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as lines:
            told = json.loads(lines.readline())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and {"projid", "tstamp", "ctx"} <= told.keys()


def _take(run: ForeignRun, home: HomeLayout, name: str | None, now: datetime, done: Import) -> None:
    if is_there(run, home.home):
        done.known += 1
        return
    try:
        layout = write_run(run, home, name, now)
    except OSError as error:
        raise HomeNotWritable(
            f"{home.home} cannot be written ({error.strerror})",
            hint="export FLOR_HOME=/a/folder/you/can/write",
        ) from error
    done.runs.append(
        {
            "run": id_of(run),
            "name": layout.folder.parent.name,
            "from": run.origin,
            "place": str(run.place),
            "values": len(run.values),
        }
    )
