"""Where else the files of a run lie, in `spool.json` of its folder: what was spooled, and where to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.ground.errors import FormatTooNew, RunDamaged
from florlib.ground.spool_format import Manifest, SpooledFile
from florlib.stores.atomic import published

# Private copies, because scripts that are being recorded replace open.
_open = open

VERSION = 1


@dataclass(frozen=True, slots=True)
class Copy:
    """A run as one spool has it.

    Attributes:
        url: of the spool.
        endpoint_url: of the service, where it is not the one that the URL stands for.
        number: of the manifest.
        at: when it was sent or fetched, ISO 8601.
        manifest: what the spool holds.
    """

    url: str
    endpoint_url: str | None
    number: int
    at: str
    manifest: Manifest

    @property
    def place(self) -> tuple[str, str | None]:
        """What tells it from other copies."""
        return self.url, self.endpoint_url

    def to_json(self) -> dict[str, Any]:
        """As spool.json has it."""
        return {
            "url": self.url,
            "endpoint_url": self.endpoint_url,
            "number": self.number,
            "at": self.at,
            "manifest": self.manifest.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Copy:
        """What `to_json` gave."""
        return cls(
            content["url"],
            content["endpoint_url"],
            content["number"],
            content["at"],
            Manifest.from_json(content["manifest"]),
        )


@dataclass(frozen=True, slots=True)
class Spooled:
    """All copies of a run, the newest last; none of a run that was never spooled."""

    copies: tuple[Copy, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.copies)

    def file(self, path: str) -> SpooledFile | None:
        """A file as it was sent last; None where it never was."""
        for copy in reversed(self.copies):
            found = copy.manifest.file(path)
            if found is not None:
                return found
        return None

    def holders(self, path: str) -> list[Copy]:
        """The copies that have a file as it was sent last, the newest first."""
        wanted = self.file(path)
        return [
            copy
            for copy in reversed(self.copies)
            if wanted is not None and _same(copy.manifest.file(path), wanted)
        ]

    def with_copy(self, copy: Copy) -> Spooled:
        """The same with a copy that takes the place of an older one in the same spool."""
        others = tuple(one for one in self.copies if one.place != copy.place)
        return Spooled((*others, copy))


def _same(one: SpooledFile | None, other: SpooledFile) -> bool:
    return one is not None and [c.digest for c in one.chunks] == [c.digest for c in other.chunks]


def read_spooled(path: Path) -> Spooled:
    """The copies that a spool.json tells of; none where it does not exist.

    Raises:
        FormatTooNew: a newer flor wrote it.
        RunDamaged: it cannot be read.
    """
    try:
        with _open(path, encoding="utf-8") as file:
            content = json.load(file)
        version = content["format"]
        if version == VERSION:
            return Spooled(tuple(Copy.from_json(one) for one in content["copies"]))
    except FileNotFoundError:
        return Spooled()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDamaged(
            f"{path} cannot be read ({error})", hint="flor spool fetch --from URL"
        ) from None
    raise FormatTooNew(
        f"{path} was written in format {version}; this flor reads {VERSION}",
        hint="pip install --upgrade florctl",
    )


def write_spooled(path: Path, copies: Iterable[Copy]) -> None:
    """Put on disk where a run's files lie.

    Raises:
        OSError: see `published`.
    """
    content = {"format": VERSION, "copies": [one.to_json() for one in copies]}
    with published(path) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n")
