"""Replaying: restore, skip what the question does not look into, run the rest, verify."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.plan import Plan, Segment
from florlib.ground.recorded import BlockMark, CheckpointMark, RecordedProcess
from florlib.ground.relocation import Relocation
from florlib.ground.stamp import stamp
from florlib.runtime.ending import end_process
from florlib.runtime.endstates import EndStates
from florlib.runtime.event_files import EVENT_MODULES, EventFileLoader, place_below
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.guard import guarded, os
from florlib.runtime.libraries import generators
from florlib.runtime.loops import LoopBody, LoopCall, way_out
from florlib.runtime.marks import enter_record, exit_record, pairs
from florlib.runtime.nested import NestedWalk
from florlib.runtime.project import Project
from florlib.runtime.session import Entry, Session, process_identity
from florlib.runtime.shares import Claimed, Everything, Share
from florlib.runtime.sources import Sources
from florlib.runtime.standins import TemporaryStandins
from florlib.runtime.stored_states import StoredStates
from florlib.runtime.walk import MainWalk
from florlib.stores.arrays import ArrayWriter
from florlib.stores.claims import Claims
from florlib.stores.journal import JournalWriter


class Replayer(Session):
    """A session that replays one recorded process.

    Args:
        spec: where the run and the replay lie.
        plan: what to execute.
        recorded: what the process did when it was recorded.

    Attributes:
        jumped: whether a state was restored in the present main loop, behind its start.
        trusted: whether pickled objects of the record may be loaded.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        project: Project,
        sources: Sources,
        plan: Plan,
        recorded: RecordedProcess,
    ) -> None:
        super().__init__(project, sources)
        assert spec.replay_dir is not None
        self.run_layout = RunLayout(Path(spec.run_dir))
        self.layout = ReplayLayout(Path(spec.replay_dir), spec.worker or 0)
        self.plan = plan
        self.recorded = recorded
        self.trusted = spec.trusted
        self._folders = spec.moves
        self._standins = TemporaryStandins(recorded)
        self.recorded_project = spec.recorded_project or spec.project
        self.end_states = EndStates(self)
        self.stored = StoredStates(self)
        self.jumped = False
        self._held: dict[tuple[str, int], tuple[int, float]] = {}
        self._mains = 0
        self._innermost: dict[int, frozenset[tuple[str | None, int | None]]] = {}
        self._worker = spec.worker
        self._piece = ""  # that is being executed, and what it is
        self._part: Segment | None = None
        self._share: Share = Everything(plan)
        if spec.worker is not None:
            claims = Claims(self.layout.claims)
            self._share = Claimed(plan, len(recorded.mains), claims, spec.worker)
        self._phase, self._own_start = 0, self._share.begins(0)
        self.warming = not self._own_start

    @property
    def relocation(self) -> Relocation:
        """Where this process has the paths of the record: temporary ones, and folders."""
        return Relocation((*self._standins.relocation.moves, *self._folders))

    @property
    def steps_into_any(self) -> bool:
        """Whether the plan runs any nested loop: then its DataLoader's workers have to be right."""
        return self.plan.everything or bool(self.plan.step)

    @property
    def main_number(self) -> int:
        """Of the main loop that was last begun."""
        return self._mains - 1

    def usable(self, mark: CheckpointMark, index: int) -> bool:
        """Whether going on from a boundary is going on from the state that was recorded."""
        if (self.plan.files or self.plan.carries) and index > 0:
            return False
        return not self.plan.anew and mark.complete and not (mark.workers and self.steps_into_any)

    def place_left_files(self, number: int) -> None:
        """Have the files as a main loop left them, where not all of it was executed."""
        with guarded("place the files of the run"):
            for path, there in self.plan.left.get(number, {}).items():
                source = os.path.join(self.recorded_project, path)
                target = os.path.join(self.project.root, path)
                if there and stamp(source) != stamp(target):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.copy2(source, target)
                elif not there and os.path.isfile(target):
                    os.remove(target)

    def begin(self, about: dict[str, Any]) -> None:
        """Start the journal of this worker."""
        rank, pid = process_identity()
        head = {"kind": "process", "format": 1, "rank": rank, "pid": pid, **about}
        head["recorded"] = self.recorded.process["pid"]
        self._records.insert(0, head)
        arrays = ArrayWriter(self.layout.arrays, self.run_layout.arrays)
        self.open_journal(JournalWriter(self.layout.journal(rank, pid)), arrays)

    def note_loaded(self, path: str) -> None:
        """Say which of the files with probes really ran, for the report."""
        if path in self.plan.hindsight or path in self.plan.transparent:
            self.append({"kind": "loaded", "path": path})

    def library_loader(self, name: str, path: str) -> Any:
        """Event files are kept with what the replay wrote, unless it runs in place."""
        if name not in EVENT_MODULES or not self._folders:
            return None
        elsewhere, inside = str(self.layout.work_elsewhere), str(self.layout.folder)
        return EventFileLoader(name, path, partial(place_below, elsewhere, inside))

    def makes_temporary(self, paths: list[str], file: str, function: str) -> None:
        """Have a temporary file or folder stand for the one that was made at the same place."""
        self._standins.made(self.position(), paths, file, function)

    def _encode(self, record: dict[str, Any]) -> dict[str, Any]:
        """The journal of a replay names paths as the record does."""
        encoded = super()._encode(record)
        return self.relocation.back(encoded) if record["kind"] == "rows" else encoded

    def recorded_arguments(self) -> dict[str, Any]:
        """What `flor.arg` gave in the recorded run."""
        return self.recorded.decoded_arguments()

    # ------------------------------------------------------------------ main loops

    def run_main(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a main loop: the planned segments, then on to what follows."""
        number = self._mains
        self._mains += 1
        watch_workers()
        if number >= len(self.recorded.mains):
            if not self.recorded.ended:
                self.end()  # the run was killed before
            self.warn("loop-not-recorded", f"{call.name} was not a main loop in the record")
            return (yield from call.items)
        self.project.library_attributes |= generators(self.sources.packages(), self.project)
        self.jumped = False
        entry = self.enter(call.name, call.path, call.site, "main")
        self.append(enter_record(entry, self.position()[:-1], number, self.age_s()))
        walk = MainWalk(self, entry, call, number, frame)
        try:
            if self.plan.prelude and self._own_start:
                walk.verify_start()
            if self._own_start:
                self._end_piece(f"phase.{number}")
            for piece, segment in self._parts(number, walk):
                self.warming = False
                self._piece, self._part = piece, segment
                yield from walk.segment(segment)
                if self._piece:
                    self._end_piece(self._piece)
            if self._share.is_over(number):
                self.end()
            self._go_on(number + 1)
            yield from walk.leave()
        except GeneratorExit:
            how = way_out(self, entry, frame)
            walk.left(how)
            if how in ("break", "return"):
                if self._piece:
                    self._end_piece(self._piece)
                if self._share.is_over(number):
                    self.end()
                self._go_on(number + 1)
            raise
        finally:
            self.leave(entry)
            how, count = walk.how, walk.executed
            self.append(exit_record(entry, self.position(), how, count, main=number))

    def _parts(self, number: int, walk: MainWalk) -> Iterator[tuple[str, Segment]]:
        """What this process executes of a main loop, as far as it went in it."""
        mark = self.recorded.mains[number]
        turns = mark.iterations + (mark.how == "raise")
        for piece, part in self._share.parts(number, lambda: walk.items.goes_anywhere):
            if part.start <= turns:
                yield piece, replace(part, stop=min(part.stop, turns))
            else:
                self._end_piece(piece)

    def _end_piece(self, piece: str) -> None:
        """Say that a piece is done, so that it stays done whatever becomes of this process."""
        self._piece, self._part = "", None
        if self._worker is not None:
            self.warming = True
            self.append({"kind": "piece", "piece": piece})
            self.flush()

    def _go_on(self, phase: int) -> None:
        """Begin with what lies behind a main loop."""
        if phase != self._phase:
            self._phase, self._own_start = phase, self._share.begins(phase)
        self.warming = not self._own_start

    def end(self) -> None:
        """End the process here: nothing that follows was asked for."""
        self._append_end("end-of-plan", 0)
        end_process(0)

    def probe_raised(self, path: str, line: int, error: BaseException) -> None:
        """End here: the script must not handle an error that the record does not have."""
        sys.excepthook(type(error), error, error.__traceback__)
        text = f"the added line {path}:{line} raised {type(error).__name__}: {error}"
        self._end_at_probe("probe-raised", text, path, line)

    def probe_moved(self, path: str, line: int, names: list[str]) -> None:
        """End here: what follows would not be what was recorded."""
        text = f"the added line {path}:{line} took items from {', '.join(names)}, which cannot be put back"
        self._end_at_probe("probe-not-undone", text, path, line)

    def _end_at_probe(self, code: str, text: str, path: str, line: int) -> None:
        self.warn(code, f"{text}; nothing that follows it was executed", file=path, line=line)
        self._append_end(code, 1)
        end_process(1)

    def probe_held(self, path: str, line: int, seconds: float) -> None:
        """Add it up by statement; it is told at the end."""
        count, total = self._held.get((path, line), (0, 0.0))
        self._held[path, line] = (count + 1, total + seconds)

    def finish(self, how: str, exit_status: int | None) -> None:
        """Write everything out, as the script ends by itself."""
        if self._own_start:
            self._end_piece(f"phase.{self._mains}")
        self._append_end(how, exit_status)

    def _append_end(self, how: str, exit_status: int | None) -> None:
        for (path, line), (count, seconds) in self._held.items():
            told = {"path": path, "line": line, "count": count, "seconds": seconds}
            self.append({"kind": "held", **told})
        self.append({"kind": "end", "how": how, "exit_status": exit_status, "signal": None})
        self.close()

    # ------------------------------------------------------------------ nested loops

    def run_nested(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a nested training loop: skipped by restoring its end, or run."""
        watch_workers()
        entry = self.enter(call.name, call.path, call.site, "nested")
        entry.index = 0
        parent = self.position()[:-1]
        block = self.recorded.mains[self._mains - 1].blocks.get((parent, entry.name))
        is_divided = block is not None and self._is_divided(block)
        if block is not None and not is_divided and self._may_skip(call, block):
            if self._skip(entry, block, frame):
                return
        walk = NestedWalk(self, call, entry, block, frame)
        warming, wanted = self.warming, self._wanted(block)
        try:
            if block is not None and is_divided:
                yield from walk.turns(self._own_turns(block), warm=False)
            else:
                yield from walk.turns(wanted, warm=warming)
        except GeneratorExit:
            walk.left(way_out(self, entry, frame))
            raise
        finally:
            if is_divided:
                self.warming = self._part is None  # what follows is the last part's
            elif wanted is not None:
                self.warming = warming
            self.leave(entry)
            main = self._mains - 1
            record = exit_record(entry, parent, walk.how, walk.executed, main=main)
            self.append({**record, "turns": walk.stretches})

    def _is_divided(self, block: BlockMark) -> bool:
        """Whether the present part is some turns of a loop, which is the only one that is run."""
        part, main = self._part, self.main
        if part is None or part.turns is None or main is None or main.index != part.start:
            return False
        return self.plan.everything or (block.path, block.ordinal) in self.plan.step

    def _own_turns(self, block: BlockMark) -> Iterator[tuple[int, int]]:
        """The turns of this worker's parts, each part taken on when the one before is done.

        The one with the last turn is not done before the iteration is.
        """
        while (part := self._part) is not None and part.turns is not None:
            if part.turns[1] >= block.iterations:
                yield part.turns[0], sys.maxsize  # with the turn that an error left
                return
            yield part.turns
            self._end_piece(self._piece)
            following = self._share.within(part.main, part.start)
            if following is not None:
                self._piece, self._part = following

    def _wanted(self, block: BlockMark | None) -> tuple[tuple[int, int], ...] | None:
        """The turns of a loop that are asked for; None for all of them."""
        if self.plan.turns is None or block is None:
            return None
        if self.main_number not in self._innermost:
            self._innermost[self.main_number] = self.recorded.mains[self.main_number].innermost
        inner = (block.path, block.ordinal) in self._innermost[self.main_number]
        return self.plan.turns if inner else None

    def _may_skip(self, call: LoopCall, block: BlockMark) -> bool:
        if not block.skippable or block.checkpoint is None or not block.checkpoint.complete:
            return False
        if self.plan.anew or (self.plan.files and block.wrote):
            return False
        if block.checkpoint.workers and self.steps_into_any:
            return False
        if (self.warming and not self.plan.carries) or call.probed is False:
            return True
        if call.probed or self.plan.everything:
            return False
        return (block.path, block.ordinal) not in self.plan.step

    def may_jump(self, block: BlockMark, entry: Entry, frame: types.FrameType) -> bool:
        """Whether turns of a loop may be left out that nobody asks for.

        What probes carry from one turn to the next, or out of the loop, comes about turn by turn.
        """
        if self.plan.carries or self.plan.anew or (self.plan.files and block.wrote):
            return False
        names = {**frame.f_globals, **frame.f_locals}
        introduced = {name for known in self.plan.introduced.values() for _, name in known}
        kept = {one for one in introduced if not isinstance(names.get(one), types.ModuleType)}
        if not kept or entry.path is None or entry.site is None:
            return not kept
        carried = [
            self.sources.live_names(entry.path, entry.site.ordinal, after=after)
            for after in (False, True)
        ]
        return not any(live is None or live & kept for live in carried)

    def end_of(self, block: BlockMark) -> CheckpointMark | None:
        """The checkpoint behind a loop, where restoring it stands for running on to there."""
        mark = block.checkpoint
        if not block.skippable or mark is None or not mark.complete or mark.workers:
            return None
        return None if self.plan.anew else mark

    def _skip(self, entry: Entry, block: BlockMark, frame: types.FrameType) -> bool:
        assert block.checkpoint is not None
        if not self.stored.restore(block.checkpoint, entry, frame, after=True):
            return False
        self.leave(entry)
        self.append(
            {
                "kind": "skip",
                "position": pairs(self.position()),
                "loop": entry.name,
                "iterations": block.iterations,
            }
        )
        return True
