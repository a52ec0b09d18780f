"""Pins of a run: the checkpoints that a person wants kept whatever room they take, in `pins.json`."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from florlib.ground.errors import FormatTooNew
from florlib.stores.atomic import write_json

# Private copies, because scripts that are being recorded replace open.
_open = open

VERSION = 1


@dataclass(frozen=True, slots=True)
class Pins:
    """What is pinned of a run.

    Attributes:
        whole: the run itself: none of its checkpoints is dropped.
        files: checkpoints, relative to the run's folder.
    """

    whole: bool = False
    files: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.whole or bool(self.files)


def read_pins(path: Path) -> Pins:
    """The pins in a file; none where it does not exist.

    Raises:
        FormatTooNew: a newer flor wrote it.
        OSError, ValueError: it cannot be read.
    """
    try:
        with _open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return Pins()
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ValueError(f"{path} holds no pins")
    if content["format"] > VERSION:
        raise FormatTooNew(
            f"{path} was written in format {content['format']}; this flor reads {VERSION}",
            hint="pip install --upgrade florctl",
        )
    return Pins(bool(content.get("run")), frozenset(content.get("checkpoints", ())))


def write_pins(path: Path, *, whole: bool, files: Collection[str]) -> None:
    """Put the pins of a run on disk; no pins at all are no file.

    Raises:
        OSError: see `write_json`.
    """
    if whole or files:
        write_json(path, {"format": VERSION, "run": whole, "checkpoints": sorted(files)})
    else:
        path.unlink(missing_ok=True)
