"""FlorDB 3 and 4: `.flor.json` of each of its commits, and `.flor/runs/*.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from florctl.orchestrate.importing.foreign import (
    VOLATILE,
    ForeignRun,
    ForeignValue,
    Found,
    Unrolled,
)
from florlib.ground.values import encode_value
from florlib.stores.versions import Committed, committed, read_source

COMMITS = "FLOR::Auto-commit::"
RUNS = Path(".flor", "runs")
LATEST = ".flor.json"
_LOGGED, _PRINTED, _TIMED = 1, 2, 3  # what `type` of a record says
_PARTS = {"delta::prefix", "delta::loop", "delta::suffix", "time::script", "time::teardown"}
"""Durations that follow one another and make up the run."""
_PRINTS = {"io::stdout": "print", "io::stderr": "stderr"}


def read_flordb4(place: Path) -> Found:
    """The runs below a folder with `.flor/runs`, or that of one file."""
    files = [place] if place.is_file() else sorted((place / RUNS).glob("*.jsonl"))
    found = Found()
    for file in files:
        project = file.parents[2] if file.parent.parts[-2:] == RUNS.parts else file.parent
        versions = {one.subject: one for one in committed(project, COMMITS)}
        content = file.read_bytes()
        records = list(_lines(file, content, found.problems))
        _add("flordb-4", file, content, records, project, versions, found)
    return found


def read_flordb3(place: Path) -> Found:
    """The runs of all commits of a repository, or that of one file."""
    found = Found()
    project = place.parent if place.is_file() else place
    versions = {one.subject: one for one in committed(project, COMMITS)}
    contents: dict[bytes, Path] = {}
    if not place.is_file():
        for version in versions.values():
            content = read_source(project, version.commit, LATEST)
            if content is not None:
                contents[content] = project / f"{LATEST} of {version.commit[:12]}"
    latest = place if place.is_file() else project / LATEST
    if latest.is_file():
        contents.setdefault(latest.read_bytes(), latest)
    for content, file in contents.items():
        try:
            records = json.loads(content)
        except ValueError:
            records = None
        if not isinstance(records, list):
            found.problems.append(f"{file} is no list of records in JSON")
            continue
        _add("flordb-3", file, content, records, project, versions, found)
    return found


def _lines(file: Path, content: bytes, problems: list[str]) -> Iterator[Any]:
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                problems.append(f"{file}, line {number} is no JSON")


def _loops(ctx: Any, origin: str) -> list[tuple[str, int]]:
    """The loops and indices around a record, outermost first; FlorDB 3 counts from 1, and nests."""
    if origin == "flordb-4":
        return [(segment["name"], int(segment["iteration"])) for segment in ctx or ()]
    found: list[tuple[str, int]] = []
    while ctx is not None:
        found.append((ctx["name"], int(ctx["iteration"]) - 1))
        ctx = ctx["p_ctx"]
    return found[::-1]


def _add(
    origin: str,
    file: Path,
    content: bytes,
    records: Iterable[Any],
    project: Path,
    versions: Mapping[str, Committed],
    found: Found,
) -> None:
    """Read the records of a run; what is none is told of, and the others count."""
    unrolled = Unrolled()
    values: list[ForeignValue] = []
    arguments: dict[str, Any] = {}
    about: Mapping[str, Any] | None = None
    seconds = 0.0
    for number, record in enumerate(records, 1):
        try:
            name, value, kind = record["name"], record["value"], record["type"]
            position = unrolled.place(_loops(record["ctx"], origin))
            encoded = encode_value(value)
            datetime.fromisoformat(record["tstamp"])
        except (KeyError, TypeError, ValueError, AttributeError):
            found.problems.append(f"{file}, record {number} is none of FlorDB's")
            continue
        about = about or record
        if kind == _TIMED:
            seconds += value if not position and name in _PARTS else 0.0
        is_early = not position and not any(one.position for one in values)
        if kind == _LOGGED and is_early:
            arguments.setdefault(name, encoded)
        flags = VOLATILE if kind == _TIMED else 0
        values.append(ForeignValue(position, _PRINTS.get(name, name), encoded, flags))
    if about is None:
        found.problems.append(f"{file} has no record of a run")
        return
    # The zone is not told: it is taken for that of this machine.
    started = datetime.fromisoformat(about["tstamp"]).astimezone()
    version = versions.get(f"{COMMITS}{about['tstamp']}")
    script = str(about.get("filename") or "") or None
    name = Path(script).stem if script else str(about.get("projid") or "flordb")
    found.runs.append(
        ForeignRun(
            origin,
            file,
            content,
            name,
            project,
            started,
            started + timedelta(seconds=seconds),
            script,
            arguments,
            values,
            version,
        )
    )
