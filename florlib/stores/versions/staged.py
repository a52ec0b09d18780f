"""Entries of git's index file as it lies on disk (gitformat-index(5)), versions 2 and 3.

dulwich reads all versions, and takes ten times as long, more than all else of saving a version.
"""

from __future__ import annotations

import struct
from binascii import hexlify
from collections.abc import Callable
from typing import NamedTuple

from dulwich.objects import ObjectID

_ASSUME_VALID, _EXTENDED, _STAGE, _NAME = 0x8000, 0x4000, 0x3000, 0x0FFF
_UNUSUAL = _ASSUME_VALID | _EXTENDED | _STAGE
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000
_HEADER = struct.Struct(">4sLL")


class TrackedPath(NamedTuple):
    """One path of the index.

    Attributes:
        mode: as in a tree.
        sha: the staged object; of one side where a merge left a conflict.
        modified_ns: st_mtime_ns of the file when it was staged.
        changed_ns: st_ctime_ns of it.
        inode: truncated to 32 bits, as the index has it.
        size: truncated to 32 bits.
        comparable: whether equal stat data prove that the file is what was staged.
        sparse: the file is not meant to be in the working tree (skip-worktree).
    """

    mode: int
    sha: ObjectID
    modified_ns: int = 0
    changed_ns: int = 0
    inode: int = 0
    size: int = 0
    comparable: bool = False
    sparse: bool = False


class Staged(NamedTuple):
    """What an index file says.

    Attributes:
        paths: its entries.
        trees: of folders whose tree git has written, and in which nothing was staged since.
    """

    paths: dict[bytes, TrackedPath]
    trees: dict[bytes, ObjectID]


def read_staged(content: bytes, digest: Callable[[bytes], bytes]) -> Staged | None:
    """Read an index file.

    Args:
        content: of the file.
        digest: the repository's hash of some bytes, as bytes.

    Returns:
        None where it has conflicts, is of another version, is split or
        sparse, or is damaged.
    """
    length = len(digest(b""))
    end = len(content) - length
    if end < _HEADER.size or digest(content[:end]) != content[end:]:
        return None
    magic, version, count = _HEADER.unpack_from(content)
    if magic != b"DIRC" or version not in (2, 3):
        return None
    entry = struct.Struct(f">10L{length}sH")
    unpack, width, make = entry.unpack_from, entry.size, tuple.__new__
    found: dict[bytes, TrackedPath] = {}
    at = _HEADER.size
    for _ in range(count):
        changed_s, changed, modified_s, modified, _, inode, mode, _, _, size, sha, flags = unpack(
            content, at
        )
        name, more = at + width, 0
        if flags & _UNUSUAL:
            if flags & _STAGE:
                return None
            if flags & _EXTENDED:
                more = int.from_bytes(content[name : name + 2], "big")
                name += 2
        name_length = flags & _NAME
        name_end = name + name_length if name_length < _NAME else content.index(b"\0", name)
        fields = (
            mode,
            hexlify(sha),
            modified_s * 1_000_000_000 + modified,
            changed_s * 1_000_000_000 + changed,
            inode,
            size,
            # Assume-unchanged and skip-worktree tell git not to look; a version holds what is there.
            not (flags & _ASSUME_VALID or more & (_SKIP_WORKTREE | _INTENT_TO_ADD)),
            bool(more & _SKIP_WORKTREE),
        )
        found[content[name:name_end]] = make(TrackedPath, fields)
        at += ((name_end - at) // 8 + 1) * 8
    trees: dict[bytes, ObjectID] = {}
    while at < end:
        # Those whose names are no capitals change what the entries mean.
        if not content[at : at + 1].isupper():
            return None
        size = int.from_bytes(content[at + 4 : at + 8], "big")
        if content[at : at + 4] == b"TREE":
            trees = _trees(content[at + 8 : at + 8 + size], length)
        at += 8 + size
    return Staged(found, trees)


def _trees(content: bytes, length: int) -> dict[bytes, ObjectID]:
    """Read the cache of trees: name NUL, number of entries, of subtrees LF, id; depth first."""
    found: dict[bytes, ObjectID] = {}
    above: list[tuple[bytes, int]] = []  # (path with its slash, subtrees that are still to come)
    at = 0
    while at < len(content):
        name_end = content.index(b"\0", at)
        line_end = content.index(b"\n", name_end)
        count, subtrees = map(int, content[name_end + 1 : line_end].split())
        path = (above[-1][0] if above else b"") + content[at:name_end]
        at = line_end + 1
        if count >= 0:
            found[path] = ObjectID(hexlify(content[at : at + length]))
            at += length
        if above:
            above[-1] = (above[-1][0], above[-1][1] - 1)
        above.append((path + b"/" if path else b"", subtrees))
        while above and not above[-1][1]:
            above.pop()
    return found
