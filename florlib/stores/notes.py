"""What people wrote about a run after it: a note and tags, in `notes.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florlib.ground.errors import FormatTooNew
from florlib.stores.atomic import write_json

VERSION = 1


@dataclass(frozen=True, slots=True)
class Notes:
    """What was written about a run.

    Attributes:
        note: any text; empty where there is none.
        tags: that were given since; they go before those of the recording.
        removed: tags of the recording that were taken away.
    """

    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def over(self, recorded: Mapping[str, str]) -> dict[str, str]:
        """The tags that a run has, those of the recording among them.

        >>> Notes(tags={"b": "2"}, removed=frozenset("a")).over({"a": "1", "c": "3"})
        {'c': '3', 'b': '2'}
        """
        kept = {key: value for key, value in recorded.items() if key not in self.removed}
        return {**kept, **self.tags}


def read_notes(path: Path) -> Notes:
    """The notes in a file; none where it does not exist.

    Raises:
        FormatTooNew: a newer flor wrote it.
        OSError, ValueError: it cannot be read.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Notes()
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ValueError(f"{path} holds no notes")
    if content["format"] > VERSION:
        raise FormatTooNew(
            f"{path} was written in format {content['format']}; this flor reads {VERSION}",
            hint="pip install --upgrade florctl",
        )
    tags = {str(key): str(value) for key, value in content.get("tags", {}).items()}
    return Notes(str(content.get("note", "")), tags, frozenset(content.get("removed", ())))


def write_notes(path: Path, notes: Notes) -> None:
    """Put the notes of a run on disk.

    Raises:
        OSError: see `write_json`.
    """
    removed = sorted(notes.removed)
    content = {"format": VERSION, "note": notes.note, "tags": dict(notes.tags), "removed": removed}
    write_json(path, content)
