"""Checkpoints on their way to disk: one thread publishes them, in the order they were taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.runtime.arena import Arenas, Snapshot
from florlib.runtime.freemem import free_memory
from florlib.runtime.graph.memory import Stored
from florlib.runtime.graph.texts import TreeTexts
from florlib.runtime.guard import degrade, guarded
from florlib.runtime.session import end_thread
from florlib.stores.checkpoints import Buffer, Keyframe, Published, publish

PAUSE_S = 0.05  # how long a fork waits for a checkpoint that is being written
# From this size on memory that stays as it is counts as steady (memory.Stored).
STEADY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One checkpoint to publish.

    Attributes:
        done: called on the writer's thread with what was published, or None if that failed.
    """

    path: Path
    tree: Any
    snapshot: Snapshot
    done: Callable[[Published | None], None]


class CheckpointWriter:
    """Publishes checkpoints in the background; equal blocks refer to the first one's.

    Attributes:
        arenas: that checkpoints are copied into before they are handed over.
        stored: what later checkpoints need not copy.
    """

    def __init__(self) -> None:
        self.arenas = Arenas(self._soon, free_memory)
        self.stored = Stored()
        self._jobs: queue.Queue[Job | Callable[[], None] | None] = queue.Queue()
        self._room = threading.Condition()
        self._keyframe: Keyframe | None = None
        self._texts = TreeTexts()
        self._unfinished = 0
        self._thread: threading.Thread | None = None

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
        with self._room:
            idle = self._room.wait_for(lambda: self._unfinished == 0, PAUSE_S)
        if idle and self._thread is not None:
            thread = self._thread
            self.close()
            end_thread(thread)

    def close(self) -> None:
        """Publish what waits, and end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not isinstance(job, Job):
                with guarded("make room for checkpoints"):
                    job()
                continue
            published = None
            try:
                published = self._publish(job)
            except Exception as error:  # noqa: BLE001  # a full disk must not end training
                degrade("write a checkpoint", error)
            self.arenas.give_back(job.snapshot)
            job.done(published)
            with self._room:
                self._unfinished -= 1
                self._room.notify_all()

    def _publish(self, job: Job) -> Published:
        buffers = [
            Buffer(name, block.dtype, block.shape, block.view, block.held, block.address)
            for name, block in job.snapshot.blocks.items()
        ]
        tree = self._texts.encode(job.tree)
        published = publish(job.path, tree, buffers, keyframe=self._keyframe)
        unchanged: Iterable[str] = published.referenced
        if self._keyframe is None:
            self._keyframe = Keyframe.open(job.path)
            unchanged = job.snapshot.blocks  # as far as is known: the next one hashes them first
        origins = [job.snapshot.blocks[name].origin for name in unchanged]
        steady = {part for part in origins if part is not None and part[1] >= STEADY_BYTES}
        self.stored = Stored(self._keyframe.names, frozenset(steady))
        return published
