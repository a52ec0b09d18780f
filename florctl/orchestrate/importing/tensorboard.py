"""TensorBoard's event files, each folder of them a run; read by TensorBoard's own reader."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from florctl.orchestrate.importing.foreign import VOLATILE, ForeignRun, ForeignValue, Found
from florlib.ground.errors import UsageError
from florlib.ground.values import Array, encode_value

EVENTS = "*tfevents*"
LOOP = "step"
_HEAD = struct.Struct("<QI")
_CHECKSUM_BYTES = 4
CLOCK = "wall_time"
"""The name under which the time of each step is kept, in seconds since 1970."""


def folders_of(place: Path) -> list[Path]:
    """The folders below a place that hold event files, or the file's own."""
    if place.is_file():
        return [place.parent] if place.match(EVENTS) else []
    return sorted({file.parent for file in place.rglob(EVENTS) if file.is_file()})


def read_tensorboard(place: Path) -> Found:
    """The runs below a folder.

    Raises:
        UsageError: TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise UsageError("TensorBoard is not installed", hint="pip install 'florctl[tensorboard]'")
    found = Found()
    for folder in folders_of(place):
        files = [place] if place.is_file() else sorted(folder.glob(EVENTS))
        _add(place if place.is_dir() else folder, folder, files, found)
    return found


def _add(root: Path, folder: Path, files: Sequence[Path], found: Found) -> None:
    events = [event for file in files for event in _events(file, found.problems)]
    told = [event for event in events if event.HasField("summary")]
    if not told:
        found.problems.append(f"{folder} has no event with a value")
        return
    times = [event.wall_time for event in told if math.isfinite(event.wall_time)]
    started, ended = (datetime.fromtimestamp(at, timezone.utc) for at in (min(times), max(times)))
    arguments: dict[str, Any] = {}
    left: dict[str, int] = {}
    values: list[ForeignValue] = []
    clocked: set[int] = set()
    # Readers of several files go by steps, and so does what is told twice after a restart.
    for event in sorted(told, key=lambda one: max(-1, one.step)):
        position = ((LOOP, event.step),) if event.step >= 0 else ()
        own = []
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                arguments |= _hyper(value)
                continue
            kind, content = _content(value)
            if content is None:
                left[kind] = left.get(kind, 0) + 1
                continue
            own.append(ForeignValue(position, value.tag, encode_value(content)))
        if own and event.step not in clocked:
            clocked.add(event.step)
            values.append(ForeignValue(position, CLOCK, event.wall_time, VOLATILE))
        values += own
    found.problems += [f"{folder}: {count} {kind} left out" for kind, count in left.items()]
    digest = hashlib.sha256(b"".join(hashlib.sha256(one.read_bytes()).digest() for one in files))
    relative = folder.relative_to(root).parts
    name = "-".join(relative) or folder.resolve().name
    found.runs.append(
        ForeignRun(
            "tensorboard",
            folder,
            digest.digest(),
            name,
            root.resolve(),
            started,
            ended,
            None,
            arguments,
            values,
        )
    )


def _events(file: Path, problems: list[str]) -> Iterator[Any]:
    """The events of a file, as far as it is whole; its reader ends in silence where it is not."""
    from google.protobuf.message import DecodeError
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    count = 0
    try:
        for event in LegacyEventFileLoader(str(file)).Load():
            count += 1
            yield event
    except DecodeError as error:
        problems.append(f"{file} is damaged behind {count} events ({error})")
        return
    if not count:
        problems.append(f"{file} is no event file")
    elif count != _records(file.read_bytes()):
        problems.append(f"{file} is damaged behind {count} events, or was not finished")


def _records(data: bytes) -> int | None:
    """How many records the lengths in a file tell of; None where the last is not whole.

    A record is its length in 8 bytes, a checksum, the content, a checksum (TensorFlow's TFRecord).
    """
    at = count = 0
    while at + _HEAD.size <= len(data):
        at += _HEAD.size + _HEAD.unpack_from(data, at)[0] + _CHECKSUM_BYTES
        count += 1
    return count if at == len(data) else None


def _content(value: Any) -> tuple[str, Any]:
    """What kind of thing a summary is, and its content; None where flor has no form for it."""
    plugin = value.metadata.plugin_data.plugin_name
    which = value.WhichOneof("value")
    if which == "simple_value":
        return "scalars", float(value.simple_value)
    if which == "histo":
        return "histograms", _buckets(value.histo)
    if which != "tensor" or plugin in (
        "images",
        "audio",
        "mesh",
        "pr_curves",
        "graph_run_metadata",
    ):
        return plugin or which or "summaries", None
    from tensorboard.util import tensor_util

    elements = tensor_util.make_ndarray(value.tensor)
    if elements.dtype.kind in "OSU":
        texts = [_text(one) for one in elements.reshape(-1)]
        return "texts", texts[0] if len(texts) == 1 else texts
    if elements.size == 1:
        return "scalars", elements.reshape(-1)[0].item()
    kept = elements.astype(elements.dtype.newbyteorder("<"), copy=False)
    return "tensors", Array(elements.dtype.name, elements.shape, kept.tobytes(), "numpy")


def _buckets(histogram: Any) -> dict[str, Any]:
    return {
        "limits": list(histogram.bucket_limit),
        "counts": list(histogram.bucket),
        "min": histogram.min,
        "max": histogram.max,
        "num": histogram.num,
        "sum": histogram.sum,
        "sum_squares": histogram.sum_squares,
    }


def _text(content: Any) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


def _hyper(value: Any) -> dict[str, Any]:
    """The arguments that a summary of the hparams plugin holds."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    told = HParamsPluginData.FromString(value.metadata.plugin_data.content)
    found = {}
    for name, one in told.session_start_info.hparams.items():
        which = one.WhichOneof("kind")
        if which is not None:
            found[name] = encode_value(getattr(one, which))
    return found
