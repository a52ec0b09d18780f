"""Manifests at a target: each run has numbered ones, none is ever changed, and the last one counts."""

from __future__ import annotations

from florlib.ground.errors import Locked, SpoolDamaged
from florlib.ground.spool_format import (
    MANIFESTS,
    Manifest,
    decode_manifest,
    encode_manifest,
    manifest_object,
    parse_manifest_object,
)
from florlib.stores.spool.target import Target

TRIES = 5  # of publishing, against others that do so for the same run


def spooled_runs(target: Target) -> dict[tuple[str, str], int]:
    """By (name, run), the number of its last manifest."""
    return _newest(target, MANIFESTS)


def newest_manifest(target: Target, name: str, run: str) -> tuple[Manifest | None, int]:
    """The last manifest of a run and its number; (None, 0) where there is none.

    Raises:
        SpoolDamaged: it cannot be read, or is gone.
        FormatTooNew: a newer flor wrote it.
    """
    number = _newest(target, f"{MANIFESTS}{name}/{run}/").get((name, run), 0)
    return (read_manifest(target, name, run, number), number) if number else (None, 0)


def read_manifest(target: Target, name: str, run: str, number: int) -> Manifest:
    """A manifest by its number; see `newest_manifest`."""
    where = manifest_object(name, run, number)
    content = target.get(where)
    if content is None:
        raise SpoolDamaged(f"{target.url} has no {where} any more")
    manifest = decode_manifest(content, name=f"{where} of {target.url}")
    if (manifest.name, manifest.run) != (name, run):
        raise SpoolDamaged(f"{where} of {target.url} tells of run {manifest.run}")
    return manifest


def publish_manifest(target: Target, manifest: Manifest, behind: int) -> int:
    """Make a manifest the last one of its run, unless it is that already.

    Args:
        target: that holds all that it names.
        manifest: to publish.
        behind: the number of the last one that was seen.

    Returns:
        Its number.

    Raises:
        Locked: others kept publishing for the same run.
    """
    content = encode_manifest(manifest)
    for number in range(behind, behind + TRIES):
        # A reply that was lost: the store has what it says it has already from ourselves.
        if number and target.get(manifest_object(manifest.name, manifest.run, number)) == content:
            return number
        if target.create(manifest_object(manifest.name, manifest.run, number + 1), content):
            return number + 1
    raise Locked(
        f"run {manifest.run} is being spooled to {target.url} by others",
        hint=f"flor spool status {manifest.run}",
    )


def _newest(target: Target, prefix: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for object_name in target.names(prefix):
        parsed = parse_manifest_object(object_name)
        if parsed is not None:
            name, run, number = parsed
            found[name, run] = max(number, found.get((name, run), 0))
    return found
