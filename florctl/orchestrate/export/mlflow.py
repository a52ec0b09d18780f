"""Runs into an MLflow store of files, through MLflow's own client; nothing leaves the machine."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from florctl.orchestrate.export.chosen import Chosen, ChosenRun, OutputExists, Track
from florctl.orchestrate.export.files import not_writable
from florctl.orchestrate.export.numbers import number_of
from florctl.orchestrate.export.tables import Tally
from florlib.ground.cells import bytes_text
from florlib.ground.errors import FlorError, UsageError
from florlib.ground.values import plain_json

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from florlib.stores.catalog.rows import ValueRow

REST = "flor/values.jsonl"
"""The artifact with the values that are no metrics: texts, arrays, and those not to be trusted."""
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # From 3.16 on, a store of files is refused without it; the other kind needs all of MLflow.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
_LONGEST_PARAM = 6000
_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 1000, 100
_STATUSES = {"done": "FINISHED", "crashed": "FAILED", "killed": "KILLED", "running": "RUNNING"}
_RUN_TAG = "flor.run"


def write_mlflow(chosen: Chosen, out: Path, tally: Tally, *, force: bool) -> None:
    """Add runs to a store: arguments as params, numbers as metrics with steps, the rest as a file.

    The experiment has the name of the run. Values that are not to be trusted are no metrics.

    Raises:
        UsageError: MLflow is not installed.
        OutputExists: the store has the run already, and no force; or there is something else.
        OutputNotWritable: it cannot be written.
    """
    from importlib.util import find_spec

    if find_spec("mlflow") is None:
        raise UsageError("MLflow is not installed", hint="pip install 'florctl[mlflow]'")
    if out.exists() and any(out.iterdir()) and not any(out.glob("*/meta.yaml")):
        raise OutputExists(f"{out} is there, and no store of MLflow's", hint="name another --out")
    os.environ.update(SETTINGS)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        uri = out.resolve().as_uri()
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        places = [_place(client, chosen, index, force=force) for index in range(len(chosen.rows))]
        for run, experiment in zip(chosen.runs(), places, strict=True):
            _write(client, experiment, run, chosen, tally)
            tally.runs += 1
    except MlflowException as error:
        raise FlorError(f"MLflow refused: {error}".splitlines()[0]) from error
    except OSError as error:
        raise not_writable(out, error) from error


def _place(client: MlflowClient, chosen: Chosen, index: int, *, force: bool) -> str:
    """The experiment of a run, in which it is not yet, or not any more."""
    row = chosen.rows[index]
    label = f"{row.name}@{row.ordinal}"
    found = client.get_experiment_by_name(row.name)
    if found is None:
        return str(client.create_experiment(row.name))
    for old in client.search_runs([found.experiment_id], f"tags.`{_RUN_TAG}` = '{row.run}'"):
        if not force:
            raise OutputExists(f"{label} is in the store already", hint="add --force to replace it")
        client.delete_run(old.info.run_id)
    return str(found.experiment_id)


def _write(
    client: MlflowClient, experiment: str, run: ChosenRun, chosen: Chosen, tally: Tally
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    row, details, tracks = run.row, chosen.details(run.row), chosen.tracks(run)
    started = _milliseconds(row.started)
    keys = _keys(tracks)
    made = client.create_run(experiment, start_time=started, run_name=run.label)
    run_id = made.info.run_id
    metrics = (
        Metric(keys[at], number, started, step)
        for at, track in enumerate(tracks)
        for step, number in _metrics(track)
    )
    while batch := list(islice(metrics, _METRICS_AT_ONCE)):
        client.log_batch(run_id, metrics=batch)
    arguments = _params(details.arguments)
    for at in range(0, len(arguments), _PARAMS_AT_ONCE):
        some = arguments[at : at + _PARAMS_AT_ONCE]
        client.log_batch(run_id, params=[Param(key, text) for key, text in some])
    tags = {**_tags(run), **{f"flor.tag.{key}": text for key, text in details.tags.items()}}
    for key, track in zip(keys, tracks, strict=True):
        if any(_metrics(track)):
            tags[f"flor.step.{key}"] = track.words
        if key != track.name:
            tags[f"flor.name.{key}"] = track.name
    for key, text in tags.items():
        client.log_batch(run_id, tags=[RunTag(_key(key), text)])
    rest = [_object(value) for value in run.values if not _is_metric(value)]
    if rest:
        lines = [json.dumps(one, default=bytes_text) + "\n" for one in rest]
        client.log_text(run_id, "".join(lines), REST)
    tally.values += sum(map(_is_metric, run.values))
    tally.marked += sum(not value.is_trusted for value in run.values)
    ended = started + round(1000 * (row.seconds or 0.0))
    status = _STATUSES.get(row.status, "FAILED")
    if status == "RUNNING":
        client.update_run(run_id, status)
    else:
        client.set_terminated(run_id, status, ended)


def _tags(run: ChosenRun) -> dict[str, str]:
    row = run.row
    version = {"flor.version": row.version} if row.version else {}
    return {
        _RUN_TAG: row.run,
        "flor.status": row.status,
        "flor.command": shlex.join(row.command),
        "flor.steps": "flor.step.METRIC says how a metric's step comes from the loops",
        "flor.times": "flor has no time for each value: metrics bear the start of the run",
        **version,
    }


def _metrics(track: Track) -> Iterator[tuple[int, float]]:
    for step, value in track.values:
        number = number_of(value.value) if value.is_trusted else None
        if number is not None:
            yield step, number


def _is_metric(value: ValueRow) -> bool:
    return value.is_trusted and number_of(value.value) is not None


def _object(value: ValueRow) -> dict[str, Any]:
    position = [{"loop": loop, "index": index} for loop, index in value.position]
    return {
        "name": value.name,
        "position": position,
        "occurrence": value.occurrence,
        "rank": value.rank,
        "process": value.wave,
        "value": plain_json(value.value),
        "origin": value.origin,
        "mark": value.mark,
    }


def _params(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Arguments as texts; a longer one than MLflow takes is cut, and ends with dots."""
    found = []
    for key, name in zip(_distinct(map(_key, arguments)), arguments, strict=True):
        value = plain_json(arguments[name])
        text = value if isinstance(value, str) else json.dumps(value, default=bytes_text)
        cut = text if len(text) <= _LONGEST_PARAM else text[: _LONGEST_PARAM - 3] + "..."
        found.append((key, cut))
    return found


