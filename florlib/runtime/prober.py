"""Looking for the first moment of a run at which an expression turns true.

Boundaries are restored and asked, halving what is left; the iterations between the last one that says
no and the first that says yes are executed, and asked behind every turn of the loops that train. Where
no boundary can say anything, as of names of a function that is called in the loop, all are executed.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.plan import Plan, Segment
from florlib.ground.position import Position
from florlib.ground.recorded import RecordedProcess
from florlib.runtime.ending import end_process
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.libraries import generators
from florlib.runtime.loops import LoopBody, LoopCall
from florlib.runtime.marks import pairs
from florlib.runtime.probes import Probe
from florlib.runtime.project import Project
from florlib.runtime.replayer import Replayer
from florlib.runtime.sources import Sources
from florlib.runtime.walk import MainWalk
from florlib.source.purity import is_pure


class Prober(Replayer):
    """A session that asks a recorded process when something turned true.

    Args:
        plan: with the expression.

    Attributes:
        restores: of boundaries.
        steps: turns of training loops that were executed.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        project: Project,
        sources: Sources,
        plan: Plan,
        recorded: RecordedProcess,
    ) -> None:
        super().__init__(spec, project, sources, plan, recorded)
        assert plan.expression is not None
        self._code = compile(plan.expression, "<expression>", "eval")
        self._is_pure = is_pure(ast.parse(plan.expression, mode="eval").body)
        self._main_frame: types.FrameType | None = None
        self._answered = 0
        self._error = ""
        self._stepping = False
        self.restores = 0
        self.steps = 0

    # ------------------------------------------------------------------ the search

    def run_main(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a main loop: asked at its boundaries, then between two of them."""
        number = self._mains
        self._mains += 1
        watch_workers()
        if number >= len(self.recorded.mains):
            self._tell(None)
        self.project.library_attributes |= generators(self.sources.packages(), self.project)
        self._main_frame = frame
        entry = self.enter(call.name, call.path, call.site, "main")
        walk = MainWalk(self, entry, call, number, frame)
        try:
            before, first = self._narrowed(walk)
            if before is None:
                self._tell((*self.position()[:-1], (entry.name, 0)))
            assert before is not None  # else the process has ended
            self._stepping = True
            yield from walk.segment(Segment(number, before, self._end_of(walk)))
            self._stepping = False
            if first is not None:  # it turned true where no turn of a loop ended
                self._tell((*self.position()[:-1], (entry.name, first)))
            if number == len(self.recorded.mains) - 1:
                self._tell(None)
            yield from walk.leave()
        except GeneratorExit:
            self._look(frame)  # the script leaves the loop
            raise
        finally:
            self.leave(entry)

    def _end_of(self, walk: MainWalk) -> int:
        return walk.mark.iterations + (walk.mark.how == "raise")

    def _narrowed(self, walk: MainWalk) -> tuple[int | None, int | None]:
        """(the last boundary that says no, the first that says yes); None where there is none."""
        known = sorted(n for n, mark in walk.mark.boundaries.items() if self.usable(mark, n))
        low, high, answered = 0, len(known), self._answered
        while low < high:
            middle = (low + high) // 2
            if not self._reached(walk, known[middle]):
                known.pop(middle)
                high -= 1
            elif self._is_true(walk.frame):
                high = middle
            else:
                low = middle + 1
        if self._answered == answered:
            return 0, None  # its names are those of a loop inside: each turn has to be asked
        first = known[low] if low < len(known) else None
        if low == 0 and first == 0:
            return None, first
        return (known[low - 1] if low else 0), first

    def _reached(self, walk: MainWalk, index: int) -> bool:
        """Restore a boundary, wherever the process stands."""
        if walk.current == index:
            return True
        walk.entry.index, walk.entry.counts = index, {}
        return walk.restore(index)

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record; restores are counted."""
        self.restores += record["kind"] == "restore"
        super().append(record)

    # ------------------------------------------------------------------ asking

    def run_nested(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a nested training loop, asked behind each of its turns."""
        turns = super().run_nested(call, frame)
        try:
            for item in turns:
                yield item
                self.steps += self._stepping
                self._look(frame)
        finally:
            turns.close()

    def completed(self, index: int) -> None:
        """An iteration of a main loop is done."""
        self._look(self._main_frame)

    def _look(self, frame: types.FrameType | None) -> None:
        if not self._stepping or frame is None:
            return
        if self._is_true(frame):
            self._tell(self.position())

    def _is_true(self, frame: types.FrameType) -> bool:
        """What the expression says; False where it cannot say anything yet."""
        frames = [frame] if self._main_frame in (None, frame) else [frame, self._main_frame]
        for one in frames:
            assert one is not None
            try:
                with Probe(self, self._is_pure, self.plan.introduced, one):
                    said = bool(eval(self._code, one.f_globals, dict(one.f_locals)))
            except Exception as error:  # noqa: BLE001  # a name that is not there yet
                self._error = f"{type(error).__name__}: {error}"
            else:
                self._answered += 1
                return said
        return False

    def _tell(self, position: Position | None) -> None:
        """Write down what was found, and end."""
        self._note(position)
        self.close()
        end_process(0)

    def _note(self, position: Position | None) -> None:
        self.append(
            {
                "kind": "bisect",
                "position": None if position is None else pairs(position),
                "restores": self.restores,
                "steps": self.steps,
                "answered": self._answered,
                "error": self._error,
            }
        )

    def finish(self, how: str, exit_status: int | None) -> None:
        """The script ended by itself, as behind a last loop that was left early."""
        if self._mains >= len(self.recorded.mains):
            self._note(None)
        super().finish(how, exit_status)
