"""What the page asks for, answered from the catalog as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.histograms import histogram_text
from florctl.orchestrate.export.chosen import PRINTED
from florctl.orchestrate.export.numbers import number_of
from florctl.orchestrate.page.curves import Curve, curves_of
from florlib.ground.layout import HomeLayout
from florlib.ground.stored_array import STORED
from florlib.ground.values import decode_value, plain_json
from florlib.stores.catalog import named_values, questions
from florlib.stores.catalog.connection import open_readonly
from florlib.stores.catalog.rows import RunDetails, RunRow, ValueRow

KEPT = 500
"""Curves, and tables of last values, that are kept as long as their run stays as it is."""
MOST_RUNS = 30
"""Runs that are drawn or compared at a time; more lines can no longer be told apart."""

Parameters = dict[str, list[str]]


@dataclass(slots=True)
class Answers:
    """Answers to what the page asks, from one catalog.

    Attributes:
        home: FLOR_HOME.
        asked: ids of the runs that the page is to begin with.
    """

    home: Path
    asked: Sequence[str] = ()
    _curves: dict[tuple[int, str, int], list[Curve]] = field(default_factory=dict)
    _last: dict[tuple[int, int], dict[str, ValueRow]] = field(default_factory=dict)

    def runs(self, parameters: Parameters) -> dict[str, Any]:
        """All runs, newest first; nothing but the stamp where they are as at the stamp `seen`."""
        with self._catalog() as connection:
            stamp = questions.stamp(connection)
            if parameters.get("seen") == [stamp]:
                return {"stamp": stamp}
            arguments = questions.all_arguments(connection)
            found = [_run(row, arguments.get(row.key, {})) for row in questions.runs(connection)]
        return {"stamp": stamp, "home": _short(self.home), "asked": list(self.asked), "runs": found}

    def names(self, parameters: Parameters) -> dict[str, Any]:
        """The names under which some runs have logged numbers."""
        found: set[str] = set()
        with self._catalog() as connection:
            for row in self._chosen(connection, parameters):
                last = self._last_of(connection, row)
                found |= {name for name, one in last.items() if number_of(one.value) is not None}
        return {"names": sorted(found.difference(PRINTED))}

    def curves(self, parameters: Parameters) -> dict[str, Any]:
        """The numbers of some names in some runs."""
        found: list[dict[str, Any]] = []
        with self._catalog() as connection:
            for row in self._chosen(connection, parameters):
                read = _so_far(connection, row.key)
                for name in parameters.get("name", []):
                    curves = self._curves_of(connection, row, name, read)
                    found += [{"run": row.run, "name": name, **one.to_json()} for one in curves]
        return {"curves": found}

    def comparison(self, parameters: Parameters) -> dict[str, Any]:
        """Arguments, tags and last values of some runs."""
        with self._catalog() as connection:
            chosen = self._chosen(connection, parameters)
            return {
                "runs": [
                    _compared(row, questions.details(connection, row.key), last)
                    for row, last in ((row, self._last_of(connection, row)) for row in chosen)
                ]
            }

    def _curves_of(
        self, connection: sqlite3.Connection, row: RunRow, name: str, read: int
    ) -> list[Curve]:
        """The curves of a name, from memory where nothing has come to the run."""
        key = (row.key, name, read)
        if key not in self._curves:
            turns = questions.turns(connection, row.key)
            values = named_values.values(connection, row.key, [name])
            _remember(self._curves, key, curves_of(values, turns))
        return self._curves[key]

    def _last_of(self, connection: sqlite3.Connection, row: RunRow) -> dict[str, ValueRow]:
        """The last value of each name, likewise."""
        key = (row.key, _so_far(connection, row.key))
        if key not in self._last:
            _remember(self._last, key, named_values.last_values(connection, row.key))
        return self._last[key]

    def _chosen(self, connection: sqlite3.Connection, parameters: Parameters) -> list[RunRow]:
        """The runs whose ids were given, in that order."""
        found = (questions.runs_by_id(connection, id_) for id_ in parameters.get("run", []))
        return [rows[0] for rows in found if rows][:MOST_RUNS]

    @contextmanager
    def _catalog(self) -> Iterator[sqlite3.Connection]:
        with closing(open_readonly(HomeLayout(self.home).catalog)) as connection:
            yield connection


def _remember(kept: dict[Any, Any], key: Any, found: Any) -> None:
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[key] = found


def _short(home: Path) -> str:
    """A path as people write it."""
    with suppress(ValueError, RuntimeError):
        return f"~/{home.relative_to(Path.home())}"
    return str(home)


def _run(row: RunRow, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": row.run,
        "label": f"{row.name}@{row.ordinal}",
        "name": row.name,
        "status": row.status,
        "started": row.started,
        "seconds": row.seconds,
        "exit_status": row.exit_status,
        "signal": row.signal,
        "iterations": row.iterations,
        "checkpoints": row.checkpoints,
        "bytes": row.bytes,
        "overhead": row.overhead,
        "version": row.version,
        "project": row.project,
        "command": list(row.command),
        "arguments": {name: plain_json(value) for name, value in arguments.items()},
    }


def _compared(row: RunRow, more: RunDetails, last: Mapping[str, ValueRow]) -> dict[str, Any]:
    return {
        **_run(row, more.arguments),
        "tags": more.tags,
        "environment": {
            name: more.environment.get(name) for name in ("python", "torch", "numpy", "platform")
        },
        "not_captured": len(more.not_captured),
        "replays": [{"replay": one.replay, "status": one.status} for one in more.replays],
        "last": {name: _last(value) for name, value in last.items() if name not in PRINTED},
    }


def _last(value: ValueRow) -> dict[str, Any]:
    content = value.value
    if isinstance(content, dict) and "$array" in content:
        _, dtype, shape, _ = content["$array"]
        content = f"{dtype}{shape}"
    elif isinstance(content, dict) and STORED in content:
        _, dtype, shape, *_ = content[STORED]
        content = f"{dtype}{shape}"
    elif isinstance(content, dict) and "$histogram" in content:
        content = histogram_text(decode_value(content))
    position = [{"loop": loop, "index": index} for loop, index in value.position]
    shown = plain_json(content)
    return {
        "value": shown if isinstance(shown, (bool, int, float, str)) else json.dumps(shown),
        "position": position,
        "origin": value.origin,
        "mark": value.mark,
        "trusted": value.is_trusted,
    }


def _so_far(connection: sqlite3.Connection, run: int) -> int:
    """Tells whether anything has come to a run: the bytes of it that were read."""
    (read,) = connection.execute(
        "SELECT coalesce(sum(offset + size), 0) FROM harvested WHERE run = ?", (run,)
    ).fetchone()
    return int(read)
