"""Spools: where runs are kept beside FLOR_HOME, in a bucket or a folder, as objects named by content."""

from __future__ import annotations

from pathlib import Path

from florlib.ground.errors import UsageError
from florlib.stores.spool.bucket import SCHEMES, BucketTarget, is_bucket
from florlib.stores.spool.folder import SCHEME, FolderTarget
from florlib.stores.spool.target import Target

__all__ = ["BucketTarget", "FolderTarget", "Target", "open_target"]


def open_target(place: str, endpoint_url: str | None = None) -> Target:
    """Open a spool by its URL, or by the path of its folder.

    Raises:
        UsageError: no such kind of place is known.
        UsageError: a client is not installed.
    """
    if is_bucket(place):
        return BucketTarget(place, endpoint_url)
    if place.startswith(SCHEME):
        return FolderTarget.of_url(place)
    if "://" in place:
        known = ", ".join(f"{scheme}://BUCKET" for scheme in SCHEMES)
        raise UsageError(
            f"{place!r} is no place for a spool: there are {known}, and folders",
            hint="flor spool s3 s3://bucket/prefix",
        )
    return FolderTarget(Path(place).expanduser().absolute())
