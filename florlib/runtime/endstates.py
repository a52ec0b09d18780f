"""Holding the state that a replay has come to against the recorded one, item by item."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from florlib.ground.checkpoint_format import digest
from florlib.ground.graph import Nearness, compare_trees
from florlib.ground.recorded import CheckpointMark
from florlib.runtime import states
from florlib.runtime.graph.captured import Captured
from florlib.runtime.guard import guarded
from florlib.runtime.introduced import introduced_roots
from florlib.runtime.liveness import unread_roots
from florlib.runtime.marks import pairs
from florlib.runtime.nearness import are_near
from florlib.runtime.session import Entry
from florlib.stores.checkpoints import Checkpoint

if TYPE_CHECKING:
    from florlib.runtime.replayer import Replayer
    from florlib.runtime.resumer import Resumer

DIFFERENCES_TOLD = 20  # of one boundary; the first is what people act on


class EndStates:
    """Verifies the states of one replay.

    Args:
        session: the replay's.
    """

    def __init__(self, session: Replayer | Resumer) -> None:
        self._session = session

    def verify(
        self,
        mark: CheckpointMark,
        entry: Entry,
        main: int,
        index: int,
        frame: types.FrameType,
        *,
        at_start: bool = False,
        step: int | None = None,
        course: Mapping[str, Any] | None = None,
    ) -> None:
        """Hold the state at a boundary against the recorded one, item by item.

        Args:
            mark: the recorded checkpoint.
            entry: the loop.
            main: number of the main loop.
            index: of its iteration that follows, or that `step` is in.
            frame: the user's frame that runs the loop.
            step: the turn that follows, in the middle of a nested loop.
            course: what the nested loop goes over; None where that is not known.
            at_start: nothing was restored yet. A process whose script seeds them not starts with
                other states of `random` and numpy's generator: told, and no divergence.
        """
        with guarded("verify an end state"):
            checkpoint = Checkpoint.open(self._session.run_layout.folder / mark.file)
            captured = states.capture(frame, self._session.project, course=course or states.NOTHING)
            recorded = {name: checkpoint.entry(name).digest for name in checkpoint.names}
            replayed = {name: digest(block.view) for name, block in captured.blocks.items()}
            comparison = compare_trees(
                checkpoint.tree,
                self._session.relocation.back(captured.tree),
                (recorded, replayed),
                ignored=self._ignored(entry, frame, at_start, course is None),
                nearness=self._nearness(checkpoint, captured),
            )
            self._session.append(
                {
                    "kind": "verification",
                    "start": at_start,
                    "main": main,
                    "index": index,
                    "step": step,
                    "position": pairs(
                        (*self._session.position()[:-1], (entry.name, step or index))
                    ),
                    "checked": comparison.checked,
                    "identical": comparison.checked - len(comparison.differences) - comparison.near,
                    "within_tolerance": comparison.near,
                    "differing": [
                        {"item": part.item, "recorded": part.recorded, "replayed": part.replayed}
                        for part in comparison.differences[:DIFFERENCES_TOLD]
                    ],
                }
            )

    def _nearness(self, checkpoint: Checkpoint, captured: Captured) -> Nearness | None:
        tolerance = self._session.plan.tolerance
        if not tolerance:
            return None

        def blocks(recorded: str, replayed: str) -> bool:
            block = captured.blocks.get(replayed)
            if block is None or recorded not in checkpoint.names:
                return False
            one = (checkpoint.entry(recorded).dtype, checkpoint.read(recorded))
            return are_near(one, (block.dtype, memoryview(block.view)), tolerance)

        return Nearness(tolerance, blocks)

    def _ignored(
        self, entry: Entry, frame: types.FrameType, at_start: bool, no_course: bool
    ) -> Callable[[tuple[str, str]], bool]:
        unread = unread_roots(
            self._session.sources, self._session.project, entry, frame, after=False
        )
        timed = {
            name for clock in self._session.sources.clock().values() for _, name in clock.names
        }
        introduced = introduced_roots(self._session.plan.introduced, frame, self._session.project)
        unseeded = {(states.RNG_SCOPE, name) for name in ("random", "numpy")} if at_start else set()
        return lambda root: (
            root[0] == states.LINE_SCOPE  # its line is compared when it has ended
            or root[1] in timed
            or introduced(root)
            or root in unseeded
            or (no_course and root[0] == states.COURSE_SCOPE)
            or unread(root)
        )
