"""Checkpoints on their way to disk: one thread publishes them, in the order they were taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.runtime.graph.memory import Block
from florlib.runtime.guard import degrade
from florlib.stores.checkpoints import Buffer, Keyframe, Published, publish

QUEUED = 2  # private copies in memory at most, beside the one that is being written


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


class CheckpointWriter:
    """Publishes checkpoints in the background; equal blocks refer to the first one's."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(QUEUED)
        self._keyframe: Keyframe | None = None
        self._thread = threading.Thread(target=self._run, name="flor-checkpoints", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Hand over a checkpoint; waits while too many are on their way."""
        self._jobs.put(job)

    def close(self) -> None:
        """Publish what waits, and end."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            published = None
            try:
                published = self._publish(job)
            except Exception as error:  # noqa: BLE001  # a full disk must not end training
                degrade(f"write checkpoint {job.path.name}", error)
            job.done(published)

    def _publish(self, job: Job) -> Published:
        buffers = [
            Buffer(name, block.dtype, block.shape, block.data) for name, block in job.blocks.items()
        ]
        published = publish(job.path, job.tree, buffers, keyframe=self._keyframe)
        if self._keyframe is None:
            self._keyframe = Keyframe.open(job.path)
        return published
