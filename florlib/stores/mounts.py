"""Which kind of file system a folder lies on, as the system's table of mounts has it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NETWORK = frozenset(
    """9p afs beegfs ceph cifs fuse.glusterfs fuse.sshfs gpfs lustre nfs nfs4 smb3 smbfs
    virtiofs""".split()
)
"""File systems that lie on other machines: locks are slow there, and no memory is shared."""

MOUNTS = Path("/proc/mounts")


def file_system(path: Path, mounts: Path | None = None) -> str:
    """The kind of the file system that a folder lies on; empty where that is not told.

    Args:
        path: of the folder.
        mounts: the table, in the form of fstab(5).
    """
    best, kind = -1, ""
    inside = f"{os.path.realpath(path)}/"
    with suppress(OSError):
        for line in (mounts or MOUNTS).read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split(" ")
            place = fields[1].replace("\\040", " ").rstrip("/") + "/"
            if len(place) >= best and inside.startswith(place):  # of two at one place, the later
                best, kind = len(place), fields[2]
    return kind
