"""What differs between two trees: which files, by how many lines, and the lines themselves."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dulwich.diff_tree import RenameDetector, TreeChange, tree_changes
from dulwich.objects import Blob, ObjectID, TreeEntry
from dulwich.patch import is_binary, shortid, unified_diff

from florlib.stores.versions.archive import Archive
from florlib.stores.versions.differences import differences
from florlib.stores.versions.tracked import GITLINK

_KINDS = {"add": "added", "delete": "deleted", "rename": "renamed", "copy": "copied"}


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not the same in both trees.

    Attributes:
        kind: added, deleted, modified, renamed or copied.
        path: in the tree that has it, the later one where both do.
        old_path: of a renamed or copied file; `path` of others.
        old: mode and object in the earlier tree; None where it is not there.
        new: the same in the later tree.
    """

    kind: str
    path: str
    old_path: str
    old: tuple[int, ObjectID] | None
    new: tuple[int, ObjectID] | None


@dataclass(frozen=True, slots=True)
class Lines:
    """A changed file's lines.

    Attributes:
        added: how many; None of a binary file.
        deleted: how many; None of a binary file.
        old_bytes: its size before, 0 where it was not there.
        new_bytes: its size now.
    """

    added: int | None
    deleted: int | None
    old_bytes: int
    new_bytes: int


def changed_paths(archive: Archive, old: str | None, new: str) -> list[tuple[str, str]]:
    """(kind, path) of what differs, by path, without a look for renamed files, which takes longer."""
    found = []
    for path, was, is_now in differences(archive, _id(old), _id(new)):
        kind = "added" if was is None else "deleted" if is_now is None else "modified"
        found.append((kind, path.decode("utf-8", "surrogateescape")))
    return sorted(found, key=lambda one: one[1])


def changes(archive: Archive, old: str | None, new: str, paths: Sequence[str] = ()) -> list[Change]:
    """What differs between two trees, by path, with renamed files found.

    Args:
        archive: holds both.
        old: id of the earlier tree; None for an empty one.
        new: id of the later tree.
        paths: only these files, and what lies below these folders; all where none is given.
    """
    store = archive.objects
    detector = RenameDetector(store) if old is not None else None
    found = tree_changes(store, _id(old), _id(new), rename_detector=detector)
    merged = _merged(found)
    return [one for one in merged if not paths or _below(one, paths)]


def holds(archive: Archive, tree: str, path: str) -> bool:
    """Whether a tree has a file or a folder of that path."""
    folder = archive.tree(ObjectID(tree.encode("ascii")))
    parts = path.encode("utf-8", "surrogateescape").split(b"/")
    for number, part in enumerate(parts, 1):
        if part not in folder:
            return False
        mode, sha = folder[part]
        if number < len(parts):
            if not stat.S_ISDIR(mode):
                return False
            folder = archive.tree(sha)
    return True


def count_lines(archive: Archive, change: Change) -> Lines:
    """How much of a file has changed."""
    old, new = _content(archive, change.old), _content(archive, change.new)
    if is_binary(old) or is_binary(new):
        return Lines(None, None, len(old), len(new))
    body = list(unified_diff(_lines(old), _lines(new), n=0))[2:]
    added, deleted = (sum(line.startswith(sign) for line in body) for sign in (b"+", b"-"))
    return Lines(added, deleted, len(old), len(new))


def patch(archive: Archive, change: Change) -> list[bytes]:
    """The lines of a change as `git diff` writes them, which `git apply` takes; texts only."""
    if change.old and change.new and stat.S_IFMT(change.old[0]) != stat.S_IFMT(change.new[0]):
        gone, come = replace(change, new=None), replace(change, old=None)
        return patch(archive, gone) + patch(archive, come)
    old, new = _content(archive, change.old), _content(archive, change.new)
    header = list(_header(change))
    before = _quoted(b"a/", change.old_path) if change.old is not None else b"/dev/null"
    now = _quoted(b"b/", change.path) if change.new is not None else b"/dev/null"
    if is_binary(old) or is_binary(new):
        if old == new:
            return header
        return [*header, b"Binary files %s and %s differ\n" % (before, now)]
    return [*header, *unified_diff(_lines(old), _lines(new), before, now)]


