"""A folder of the working tree while a walk looks at it name by name."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass, field

from dulwich.objects import ObjectID

from florlib.stores.versions.tracked import ATTRIBUTES
from florlib.stores.versions.treecache import CachedFolder, packed


@dataclass(slots=True)
class Looked:
    """What a walk found out about a folder that was not as it was, or that was never seen before.

    Attributes:
        names: all that it holds.
        watched: those whose stat data count, as in `CachedFolder`.
        kinds: of the others.
        roles: of the watched ones; untracked files as if all were saved.
        statuses: of them.
        can_be_kept: another walk may rely on this.
    """

    tracked_only: bool
    included: bool
    names: list[bytes] = field(default_factory=list)
    watched: bytearray = field(default_factory=bytearray)
    kinds: bytearray = field(default_factory=bytearray)
    roles: bytearray = field(default_factory=bytearray)
    statuses: list[os.stat_result] = field(default_factory=list)
    inside: list[tuple[bytes, bool, bool]] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    left_out: str | None = None
    can_be_kept: bool = True

    def row(self, tree: ObjectID | None, refused: Set[bytes], prefix: bytes) -> CachedFolder:
        """What the cache keeps of it.

        Args:
            tree: of the folder; None where nothing of it was saved.
            refused: paths of untracked files that are left out.
            prefix: the path of the folder, with its slash.

        Raises:
            OverflowError: see `packed`.
        """
        row = CachedFolder(
            b"\0".join(self.names),
            bytes(self.watched),
            bytes(self.kinds),
            bytes(self.roles),
            packed(self.statuses),
            tuple(self.inside),
            tuple(self.links),
            self.tracked_only,
            self.included,
            self.left_out,
            ATTRIBUTES in self.names,
            tree,
        )
        return row.judged(refused, prefix)

    def watch(self, status: os.stat_result, role: int) -> None:
        """Note a name whose stat data count."""
        self.watched.append(1)
        self.roles.append(role)
        self.statuses.append(status)

    def pass_by(self, is_folder: bool) -> None:
        """Note a name of which only the kind counts."""
        self.watched.append(0)
        self.kinds.append(is_folder)
