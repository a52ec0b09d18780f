"""Checkpoints on their way to disk: one thread publishes them, in the order they were taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.runtime.graph.memory import Block, Held
from florlib.runtime.guard import degrade
from florlib.runtime.session import end_thread
from florlib.stores.checkpoints import Buffer, Keyframe, Published, publish

# Private copies that wait to be written; beyond it training waits, which the budget counts.
WAITING_BYTES = 256 << 20
PAUSE_S = 0.05  # how long a fork waits for a checkpoint that is being written


@dataclass(frozen=True, slots=True)
class Job:
    """One checkpoint to publish.

    Attributes:
        done: called on the writer's thread with what was published, or None if that failed.
    """

    path: Path
    tree: Any
    blocks: dict[str, Block]
    done: Callable[[Published | None], None]

    @property
    def bytes(self) -> int:
        """Size of the copies that it holds."""
        return sum(len(block.data) for block in self.blocks.values())


class CheckpointWriter:
    """Publishes checkpoints in the background; equal blocks refer to the first one's."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._keyframe: Keyframe | None = None
        self._unfinished = 0
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Hand over a checkpoint; waits while too much is on its way."""
        size = job.bytes
        with self._room:
            while self._waiting_bytes and self._waiting_bytes + size > WAITING_BYTES:
                self._room.wait()
            self._waiting_bytes += size
            self._unfinished += 1
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="flor-checkpoints", daemon=True)
            self._thread.start()

    @property
    def held(self) -> Held:
        """Contents that the keyframe holds, so that later checkpoints need no copy of them."""
        return () if self._keyframe is None else self._keyframe.names

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
            published = None
            try:
                published = self._publish(job)
            except Exception as error:  # noqa: BLE001  # a full disk must not end training
                degrade(f"write checkpoint {job.path.name}", error)
            job.done(published)
            with self._room:
                self._waiting_bytes -= job.bytes
                self._unfinished -= 1
                self._room.notify_all()

    def _publish(self, job: Job) -> Published:
        buffers = [
            Buffer(name, block.dtype, block.shape, block.data, block.held)
            for name, block in job.blocks.items()
        ]
        published = publish(job.path, job.tree, buffers, keyframe=self._keyframe)
        if self._keyframe is None:
            self._keyframe = Keyframe.open(job.path)
        return published
