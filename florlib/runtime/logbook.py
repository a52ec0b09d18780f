"""The rows of a run's log on their way from the hot path to the journal.

The user's thread appends tuples; encoding happens on the flusher's thread, a batch at a time.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from florlib.ground.histogram import Histogram
from florlib.ground.position import Position
from florlib.ground.stored_array import LEAST_BYTES, StoredArray
from florlib.ground.values import Array, Lost, Other, encode_value
from florlib.runtime.figures import figures_of
from florlib.runtime.guard import degrade
from florlib.runtime.held import Held, held
from florlib.runtime.histograms import Sample, histogram_of
from florlib.stores.arrays import ArrayWriter

HINDSIGHT, VOLATILE, ALTERED = 1, 2, 4
"""Flags: of a statement that was added; not to be compared; typed behind something altered by hand."""

Row = tuple[Position, str, Any, str | None, int, int]
"""(position, name, value, file name, line, flags)"""

PLAIN = frozenset({float, int, str, bool, type(None)})
_DONE = PLAIN | {bytes, complex, Array, Histogram, Lost, Other, StoredArray}


def freeze(value: Any) -> Any:
    """The value as it is now; what may change later is copied, and no device is waited for.

    One that cannot be copied, for want of memory or as it holds itself, is told once, and is lost.
    """
    try:
        return _each(value, _frozen)
    except Exception as error:  # noqa: BLE001  # training goes on
        degrade("log a value", error)
        return lost(error)


def plain(value: Any) -> Any:
    """A value made of what `encode_value` takes: numbers, text, trees, arrays, or a repr."""
    return _each(value, _library_value)


def _each(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """A value in whose trees each leaf is replaced that JSON has no form for."""
    if type(value) in _DONE:
        return value
    if isinstance(value, list):
        return [_each(item, leaf) for item in value]
    if isinstance(value, tuple):
        return tuple(_each(item, leaf) for item in value)
    if isinstance(value, dict):
        return {plain_key(key): _each(item, leaf) for key, item in value.items()}
    return leaf(value)


def _frozen(value: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return held(value.detach().clone())
    return value.held() if isinstance(value, Sample) else _library_value(value)


def plain_key(key: Any) -> Any:
    """A dictionary's key: kept where JSON trees can hold it, else its repr."""
    if type(key) in PLAIN or isinstance(key, tuple):
        return plain(key)
    return _text(key)


def _library_value(value: Any) -> Any:
    value = value.read() if isinstance(value, Held) else value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _tensor_value(torch, value.detach())
    if isinstance(value, Sample):
        return histogram_of(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic) and not value.dtype.hasobject:
            return plain(value.item()) if type(value.item()) is not type(value) else repr(value)
        if isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
            little = value.astype(value.dtype.newbyteorder("<"), copy=False)
            return Array(value.dtype.name, tuple(value.shape), little.tobytes(), "numpy")
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(value, pillow.Image):
        return _image_value(value)
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return Other(type(value).__qualname__, _text(value))


def _image_value(image: Any) -> Array:
    """The pixels of a PIL image, uint8[height, width] or uint8[height, width, channels]."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")  # palettes, inks and the like: as they are seen
    channels = () if image.mode == "L" else (len(image.getbands()),)
    return Array("uint8", (image.height, image.width, *channels), image.tobytes(), "numpy")


def _text(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  # the user's code, and no reason to end training
        return f"<{type(value).__qualname__}, whose repr raises {type(error).__name__}>"


def _tensor_value(torch: Any, tensor: Any) -> Any:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return Other("Tensor", repr(tensor))
    if tensor.ndim == 0:
        return tensor.item()
    whole = tensor.cpu().contiguous().resolve_conj().resolve_neg()
    # Not by numpy, which need not be there; elements one by one take a second for 25 MB.
    data = ctypes.string_at(whole.data_ptr(), whole.numel() * whole.element_size())
    return Array(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), data, "torch")


def kept_value(value: Any, arrays: ArrayWriter | None) -> Any:
    """A frozen value made plain; one that cannot be is told once, and that it is lost.

    Args:
        value: as `freeze` gives it.
        arrays: writes the elements of large arrays.
    """
    try:
        found = plain(value)
        return found if arrays is None else _apart(found, arrays)
    except Exception as error:  # noqa: BLE001  # of a device, for one; others are written all the same
        degrade("keep a logged value", error)
        return lost(error)


def _apart(value: Any, arrays: ArrayWriter) -> Any:
    """A plain value whose large arrays lie in files."""
    if isinstance(value, list):
        return [_apart(item, arrays) for item in value]
    if isinstance(value, tuple):
        return tuple(_apart(item, arrays) for item in value)
    if isinstance(value, dict):
        return {key: _apart(item, arrays) for key, item in value.items()}
    if not isinstance(value, Array) or len(value.data) <= LEAST_BYTES:
        return value
    digest, size = arrays.write(value.data), len(value.data)
    return StoredArray(value.library, value.dtype, value.shape, digest, size, figures_of(value))


def lost(error: Exception) -> Lost:
    """What is kept in the place of a value of which an error is the end."""
    return Lost(f"{type(error).__name__}: {error}")


@dataclass(slots=True)
class BatchEncoder:
    """Turns rows into one journal record.

    Attributes:
        relative: project-relative path of a file name, None for others.
        volatile: whether what a (path, line) logs depends on the wall clock.
        hindsight: whether a name that a (path, line) logs was added after the recorded run.
        arrays: writes the elements of large arrays, before the record that tells of them; where
            there is none, they are in the record.
    """

    relative: Callable[[str], str | None]
    volatile: Callable[[str, int], bool]
    hindsight: Callable[[str, int, str], bool]
    arrays: ArrayWriter | None = None

    def encode(self, rows: list[Row]) -> dict[str, Any]:
        """The "log" record of a batch; positions and sites are written once a batch."""
        positions: dict[Position, int] = {}
        sites: dict[tuple[str | None, int], int] = {}
        encoded = []
        for position, name, value, file, line, flags in rows:
            path = self.relative(file) if file is not None else None
            told = 0
            if path is not None:
                told |= VOLATILE if self.volatile(path, line) else 0
                told |= HINDSIGHT if self.hindsight(path, line, name) else 0
            kept = value if type(value) in PLAIN else kept_value(value, self.arrays)
            told |= VOLATILE if type(kept) is Lost else 0
            encoded.append(
                [
                    positions.setdefault(position, len(positions)),
                    name,
                    encode_value(kept),
                    sites.setdefault((path, line if path else 0), len(sites)),
                    flags | told,
                ]
            )
        return {
            "kind": "log",
            "rows": encoded,
            "positions": [[list(pair) for pair in position] for position in positions],
            "sites": [list(site) for site in sites],
        }
