"""Laying a version out as files in a folder, as a checkout would, with no repository around them."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.index import validate_path_element_default
from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from florlib.ground.errors import UsageError, VersionMissing
from florlib.stores.versions import filters
from florlib.stores.versions.archive import Archive
from florlib.stores.versions.gitcli import git
from florlib.stores.versions.tracked import (
    EXECUTABLE,
    FOLDER,
    GITLINK,
    LINK,
    Entry,
    hold_attributes,
)

# What the umask leaves of them is the mode of a new file or folder.
_RUNNABLE, _PLAIN = 0o777, 0o666


@dataclass(slots=True)
class Exported:
    """What was laid out.

    Attributes:
        files: how many files and links.
        warnings: in words, what is not as it was when the version was saved.
    """

    files: int = 0
    warnings: list[str] = field(default_factory=list)


def export(archive: Archive, tree: str, folder: Path, root: Path | None = None) -> Exported:
    """Write all files of a tree into a folder, which is filled when the last of them is written.

    Args:
        archive: holds the tree; its first repository says which filters apply.
        tree: id of the tree.
        folder: is made where it is not there; else it is empty.
        root: the project, in which submodules are looked for.

    Raises:
        UsageError: there is something at the folder's place, or it cannot be written.
        VersionMissing: an object has a name that would lead out of the folder.
    """
    exported = Exported()
    try:
        _refuse_occupied(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _aside(folder) as aside:
            _lay_out(archive, ObjectID(tree.encode("ascii")), aside, root, exported)
            _move(aside, folder)
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else folder
        raise UsageError(f"{where} cannot be written: {error.strerror or error}") from error
    return exported


def _refuse_occupied(folder: Path) -> None:
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is there, and is no folder")
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: its files would be mixed with the version's")


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder to write in, inside of an empty one, or beside one that is not there yet."""
    where = folder if folder.is_dir() else folder.parent
    aside = Path(tempfile.mkdtemp(prefix=".flor-", dir=where))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move(aside: Path, folder: Path) -> None:
    if not folder.is_dir():
        os.umask(umask := os.umask(0o077))  # the only way to ask for it
        aside.chmod(_RUNNABLE & ~umask)
        os.rename(aside, folder)
        return
    for path in sorted(aside.iterdir()):
        os.rename(path, folder / path.name)


def _lay_out(
    archive: Archive, tree: ObjectID, folder: Path, root: Path | None, exported: Exported
) -> None:
    entries = list(_entries(archive, tree, b""))
    repo = archive.repositories[0]
    if not repo.bare and _check_out(repo, tree, folder):
        exported.files += sum(mode not in (FOLDER, GITLINK) for _, (mode, _) in entries)
        entries = [entry for entry in entries if entry[1][0] == GITLINK]
    elif not repo.bare:
        _clear(folder)
        if hold_attributes(path for path, _ in entries) or filters.may_apply(repo):
            text = "attributes of files (line ends, filters) were not applied: git did not do it"
            exported.warnings.append(text)
    start = os.fsencode(folder) + b"/"
    for path, (mode, sha) in entries:
        full = start + path
        if mode == GITLINK:
            _add_submodule(path, sha, Path(os.fsdecode(full)), root, exported)
        elif mode == FOLDER:
            os.mkdir(full)  # never through a link of that name, where case does not count
        else:
            _write(full, mode, archive.blob(sha))
            exported.files += 1


def _entries(archive: Archive, tree: ObjectID, prefix: bytes) -> Iterator[tuple[bytes, Entry]]:
    """All entries of a tree, folders before what they hold."""
    for name, mode, sha in archive.tree(tree).iteritems():
        if b"/" in name or not validate_path_element_default(name):
            path = os.fsdecode(prefix + name)
            raise VersionMissing(f"tree {tree.decode('ascii')[:12]} has no proper path: {path!r}")
        kind = FOLDER if stat.S_ISDIR(mode) else mode
        yield prefix + name, (kind, sha)
        if kind == FOLDER:
            yield from _entries(archive, sha, prefix + name + b"/")


def _check_out(repo: Repo, tree: ObjectID, folder: Path) -> bool:
    """Have git write the files, which takes less time, and applies filters and attributes."""
    where = ("--git-dir", os.path.abspath(repo.controldir()), "--work-tree", str(folder.resolve()))
    whole = ("-c", "core.sparseCheckout=false", "-c", "core.fsmonitor=false")
    with tempfile.TemporaryDirectory(prefix="flor-") as beside:
        index = Path(beside) / "index"
        words = ("read-tree", "--reset", "-u", tree.decode("ascii"))
        return git(*whole, *where, *words, folder=folder, index=index) is not None


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _write(full: bytes, mode: int, content: bytes) -> None:
    if mode == LINK:
        os.symlink(content, full)
        return
    permissions = _RUNNABLE if mode & EXECUTABLE & 0o111 else _PLAIN
    descriptor = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _add_submodule(
    path: bytes, commit: ObjectID, folder: Path, root: Path | None, exported: Exported
) -> None:
    """Lay out the commit of a submodule, where its repository is there and has it."""
    name = os.fsdecode(path)
    folder.mkdir(exist_ok=True)
    nested = root / name if root is not None else None
    tree = _tree_of(nested, commit) if nested is not None else None
    if nested is None or tree is None:
        where = f"its commit {commit.decode('ascii')[:12]} is in no repository there"
        exported.warnings.append(f"{name} is empty: {where}")
        return
    with Repo(str(nested)) as repo:
        _lay_out(Archive((repo,), repo.object_store), tree, folder, nested, exported)


def _tree_of(folder: Path, commit: ObjectID) -> ObjectID | None:
    try:
        with Repo(str(folder)) as repo:
            found = repo.object_store[commit]
    except (KeyError, NotGitRepository):
        return None
    return found.tree if isinstance(found, Commit) else None
