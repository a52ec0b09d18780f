"""Contents on their way up and down: chunks by digest, several at a time, what is there not sent again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from florlib.ground.errors import SpoolDamaged
from florlib.ground.spool_format import CHUNK_BYTES, PLANES, RAW, Chunk, SpooledFile
from florlib.stores.atomic import sync_folder, temporary_path
from florlib.stores.spool import planes
from florlib.stores.spool.target import Target

THREADS = 8  # each holds a chunk and its coded form: 256 MiB at most (benchmarks/results.md, spool)


@dataclass(slots=True)
class Traffic:
    """What went over the wire, and what did not have to.

    Attributes:
        sent: objects.
        sent_bytes: of those, as they are stored.
        there: objects that were there already.
        content_bytes: of all that was looked at.
    """

    sent: int = 0
    sent_bytes: int = 0
    there: int = 0
    content_bytes: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def note(self, chunk: Chunk, *, sent: bool) -> None:
        """Count a chunk."""
        with self._lock:
            self.content_bytes += chunk.bytes
            self.sent += sent
            self.there += not sent
            self.sent_bytes += chunk.stored_bytes if sent else 0


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    """The threads of one command; what they have not begun is given up when the block is left."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="spool")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class Sender:
    """Sends files to a target.

    Args:
        target: where to.
        pool: whose threads do it.
        compress: whether contents are coded where that pays.
        pretend: look what would be sent, and send nothing.

    Attributes:
        known: chunks that the target is likely to hold, by digest.
        traffic: of all that was sent.
    """

    target: Target
    pool: ThreadPoolExecutor
    compress: bool = True
    pretend: bool = False
    known: dict[str, Chunk] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)

    def send(self, files: Iterable[tuple[str, Path]]) -> list[SpooledFile]:
        """Have the target hold some files.

        Args:
            files: (path in the run, the file); one that is gone meanwhile is left out.

        Raises:
            FlorError: of the target's; what was sent is there the next time.
            OSError: a file cannot be read.
        """
        begun = [started for path, file in files if (started := self._begin(path, file))]
        sent = []
        for path, changed_ns, chunks in begun:
            with suppress(FileNotFoundError):
                sent.append(SpooledFile(path, changed_ns, tuple(one.result() for one in chunks)))
        return sent

    def _begin(self, path: str, file: Path) -> tuple[str, int, list[Future[Chunk]]] | None:
        try:
            about = file.stat()
        except FileNotFoundError:
            return None
        starts = range(0, max(about.st_size, 1), CHUNK_BYTES)
        parts = [(start, min(CHUNK_BYTES, about.st_size - start)) for start in starts]
        chunks = [self.pool.submit(self._send, file, start, length) for start, length in parts]
        return path, about.st_mtime_ns, chunks

    def _send(self, file: Path, start: int, length: int) -> Chunk:
        content = _part(file, start, length)
        chunk, sent = self._kept(content)
        self.traffic.note(chunk, sent=sent)
        return chunk

    def _kept(self, content: bytes) -> tuple[Chunk, bool]:
        """Have the target hold a content: (the chunk, whether it had to be sent)."""
        digest = sha256(content).hexdigest()
        known = self.known.get(digest)
        if known is not None and self._is_there(known):
            return known, False
        coded = planes.encode(content) if self.compress else None
        stored = content if coded is None else coded
        coding = RAW if coded is None else PLANES
        chunk = Chunk(digest, len(content), coding, len(stored))
        self.known[digest] = chunk
        if self._is_there(chunk):
            return chunk, False
        if not self.pretend:
            self.target.put(chunk.object, stored)
        return chunk, True

    def _is_there(self, chunk: Chunk) -> bool:
        return self.target.size(chunk.object) == chunk.stored_bytes

    def hold(self, files: Mapping[Path, SpooledFile]) -> set[Path]:
        """Read files back from the target; what is not as it should be is sent again, once.

        Args:
            files: by where each lies here.

        Returns:
            Those that the target holds, byte for byte.
        """
        begun = {
            path: [
                self.pool.submit(self._held, chunk, path, start)
                for chunk, start in zip(file.chunks, _starts(file), strict=True)
            ]
            for path, file in files.items()
        }
        return {path for path, found in begun.items() if _all(found)}

    def lacks(self, files: Iterable[SpooledFile]) -> list[SpooledFile]:
        """The files of which the target has not all objects, or has them in other lengths."""
        found = [
            (file, [self.pool.submit(self._is_there, chunk) for chunk in file.chunks])
            for file in files
        ]
        return [file for file, chunks in found if not _all(chunks)]

    def _held(self, chunk: Chunk, file: Path, start: int) -> bool:
        if _is_whole(self.target, chunk):
            return True
        try:
            content = _part(file, start, chunk.bytes)
        except FileNotFoundError:
            return False
        if sha256(content).hexdigest() != chunk.digest:
            return False  # the file is another by now
        coded = planes.encode(content) if chunk.coding == PLANES else content
        if coded is None or len(coded) != chunk.stored_bytes:
            return False
        self.target.put(chunk.object, coded)
        self.traffic.note(chunk, sent=True)
        return _is_whole(self.target, chunk)


