"""Logged values as files: .npy for tensors and arrays, .png for those that are images, .json for all else."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from florlib.ground.errors import UsageError
from florlib.ground.values import plain_json
from florlib.stores.catalog.rows import ValueRow
from florlib.stores.elements import Array, NoElements, typed

_UNSPELLABLE = re.compile(r"[^\w.#+-]+")
_CHANNELS = {1: 0, 3: 2, 4: 6}
"""The colour type of PNG by the number of channels (PNG specification, 11.2.1)."""


def save_values(values: Iterable[ValueRow], folder: Path) -> list[Path]:
    """Write a file for each value, two for an image, named by its name and position.

    Raises:
        UsageError: one cannot be written.
        FlorError: `values` raises.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for value in values:
            for ending, content in _contents(value.value).items():
                path = folder / f"{_stem(value)}.{ending}"
                path.write_bytes(content)
                written.append(path)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}"
        ) from error
    return written


def _stem(value: ValueRow) -> str:
    """`sample.epoch-3.step-12`, and what else tells it from others of its name."""
    parts = [value.name, *(f"{loop}-{index:06d}" for loop, index in value.position)]
    parts += [f"rank-{value.rank}"] if value.rank else []
    parts += [f"wave-{value.wave}"] if value.wave else []
    parts += [f"k-{value.occurrence}"] if value.occurrence else []
    parts += [value.origin] if value.origin != "record" else []
    return ".".join(_UNSPELLABLE.sub("_", part) for part in parts)


def _contents(value: Any) -> dict[str, bytes]:
    """By the ending, what a file of the value holds."""
    elements = elements_of_value(value)
    if elements is None:
        text = json.dumps(plain_json(value), indent=2)
        return {"json": text.encode()}
    import io

    import numpy

    file = io.BytesIO()
    numpy.save(file, elements, allow_pickle=False)
    library = value["$array"][0]
    pixels = _pixels(elements, channels_first=library == "torch")
    image = {} if pixels is None else {"png": png(pixels)}
    return {"npy": file.getvalue(), **image}


def elements_of_value(value: Any) -> Array | None:
    """The elements of a logged tensor or array, given as JSON of the journal; None of all else.

    numpy has no bfloat16 and no 8-bit floats: those are float32, which holds each of them exactly.
    """
    if not isinstance(value, dict) or "$array" not in value:
        return None
    _, dtype, shape, text = value["$array"]
    try:
        found: Array = typed(memoryview(base64.b64decode(text)), dtype).reshape(shape)
    except (NoElements, ValueError):
        return None
    return found


def _pixels(elements: Array, *, channels_first: bool) -> Array | None:
    """uint8[height, width, channels] of what can be looked at as an image; None of all else.

    That is uint8, or floats from 0 to 1, of two dimensions, or three of which one is the channels:
    the first of a tensor, the last of an array.
    """
    if elements.ndim == 3 and channels_first and elements.shape[0] in _CHANNELS:
        elements = elements.transpose(1, 2, 0)
    if elements.ndim == 2:
        elements = elements[:, :, None]
    if elements.ndim != 3 or elements.shape[2] not in _CHANNELS or not elements.size:
        return None
    if elements.dtype.kind == "f" and bool(((elements >= 0) & (elements <= 1)).all()):
        elements = (elements * 255).round().astype("uint8")
    return elements if elements.dtype == "uint8" else None


def png(pixels: Array) -> bytes:
    """An image as PNG has it.

    Args:
        pixels: uint8[height, width, channels], of 1, 3 or 4 channels.
    """
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, _CHANNELS[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