def _keys(tracks: Sequence[Track]) -> list[str]:
    """Names of metrics; those of further processes go by their ranks."""
    first: dict[str, tuple[int, int]] = {}
    for track in tracks:
        process = (track.rank, track.wave)
        first[track.name] = min(first.get(track.name, process), process)
    wanted = []
    for track in tracks:
        is_first = first[track.name] == (track.rank, track.wave)
        number = f".{track.wave}" if track.wave else ""
        wanted.append(_key(track.name if is_first else f"{track.name}.rank{track.rank}{number}"))
    # A store of files has a file for a metric, and so no folder of that name for others.
    return _distinct(
        key.replace("/", ".") if not set(_above(key)).isdisjoint(wanted) else key for key in wanted
    )


def _above(key: str) -> list[str]:
    """The folders that a key would lie in.

    >>> _above("val/loss/mean")
    ['val', 'val/loss']
    """
    parts = key.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _key(name: str) -> str:
    """A name as MLflow takes it: it is part of a path.

    >>> _key("loss (val)"), _key("/a/../b")
    ('loss _val_', '_a/__/b')
    """
    text = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
    parts = [re.sub(r"^\.+$", lambda dots: "_" * len(dots[0]), part) for part in text.split("/")]
    return "/".join(part or "_" for part in parts)[:250]


def _distinct(keys: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for key in keys:
        free = key
        while free in found:
            free += "_"
        found[free] = None
    return list(found)


def _milliseconds(time: str) -> int:
    return round(1000 * datetime.fromisoformat(time).timestamp())