def _merged(found: Iterator[TreeChange]) -> list[Change]:
    """As plain values, by path; a file that has become a link is one change."""
    alone: dict[str, Change] = {}
    for one in found:
        change = _plain(one)
        twin = alone.pop(change.path, None)
        if twin is not None and {twin.kind, change.kind} == {"added", "deleted"}:
            old, new = twin.old or change.old, twin.new or change.new
            change = Change("modified", change.path, change.path, old, new)
        alone[change.path] = change
    return sorted(alone.values(), key=lambda one: one.path)


def _plain(found: TreeChange) -> Change:
    old, new = _entry(found.old), _entry(found.new)
    old_path = _path(found.old) if found.old is not None and old else None
    new_path = _path(found.new) if found.new is not None and new else None
    path = new_path or old_path or ""
    return Change(_KINDS.get(found.type, "modified"), path, old_path or path, old, new)


def _entry(entry: TreeEntry | None) -> tuple[int, ObjectID] | None:
    if entry is None or entry.mode is None or entry.sha is None:
        return None
    return entry.mode, entry.sha


def _path(entry: TreeEntry) -> str:
    assert entry.path is not None
    return entry.path.decode("utf-8", "surrogateescape")


def _below(change: Change, paths: Sequence[str]) -> bool:
    """Whether a change is one of some paths, or lies below one."""
    wanted = [path.rstrip("/") for path in paths]
    return any(
        path in ("", ".") or name == path or name.startswith(f"{path}/")
        for path in wanted
        for name in (change.path, change.old_path)
    )


def _content(archive: Archive, entry: tuple[int, ObjectID] | None) -> bytes:
    if entry is None:
        return b""
    mode, sha = entry
    return b"Subproject commit %s\n" % sha if mode == GITLINK else archive.blob(sha)


def _lines(content: bytes) -> list[bytes]:
    return Blob.from_string(content).splitlines()


def _header(change: Change) -> Iterator[bytes]:
    """The extended header lines of git's diff format (git-diff(1), generating patch text)."""
    names = _quoted(b"a/", change.old_path), _quoted(b"b/", change.path)
    yield b"diff --git %s %s\n" % names
    old_mode, old_sha = change.old or (None, None)
    new_mode, new_sha = change.new or (None, None)
    if old_mode is None:
        yield b"new file mode %o\n" % (new_mode or 0)
    elif new_mode is None:
        yield b"deleted file mode %o\n" % old_mode
    elif old_mode != new_mode:
        yield b"old mode %o\nnew mode %o\n" % (old_mode, new_mode)
    if change.old_path != change.path:
        word = b"copy" if change.kind == "copied" else b"rename"
        sides = _quoted(b"", change.old_path), _quoted(b"", change.path)
        yield b"%s from %s\n%s to %s\n" % (word, sides[0], word, sides[1])
    if old_sha != new_sha:
        mode = b" %o" % old_mode if old_mode is not None and old_mode == new_mode else b""
        yield b"index %s..%s%s\n" % (shortid(old_sha), shortid(new_sha), mode)


def _quoted(prefix: bytes, path: str) -> bytes:
    """A path as git writes it with core.quotePath off: in C's quotes where it needs them."""
    raw = prefix + path.encode("utf-8", "surrogateescape")
    if path.isprintable() and '"' not in path and "\\" not in path:
        return raw
    escapes = {ord("\t"): b"\\t", ord("\n"): b"\\n", ord('"'): b'\\"', ord("\\"): b"\\\\"}
    plain = (escapes.get(byte) or _octal(byte) for byte in raw)
    return b'"' + b"".join(plain) + b'"'


def _octal(byte: int) -> bytes:
    return bytes([byte]) if 0x20 <= byte < 0x7F else b"\\%03o" % byte


def _id(tree: str | None) -> ObjectID | None:
    return ObjectID(tree.encode("ascii")) if tree is not None else None
