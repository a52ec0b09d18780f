"""The recorded checkpoints, put back into the live process of a replay."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from florlib.ground.errors import CheckpointDamaged, CheckpointMissing
from florlib.ground.recorded import CheckpointMark
from florlib.runtime import states
from florlib.runtime.graph.decode import RestoreRefused
from florlib.runtime.guard import guarded
from florlib.runtime.introduced import introduced_roots
from florlib.runtime.liveness import unread_roots
from florlib.runtime.session import Entry, now_s
from florlib.stores.checkpoints import Checkpoint

if TYPE_CHECKING:
    from florlib.runtime.replayer import Replayer
    from florlib.runtime.resumer import Resumer


class StoredStates:
    """Restores the checkpoints of one recorded process.

    Args:
        session: the replay's.
    """

    def __init__(self, session: Replayer | Resumer) -> None:
        self._session = session

    def restore(
        self, mark: CheckpointMark, entry: Entry, frame: types.FrameType, *, after: bool
    ) -> bool:
        """Restore a checkpoint; False where it cannot be, and then nothing was changed."""
        return self.restore_within(mark, entry, frame, states.NOTHING, after=after) is not None

    def can_restore(self, mark: CheckpointMark, entry: Entry, frame: types.FrameType) -> bool:
        """Whether a checkpoint at a boundary could be restored as things are."""
        return self.restore_within(mark, entry, frame, states.NOTHING, trial=True) is not None

    def restore_within(
        self,
        mark: CheckpointMark,
        entry: Entry,
        frame: types.FrameType,
        course: Mapping[str, Any],
        *,
        after: bool = False,
        trial: bool = False,
    ) -> dict[str, Any] | None:
        """Restore a checkpoint from the middle of a loop, or see whether that can be.

        Returns:
            What of the course could not be restored in place; None where the checkpoint cannot
            be restored, and then nothing was changed.
        """
        session, started = self._session, now_s()
        unread = unread_roots(session.sources, session.project, entry, frame, after=after)
        try:
            checkpoint = Checkpoint.open(session.run_layout.folder / mark.file)
            tree = session.relocation.there(checkpoint.tree)
            state = states.StoredState(tree, checkpoint.read, trusted=session.trusted)
            anew = states.restore(
                state,
                frame,
                session.project,
                dead=unread,
                without=introduced_roots(session.plan.introduced, frame, session.project),
                course=course,
                trial=trial,
            )
        except RestoreRefused as refusal:
            session.warn("restore-refused", f"{mark.file} cannot be restored: {refusal}")
            return None
        except (CheckpointDamaged, CheckpointMissing) as damage:
            session.warn(damage.code, f"{mark.file} cannot be restored: {damage.message}")
            return None
        if trial:
            return anew
        session.jumped = True
        seconds = now_s() - started
        session.append(
            {"kind": "restore", "file": mark.file, "bytes": mark.bytes, "seconds": seconds}
        )
        return anew

    def course_values(self, mark: CheckpointMark) -> dict[str, Any]:
        """What a checkpoint says of its loop's course in plain values; nothing where it is damaged."""
        with guarded("read what a loop goes over"):
            checkpoint = Checkpoint.open(self._session.run_layout.folder / mark.file)
            return states.course_values(states.StoredState(checkpoint.tree, checkpoint.read))
        return {}

    def restore_generators(self, mark: CheckpointMark) -> None:
        """Put back the process's own generators alone, which every checkpoint holds whole."""
        with guarded("restore the generators"):
            checkpoint = Checkpoint.open(self._session.run_layout.folder / mark.file)
            trusted = self._session.trusted
            state = states.StoredState(checkpoint.tree, checkpoint.read, trusted=trusted)
            states.restore_generators(state)
