"""Where a spool lies: what a bucket and a folder have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Target(Protocol):
    """A place that keeps objects by name; used by several threads at once.

    Every call may raise SpoolUnreachable, SpoolRefused or SpoolNotFound.

    Attributes:
        url: that it can be opened by again, "s3://bucket/prefix" or "file:///mnt/spool".
        endpoint_url: of the service, where it is not the one that the URL stands for.
    """

    url: str
    endpoint_url: str | None

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""

    def put(self, name: str, content: bytes) -> None:
        """Keep an object, in place of the one that may be there: whole, or not at all."""

    def create(self, name: str, content: bytes) -> bool:
        """Keep an object unless there is one of that name; False where there is."""

    def get(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""

    def names(self, prefix: str) -> Iterator[str]:
        """The objects below a prefix that ends in a slash, in any order."""