def read_chunk(target: Target, chunk: Chunk) -> bytes:
    """A content from a target, checked.

    Raises:
        SpoolDamaged: its object is gone, or holds something else.
    """
    stored = target.get(chunk.object)
    if stored is None:
        raise SpoolDamaged(f"{target.url} has no {chunk.object} any more")
    if chunk.coding == PLANES:
        try:
            content = planes.decode(stored, chunk.bytes)
        except planes.Damaged as error:
            raise SpoolDamaged(f"{chunk.object} of {target.url} is damaged: {error}") from None
    else:
        content = stored
    if sha256(content).hexdigest() != chunk.digest:
        raise SpoolDamaged(f"{chunk.object} of {target.url} does not hash to its name")
    return content


def _all(found: Iterable[Future[bool]]) -> bool:
    """Whether all say so; every one is waited for."""
    answers = [one.result() for one in found]
    return all(answers)


def _is_whole(target: Target, chunk: Chunk) -> bool:
    try:
        read_chunk(target, chunk)
    except SpoolDamaged:
        return False
    return True


def fetch(
    target: Target, files: Mapping[Path, SpooledFile], pool: ThreadPoolExecutor
) -> dict[Path, SpoolDamaged]:
    """Lay down files as they were, each whole or not at all.

    Args:
        target: that holds them.
        files: by where each is to be; folders are made.
        pool: whose threads do it.

    Returns:
        Those that the target does not hold any more, and why.

    Raises:
        FlorError: of the target's; files that were fetched before it are there.
        OSError: a file cannot be written.
    """
    lost: dict[Path, SpoolDamaged] = {}
    begun = {path: _begin_fetch(target, path, file, pool) for path, file in files.items()}
    try:
        for path, chunks in begun.items():
            try:
                for chunk in chunks:
                    chunk.result()
            except SpoolDamaged as error:
                lost[path] = error
            else:
                _publish(path, files[path])
    finally:
        for path, chunks in begun.items():
            for chunk in chunks:
                chunk.cancel()
            wait(chunks)
            with suppress(FileNotFoundError):
                _aside(path).unlink()
    return lost


def _begin_fetch(
    target: Target, path: Path, file: SpooledFile, pool: ThreadPoolExecutor
) -> list[Future[None]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    with aside.open("wb") as made:
        made.truncate(file.bytes)
    starts = _starts(file)
    return [
        pool.submit(_fetch_chunk, target, chunk, aside, start)
        for chunk, start in zip(file.chunks, starts, strict=True)
    ]


def _fetch_chunk(target: Target, chunk: Chunk, path: Path, start: int) -> None:
    content = read_chunk(target, chunk)
    with path.open("r+b", buffering=0) as file:
        file.seek(start)
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]


def _publish(path: Path, file: SpooledFile) -> None:
    aside = _aside(path)
    descriptor = os.open(aside, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.utime(aside, ns=(file.changed_ns, file.changed_ns))
    os.replace(aside, path)
    sync_folder(path.parent)


def _aside(path: Path) -> Path:
    return temporary_path(path, os.getpid())


def _starts(file: SpooledFile) -> list[int]:
    starts, at = [], 0
    for chunk in file.chunks:
        starts.append(at)
        at += chunk.bytes
    return starts


def _part(file: Path, start: int, length: int) -> bytes:
    with file.open("rb", buffering=0) as opened:
        opened.seek(start)
        parts = []
        while length and (part := opened.read(length)):
            parts.append(part)
            length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
