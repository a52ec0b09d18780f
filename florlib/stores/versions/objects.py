"""Writing git objects: blobs, trees and commits; few of them as loose files, many as one pack."""

from __future__ import annotations

import os
import tempfile
import zlib
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

from dulwich.objects import ObjectID, Tree
from dulwich.pack import Pack
from dulwich.repo import Repo

from florlib.stores.versions.packs import write_pack
from florlib.stores.versions.tracked import FOLDER, Entry, folders_of

# git's own level for loose objects; higher ones cost more time than they save on source code.
COMPRESSION_LEVEL = 1
CHUNK_BYTES = 1 << 20
READ_BYTES = 1 << 16
# From this many new objects on, one pack: making a file takes longer than compressing its content.
PACK_OBJECTS = 200
# What is held in memory until it is written.
BATCH_BYTES = 48_000_000


class UnreadableFile(Exception):
    """A file of the working tree could not be read, or shrank while it was read."""


class ObjectWriter:
    """Adds objects to a repository's store.

    dulwich's own `add_object` raises when two processes add the same object at the same time,
    which is what concurrent runs of one project do. As git by default (core.fsync), it does not
    force loose objects to disk one by one, but packs.

    What is added is there for others after `flush`.

    Args:
        repo: the repository, whose objects are not written again.
        apart: a folder to write to instead, where the repository is not to be touched.
    """

    def __init__(self, repo: Repo, apart: Path | None = None) -> None:
        self._store = repo.object_store
        self._folder = repo.object_store.path if apart is None else str(apart)
        self.apart = apart
        self._format = repo.object_format
        self._waiting: dict[ObjectID, tuple[bytes, bytes]] = {}
        self._waiting_bytes = 0
        self._written: set[ObjectID] = set()
        self._folders: dict[bytes, Set[bytes]] = {}

    def add(self, kind: bytes, content: bytes) -> ObjectID:
        """Add an object of kind b"blob", b"tree" or b"commit"; returns its id."""
        whole = b"%s %d\0" % (kind, len(content)) + content
        sha = ObjectID(self._format.hash_object_hex(whole))
        if sha not in self._waiting and not self.holds(sha):
            self._waiting[sha] = kind, content
            self._waiting_bytes += len(content)
            if self._waiting_bytes > BATCH_BYTES:
                self.flush()
        return sha

    def flush(self) -> None:
        """Write what was added.

        Raises:
            OSError: the object store cannot be written.
        """
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        self._written.update(waiting)
        # dulwich writes the indices of packs for SHA-1 alone.
        if len(waiting) >= PACK_OBJECTS and self._format.oid_length == 20:
            write_pack(Path(self._folder), waiting, COMPRESSION_LEVEL)
            return
        for sha, (kind, content) in waiting.items():
            whole = b"%s %d\0" % (kind, len(content)) + content
            self._publish(self._write([zlib.compress(whole, COMPRESSION_LEVEL)]), sha)

    def add_file(self, path: bytes, size: int) -> ObjectID:
        """Add the first `size` bytes of a file as a blob, in bounded memory.

        Raises:
            FileNotFoundError: it vanished.
            UnreadableFile: it cannot be read, or is shorter.
        """
        digest, packer = self._format.new_hash(), zlib.compressobj(COMPRESSION_LEVEL)

        def packed() -> Iterator[bytes]:
            header = b"blob %d\0" % size
            digest.update(header)
            yield packer.compress(header)
            for chunk in _chunks(path, size):
                digest.update(chunk)
                yield packer.compress(chunk)
            yield packer.flush()

        temporary = self._write(packed())
        sha = ObjectID(digest.hexdigest().encode("ascii"))
        if self.holds(sha):
            os.unlink(temporary)
        else:
            self._publish(temporary, sha)
            self._written.add(sha)
        return sha

    def add_trees(
        self, entries: Mapping[bytes, Entry], known: Mapping[bytes, ObjectID]
    ) -> dict[bytes, ObjectID] | None:
        """Add a tree, and the trees inside it.

        Args:
            entries: by path.
            known: trees of folders that are there already, and hold just what `entries` say; of
                those there need be no entries.

        Returns:
            The trees by folder; None where one of `known` is not there.
        """
        tops = {path: sha for path, sha in known.items() if not path or _above(path) not in known}
        if not all(map(self.holds, tops.values())):
            return None
        trees = dict(known)
        if b"" in known:
            return trees
        folders: dict[bytes, dict[bytes, Entry]] = {b"": {}}
        for path, entry in entries.items():
            folder, _, name = path.rpartition(b"/")
            if folder in known:
                continue
            if folder not in folders:
                folders[folder] = {}
            folders[folder][name] = entry
        for folder in folders_of([*(path + b"/" for path in folders if path), *tops]):
            folders.setdefault(folder, {})
        for path, sha in tops.items():
            folders[_above(path)][path.rpartition(b"/")[2]] = (FOLDER, sha)
        # Deepest first, so that each tree is known before the one that names it.
        for folder in sorted(folders, key=lambda path: path.count(b"/"), reverse=True):
            if folder:
                trees[folder] = self._add_folder(folders[folder])
                name = folder.rpartition(b"/")[2]
                folders[_above(folder)][name] = (FOLDER, trees[folder])
        trees[b""] = self._add_folder(folders[b""])
        return trees

    def tree(self, sha: ObjectID) -> list[tuple[bytes, Entry]] | None:
        """The entries of a tree by name; None where it is not in the repository."""
        try:
            found = self._store[sha]
        except KeyError:
            return None
        assert isinstance(found, Tree)
        return [(name, (mode, each)) for name, mode, each in found.iteritems()]

    def _add_folder(self, entries: Mapping[bytes, Entry]) -> ObjectID:
        # git sorts a tree as if the names of folders ended in a slash.
        ordered = sorted(
            [
                (
                    name + b"/" if mode == FOLDER else name,
                    b"%o %b\0%b" % (mode, name, unhexlify(sha)),
                )
                for name, (mode, sha) in entries.items()
            ]
        )
        return self.add(b"tree", b"".join([line for _, line in ordered]))

    def holds(self, sha: ObjectID) -> bool:
        """Whether an object is in the repository; then it is there for another while.

        What other processes add while this one works may be missed, and is written twice.
        """
        if sha in self._loose(sha[:2]):
            # A loose object that nothing refers to yet is kept by git for two weeks from its mtime.
            if self.apart is None:
                with suppress(OSError):
                    os.utime(os.path.join(self._store.path, _loose_name(sha)))
            return True
        if sha in self._written or any(sha in pack for pack in self._packs):
            return True
        return any(sha in store for store in self._store.alternates)

    @cached_property
    def _packs(self) -> list[Pack]:
        # dulwich lists their folder anew for each object that is in none of them.
        return list(self._store.packs)

    def _loose(self, start: bytes) -> Set[bytes]:
        """The loose objects whose ids have these two digits in front."""
        if start not in self._folders:
            try:
                names = os.listdir(os.path.join(os.fsencode(self._store.path), start))
            except OSError:
                names = []
            self._folders[start] = frozenset(start + name for name in names)
        return self._folders[start]

    def _path(self, sha: ObjectID) -> str:
        return os.path.join(self._folder, _loose_name(sha))

    def _write(self, chunks: Iterable[bytes]) -> str:
        """Write a temporary file, named so that `git prune` clears it away after a crash."""
        descriptor, temporary = tempfile.mkstemp(prefix="tmp_obj_", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(chunks)
            os.chmod(temporary, 0o444)
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary

    def _publish(self, temporary: str, sha: ObjectID) -> None:
        path = self._path(sha)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


def _loose_name(sha: ObjectID) -> str:
    name = sha.decode("ascii")
    return os.path.join(name[:2], name[2:])


def _above(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def read_file(path: bytes) -> bytes:
    """Read a file of the working tree.

    Raises:
        FileNotFoundError: it vanished.
        UnreadableFile: it cannot be read.
    """
    try:
        # A buffered file costs more than reading a short one.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return b"".join(iter(partial(os.read, descriptor, READ_BYTES), b""))
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(*error.args) from error
    except OSError as error:
        raise UnreadableFile(os.fsdecode(path)) from error


def _chunks(path: bytes, size: int) -> Iterator[bytes]:
    left = size
    try:
        with open(path, "rb") as file:
            while left and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableFile(os.fsdecode(path)) from error
    if left:
        raise UnreadableFile(os.fsdecode(path))
