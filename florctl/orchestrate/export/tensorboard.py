"""Runs as TensorBoard's event files, a folder a run, written by TensorBoard's own writer.

TensorBoard keeps numbers as float32. flor has no time for each value, so that all events bear the
time at which the run was started.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.arrays import Elements
from florctl.orchestrate.export.chosen import Chosen, ChosenRun, OutputExists, Track
from florctl.orchestrate.export.files import not_writable
from florctl.orchestrate.export.numbers import elements_of, number_of
from florctl.orchestrate.export.tables import Tally, cell_of
from florlib.ground.cells import bytes_text
from florlib.ground.errors import UsageError
from florlib.ground.histogram import Histogram
from florlib.ground.values import decode_value

ABOUT = "flor/about"
"""The text that says which run it is, and what its steps mean."""
_EVENTS = "events.out.tfevents.*"


def write_tensorboard(chosen: Chosen, out: Path, tally: Tally, *, force: bool) -> None:
    """Write a folder a run below `out`, and one more for each further process that logged.

    Values that are not to be trusted are left out.

    Raises:
        UsageError: TensorBoard is not installed.
        OutputExists: a run's folder is there, and no force, or something else than event files is.
        OutputNotWritable: the folder cannot be written.
    """
    from importlib.util import find_spec

    if find_spec("tensorboard") is None:
        raise UsageError("TensorBoard is not installed", hint="pip install 'florctl[tensorboard]'")
    for row in chosen.rows:
        folder = out / f"{row.name}@{row.ordinal}"
        if folder.exists() and not force:
            raise OutputExists(f"{folder} is there already", hint="add --force to replace it")
    for run in chosen.runs():
        tracks = chosen.tracks(run)
        processes = {(track.rank, track.wave): None for track in tracks} or {(0, 0): None}
        for number, process in enumerate(sorted(processes)):
            own = [track for track in tracks if (track.rank, track.wave) == process]
            folder = out / (run.label + _suffix(process, is_first=not number))
            try:
                _write(folder, run, own, chosen, tally)
            except OSError as error:
                raise not_writable(folder, error) from error
        tally.runs += 1


def _suffix(process: tuple[int, int], *, is_first: bool) -> str:
    rank, wave = process
    return "" if is_first else f".rank{rank}" + (f".{wave}" if wave else "")


def _write(
    folder: Path, run: ChosenRun, tracks: Sequence[Track], chosen: Chosen, tally: Tally
) -> None:
    """Write one folder aside, and put it in its place when it is whole."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    aside = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    started = datetime.fromisoformat(run.row.started).timestamp()
    try:
        writer = EventFileWriter(str(aside))
        for step, summary in _summaries(run, tracks, chosen, tally):
            writer.add_event(Event(wall_time=started, step=step, summary=summary))
        writer.close()
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(_EVENTS):
            old.unlink()
        for new in aside.glob(_EVENTS):
            new.rename(folder / new.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _summaries(
    run: ChosenRun, tracks: Sequence[Track], chosen: Chosen, tally: Tally
) -> Iterator[tuple[int, Any]]:
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    arguments = {name: cell_of(one) for name, one in chosen.details(run.row).arguments.items()}
    yield 0, text_pb(ABOUT, _about(run, arguments, tracks))
    if arguments:
        yield 0, hparams_pb({name: _hyper(one) for name, one in arguments.items()})
    elements = Elements(run.row, chosen.home)
    for track in tracks:
        for step, value in track.values:
            if value.is_trusted:
                tally.values += 1
                yield step, _summary(track.name, elements.whole(value))
            else:
                tally.marked += 1


def _summary(tag: str, content: Any) -> Any:
    """A number as a scalar, an array of them and a histogram as one, everything else as a text."""
    import numpy
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    number = number_of(content)
    if number is not None:
        return Summary(value=[Summary.Value(tag=tag, simple_value=number)])
    if isinstance(content, dict) and "$histogram" in content:
        return _histogram(tag, decode_value(content))
    elements = elements_of(content)
    if elements is not None and elements.dtype.kind in "biuf" and numpy.isfinite(elements).all():
        return histogram_pb(tag, elements)
    return text_pb(tag, _text(content))


def _histogram(tag: str, counted: Histogram) -> Any:
    """The bins as they were logged: left edge, right edge, count (TensorBoard, histogram/metadata.py)."""
    import numpy
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.histogram.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    bins = numpy.array([counted.edges[:-1], counted.edges[1:], counted.counts]).T
    about = create_summary_metadata(display_name=None, description=None)
    tensor = make_tensor_proto(bins, dtype=numpy.float64)
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)])


def _text(content: Any) -> str:
    cell = cell_of(content)
    text = cell if isinstance(cell, str) else json.dumps(cell, default=bytes_text)
    return text.encode("utf-8", "backslashreplace").decode()


def _hyper(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)


def _about(run: ChosenRun, arguments: dict[str, Any], tracks: Sequence[Track]) -> str:
    """The run in Markdown."""
    row = run.row
    facts = {
        "run": f"{run.label} ({row.run})",
        "command": shlex.join(row.command),
        "status": row.status,
        "started": row.started,
        "version": row.version or "none",
        **{f"argument {name}": json.dumps(value) for name, value in arguments.items()},
        **{f"step of {track.name}": track.words for track in tracks},
        "time of events": "the start of the run; numbers are float32",
    }
    lines = [f"| {name} | {_cell(text)} |" for name, text in facts.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").encode("utf-8", "backslashreplace").decode()
