"""Flor 2: `.flor/log_records.csv` of each of its commits, and journals, which tell of loops alone."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from florctl.orchestrate.importing.foreign import ForeignRun, ForeignValue, Found, Unrolled
from florlib.ground.position import Position
from florlib.ground.values import encode_value
from florlib.stores.versions import Committed, committed, read_source

COMMITS = "RECORD::"
RECORDS = ".flor/log_records.csv"
_ABOUT, _SECONDS = ".flor/.replay.json", ".flor/seconds.json"
_LOOPS = ("epoch", "step")
_OF_FLOR = ("NAME", "TSTAMP", "PROJID", "EPOCHS", "MEMO")


def read_flor2(project: Path) -> Found:
    """The runs of all commits of a repository."""
    found = Found()
    seen: set[bytes] = set()
    for version in committed(project, COMMITS):
        files = [read_source(project, version.commit, path) for path in (_ABOUT, RECORDS, _SECONDS)]
        content = b"\0".join(file or b"" for file in files)
        if files[0] is not None and files[0] not in seen:
            seen.add(files[0])
            _add(project, version, files, content, found)
    return found


def _add(
    project: Path, version: Committed, files: list[bytes | None], content: bytes, found: Found
) -> None:
    file = project / f"{_ABOUT} of {version.commit[:12]}"
    about, records, timed = files
    try:
        told = json.loads(about or b"")
        started = datetime.fromisoformat(str(told["TSTAMP"]).removesuffix(".json")).astimezone()
        name = str(told["NAME"])
        seconds = _seconds(timed)
    except (KeyError, TypeError, ValueError, AttributeError):
        found.problems.append(f"{file} does not tell of a run")
        return
    own = {key: encode_value(value) for key, value in told.items() if key not in _OF_FLOR}
    values = [ForeignValue((), key, value) for key, value in own.items()]
    table = project / f"{RECORDS} of {version.commit[:12]}"
    # A run that logged nothing leaves the table of the one before where it was.
    if records and version.base and read_source(project, version.base, RECORDS) == records:
        found.problems.append(f"{table} is that of the run before: it may not be of this one")
        records = None
    values += _values(table, records or b"", found)
    found.runs.append(
        ForeignRun(
            "flor-2",
            file,
            content,
            name,
            project,
            started,
            started + timedelta(seconds=seconds),
            None,
            own,
            values,
            version,
        )
    )


def _values(file: Path, content: bytes, found: Found) -> list[ForeignValue]:
    """The rows of a table: epoch, step, name, value; both count from 1.

    Flor does not forget the last step, so that a value behind the inner loop bears its number.
    """
    unrolled = Unrolled()
    values = []
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
    for number, row in enumerate(rows, 2):
        try:
            position = _position(row, unrolled)
            value = encode_value(number_or_text(row["value"]))
            values.append(ForeignValue(position, row["name"], value))
        except (KeyError, TypeError, ValueError):
            found.problems.append(f"{file}, line {number} is no row of Flor's")
    return values


def _position(row: dict[str, str], unrolled: Unrolled) -> Position:
    indices = [int(float(row[loop])) - 1 for loop in _LOOPS if row[loop]]
    if any(index < 0 for index in indices):
        return ()
    return unrolled.place(list(zip(_LOOPS, indices, strict=False)))


def _seconds(content: bytes | None) -> float:
    told = json.loads(content) if content else {}
    return float(told.get("PREP") or 0.0) + sum(float(one) for one in told.get("EPOCHS") or ())


def number_or_text(text: str) -> Any:
    """What a cell of a table held before it was text; a text that reads as a number is one.

    >>> number_or_text("3"), number_or_text("0.5"), number_or_text("it")
    (3, 0.5, 'it')
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
