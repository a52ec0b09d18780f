"""What a spool holds, format 1: contents in chunks, and the manifest that tells which run they make up.

The bytes and fields stand in docs/formats/spool.md. Nothing here touches a disk or a network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from florlib.ground.errors import FormatTooNew, SpoolDamaged
from florlib.ground.layout import CHECKPOINTS

VERSION = 1
READABLE = (1,)
CHUNK_BYTES = 16 << 20  # what is sent again after a lost connection, and held in memory by a thread
MANIFESTS = "runs/"
RAW, PLANES = "raw", "planes"
_ENDINGS = {RAW: "", PLANES: ".planes"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"\d{8}-\d{6}-\w+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MANIFEST = re.compile(rf"{MANIFESTS}(?P<name>[^/]+)/(?P<run>[^/]+)/(?P<number>\d{{6}})\.json")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a file, and the object that holds it.

    Attributes:
        digest: sha256 of the content, 64 hexadecimal digits.
        bytes: length of the content.
        coding: "raw", or "planes" (florlib.stores.spool.planes).
        stored_bytes: length of the object.
    """

    digest: str
    bytes: int
    coding: str
    stored_bytes: int

    @property
    def object(self) -> str:
        """The name of the object, below the root of the spool.

        >>> Chunk("ab" * 32, 5, "planes", 3).object
        'objects/ab/abababababababababababababababababababababababababababababababab.planes'
        """
        return f"objects/{self.digest[:2]}/{self.digest}{_ENDINGS[self.coding]}"


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file of a run.

    Attributes:
        path: relative to the run's folder, `/` between the parts.
        changed_ns: when it was last changed, nanoseconds since 1970.
        chunks: that make it up, in order.
        refers_to: paths of other files that hold contents of it, of a checkpoint.
    """

    path: str
    changed_ns: int
    chunks: tuple[Chunk, ...]
    refers_to: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Length of the file."""
        return sum(chunk.bytes for chunk in self.chunks)

    @property
    def stored_bytes(self) -> int:
        """What it takes in the spool."""
        return sum(chunk.stored_bytes for chunk in self.chunks)

    def to_json(self) -> dict[str, Any]:
        """The file as the manifest has it."""
        chunks = [[one.digest, one.bytes, one.coding, one.stored_bytes] for one in self.chunks]
        content = {"path": self.path, "changed_ns": self.changed_ns, "chunks": chunks}
        return {**content, "refers_to": list(self.refers_to)} if self.refers_to else content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SpooledFile:
        """What `to_json` gave, as far as it may be believed.

        Raises:
            ValueError: the path leads out of the run's folder, or a chunk cannot be one.
        """
        chunks = tuple(_chunk(*fields) for fields in content["chunks"])
        others = tuple(_inside(path) for path in content.get("refers_to", ()))
        return cls(_inside(content["path"]), int(content["changed_ns"]), chunks, others)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run as a spool has it.

    Attributes:
        run: its id.
        name: that it shares with others.
        ordinal: its number among those, where it was recorded.
        status: how it ended.
        started: ISO 8601.
        files: of its folder.
        version: git packs with the objects of its version; none where none was saved.
    """

    run: str
    name: str
    ordinal: int
    status: str
    started: str
    files: tuple[SpooledFile, ...]
    version: tuple[SpooledFile, ...] = ()

    @property
    def checkpoints(self) -> list[SpooledFile]:
        """The files of its checkpoints."""
        return [one for one in self.files if one.path.startswith(f"{CHECKPOINTS}/")]

    def file(self, path: str) -> SpooledFile | None:
        """A file by its path."""
        return next((one for one in self.files if one.path == path), None)

    def to_json(self) -> dict[str, Any]:
        """The content of the manifest."""
        return {
            "run": self.run,
            "name": self.name,
            "ordinal": self.ordinal,
            "status": self.status,
            "started": self.started,
            "files": [one.to_json() for one in self.files],
            "version": [one.to_json() for one in self.version],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Manifest:
        """What `to_json` gave, as far as it may be believed.

        Raises:
            KeyError, TypeError, ValueError: a field is not there, or cannot be.
        """
        return cls(
            _matching(_RUN, content["run"]),
            _matching(_NAME, content["name"]),
            int(content["ordinal"]),
            str(content["status"]),
            str(content["started"]),
            tuple(SpooledFile.from_json(one) for one in content["files"]),
            tuple(SpooledFile.from_json(one) for one in content["version"]),
        )


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest: one line of JSON, with a digest of its content."""
    content = manifest.to_json()
    whole = {"format": VERSION, "digest": _digest(content), "content": content}
    return json.dumps(whole, separators=(",", ":")).encode("ascii") + b"\n"


def decode_manifest(data: bytes, *, name: str) -> Manifest:
    """Read a manifest.

    Args:
        data: of the object.
        name: what errors call it.

    Raises:
        SpoolDamaged: it is none, or not as it was written.
        FormatTooNew: it was written by a newer flor.
    """
    try:
        whole = json.loads(data)
        version = whole["format"]
        if version in READABLE and whole["digest"] == _digest(whole["content"]):
            return Manifest.from_json(whole["content"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SpoolDamaged(f"{name} is no manifest of a run ({error})") from None
    if version in READABLE:
        raise SpoolDamaged(f"{name} does not hash to the digest that it carries")
    raise FormatTooNew(
        f"{name} was written in spool format {version}; this flor reads {READABLE[-1]}",
        hint="pip install --upgrade florctl",
    )


def manifest_object(name: str, run: str, number: int) -> str:
    """Where the n-th manifest of a run lies.

    >>> manifest_object("linear", "20261123-221000-ab12cd", 2)
    'runs/linear/20261123-221000-ab12cd/000002.json'
    """
    return f"{MANIFESTS}{name}/{run}/{number:06d}.json"


def parse_manifest_object(object_name: str) -> tuple[str, str, int] | None:
    """(name, run, number) of a manifest's object; None for any other.

    >>> parse_manifest_object("runs/linear/20261123-221000-ab12cd/000002.json")
    ('linear', '20261123-221000-ab12cd', 2)
    """
    found = _MANIFEST.fullmatch(object_name)
    return None if found is None else (found["name"], found["run"], int(found["number"]))


def _digest(content: Any) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return sha256(text.encode("ascii")).hexdigest()


def _chunk(digest: str, length: int, coding: str, stored: int) -> Chunk:
    if coding not in _ENDINGS or not 0 <= length <= CHUNK_BYTES or stored < 0:
        raise ValueError(f"a chunk of {length} bytes in {coding!r}")
    return Chunk(_matching(_DIGEST, digest), length, coding, stored)


def _inside(path: str) -> str:
    parts: Sequence[str] = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"{path!r} leads out of the run")
    return path


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} cannot be")
    return text
