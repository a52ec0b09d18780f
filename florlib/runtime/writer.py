"""Checkpoints on their way to disk: one thread publishes them, in the order they were taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from florlib.ground.errors import CheckpointMissing
from florlib.runtime.arena import Arenas, Snapshot
from florlib.runtime.devices import Copies, TornSnapshot
from florlib.runtime.freemem import free_memory
from florlib.runtime.graph.memory import Block, Origin, Stored
from florlib.runtime.graph.texts import TreeTexts
from florlib.runtime.guard import degrade, guarded, os
from florlib.runtime.proof import ChangedMeanwhile, Proof, digest_at
from florlib.runtime.session import end_thread
from florlib.stores.checkpoints import Buffer, Published, publish
from florlib.stores.keyframes import Contents, Key, Keyframes

HELD_BACK_S = 0.01
"""How long a checkpoint that was handed over waits for the loop to go on: beside what is left of the stall
its Python code would hold that up, and beside a step, whose kernels let the interpreter go, it seldom does."""
PAUSE_S = 0.05  # how long a fork waits for a checkpoint that is being written
# From this size on memory that stays as it is counts as steady (memory.Stored).
STEADY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One checkpoint to publish.

    Attributes:
        stored: what was known to be on disk when it was taken.
        done: called on the writer's thread with what was published, or None if that failed.
    """

    path: Path
    tree: Any
    snapshot: Snapshot
    stored: Stored
    done: Callable[[Published | None], None]


class CheckpointWriter:
    """Publishes checkpoints in the background; what others hold is not written again.

    Args:
        copies: queues what is to be copied from devices.

    Attributes:
        arenas: that checkpoints are copied into before they are handed over.
        stored: what later checkpoints need not copy.
    """

    def __init__(self, copies: Copies) -> None:
        self.arenas = Arenas(self._soon, free_memory, copies)
        self.stored = Stored()
        self._jobs: queue.Queue[Job | Callable[[], None] | None] = queue.Queue()
        self._room = threading.Condition()
        self._behind = self.stored
        self._unchanged: frozenset[Origin] = frozenset()
        self._all: frozenset[Origin] = frozenset()
        self._proof = Proof(digest_at)
        self._latest: Path | None = None
        self._keyframes = Keyframes(exists=self._exists)
        self._texts = TreeTexts()
        self._unfinished = 0
        self._awaited = threading.Event()
        self._thread: threading.Thread | None = None

    def stored_behind(self, path: Path | None, *, must: bool) -> Stored:
        """What need not be copied by a checkpoint, before which none of this one's memory changed.

        Args:
            path: of the checkpoint before, if it is known that nothing has trained since.
            must: it has to be published, so nothing is left out unseen.
        """
        found = self._behind if path is not None and path == self._latest else self.stored
        return replace(found, proven={}) if must else found

    def _exists(self, file: str) -> bool:
        return self._latest is not None and os.path.exists(self._latest.with_name(file))

    def submit(self, job: Job) -> None:
        """Hand over a checkpoint."""
        with self._room:
            self._unfinished += 1
        self._soon(job)

    def _soon(self, job: Job | Callable[[], None]) -> None:
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="flor-checkpoints", daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """End the thread, unless it is long at work; the next checkpoint starts it anew."""
        self._awaited.set()
        with self._room:
            idle = self._room.wait_for(lambda: self._unfinished == 0, PAUSE_S)
        self._awaited.clear()
        if idle and self._thread is not None:
            thread = self._thread
            self.close()
            end_thread(thread)

    def close(self) -> None:
        """Publish what waits, and end."""
        self.arenas.copies.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            self._awaited.set()
            thread.join()
            self._awaited.clear()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not isinstance(job, Job):
                with guarded("make room for checkpoints"):
                    job()
                continue
            self._awaited.wait(HELD_BACK_S)
            published = None
            try:
                published = self._publish(job)
            except TornSnapshot:
                self.arenas.copies.torn()
            except ChangedMeanwhile:
                self._note_stored()  # the next one looks at it
            except Exception as error:  # noqa: BLE001  # a full disk must not end training
                degrade("write a checkpoint", error)
            self.arenas.give_back(job.snapshot)
            job.done(published)
            with self._room:
                self._unfinished -= 1
                self._room.notify_all()

    def _publish(self, job: Job) -> Published:
        if job.snapshot.copying is not None:
            job.snapshot.copying.wait()
        blocks = job.snapshot.blocks
        buffers = [
            Buffer(name, block.dtype, block.shape, block.view, block.held, block.address)
            for name, block in blocks.items()
        ]
        self._proof.check(blocks.values())
        held = {block.held for block in blocks.values() if block.held is not None}
        # What was left out of the snapshot lies where it lay then.
        left_out = {key: job.stored.contents[key] for key in held}
        for file in {file for file, _ in left_out.values()}:
            if not self._exists(file):
                raise CheckpointMissing(f"{file} went away, which was to hold a part of {job.path}")

        def refer(keys: Collection[Key]) -> Contents:
            return {**self._keyframes.refer(keys), **left_out}

        published = publish(job.path, self._texts.encode(job.tree), buffers, refer=refer)
        self._keyframes.published(published.holds)
        self._proof.note(blocks[name] for name in published.referenced)
        # All of the first one is steady as far as is known: the next one hashes it.
        self._unchanged = _origins(blocks, published.referenced if self._latest else blocks)
        self._all = _origins(blocks, blocks)
        self._latest = job.path
        self._note_stored()
        return published

    def _note_stored(self) -> None:
        contents, proven = self._keyframes.contents, self._proof.proven
        self.stored = Stored(contents, self._unchanged, proven)
        self._behind = Stored(contents, self._unchanged | self._all, proven)


def _origins(blocks: Mapping[str, Block], names: Iterable[str]) -> frozenset[Origin]:
    origins = [blocks[name].origin for name in names]
    return frozenset(one for one in origins if one is not None and one[1] >= STEADY_BYTES)
