"""Going on with a run that was interrupted: restore its newest checkpoint, and record from there.

The script runs from its first line, in silence: what it logs before that moment is in the journal
already. At the main loop the recorded state is restored, and what follows is recorded as if the run
had never stopped. For a step within an iteration that state is the iteration's begin: what leads to the
step's loop runs in silence as well, and the loop is entered in its middle, as a replay does. The journal
was cut at that moment before this process began (hindsight.resumption).
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from florlib.ground.launch import LaunchSpec
from florlib.ground.plan import Plan
from florlib.ground.recorded import CheckpointMark, RecordedProcess, StepMark
from florlib.ground.relocation import Relocation
from florlib.runtime.blocks import Block
from florlib.runtime.course import Course
from florlib.runtime.ending import end_process
from florlib.runtime.endstates import EndStates
from florlib.runtime.graph.standin import on_graph_missing
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.guard import degrade, guarded
from florlib.runtime.items import ItemDriver, NoSuchItem
from florlib.runtime.loops import LoopBody, LoopCall
from florlib.runtime.parts import NotEntered
from florlib.runtime.project import Project
from florlib.runtime.recorder import Recorder
from florlib.runtime.session import Entry, now_s, process_identity
from florlib.runtime.sources import Sources
from florlib.runtime.standins import TemporaryStandins
from florlib.runtime.stored_states import StoredStates
from florlib.runtime.turns import MainTurns
from florlib.runtime.walk import MainWalk, ReplayImpossible
from florlib.stores.arrays import ArrayWriter
from florlib.stores.journal import JournalWriter

REFUSED = "resume-refused"


class Resumer(Recorder):
    """A session that goes on where a recorded process was interrupted.

    Args:
        spec: what to go on with, and where.
        about: what the "resume" record says of this process.
        recorded: what the interrupted process did, up to where this one goes on.

    Attributes:
        restored: it has come there.
        trusted: whether pickled objects of the record may be loaded.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        project: Project,
        sources: Sources,
        about: Mapping[str, Any],
        recorded: RecordedProcess,
    ) -> None:
        super().__init__(spec, project, sources, about)
        self.run_layout = self.layout
        self.trusted = spec.trusted
        self.recorded = recorded
        self.plan = Plan(spec.run, "resume")
        self.end_states = EndStates(self)
        self.stored = StoredStates(self)
        self.jumped = False
        self.restored = False
        self.warming = True
        self._reason = ""  # why a checkpoint was not restored
        self._standins = TemporaryStandins(recorded)
        self._start_differs: list[
            dict[str, Any]
        ] = []  # from the record, in front of the first loop

    @property
    def relocation(self) -> Relocation:
        """Where this process has the temporary paths of the record."""
        return self._standins.relocation

    def usable(self, mark: CheckpointMark, index: int) -> bool:
        """Whether going on from a boundary is going on as the run would have."""
        return mark.complete and not mark.workers

    def place_left_files(self, number: int) -> None:
        """The files are where the run left them."""

    # ------------------------------------------------------------------ silence

    def begin(self) -> None:
        """The journal is there; it is written to once the state is."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record, unless the interrupted process has told of it."""
        if self.restored:
            super().append(record)
        elif record["kind"] == "verification" and record["start"]:
            self._start_differs = record["differing"]
        elif record["kind"] == "warning" and record["code"] == "restore-refused":
            self._reason = f": {record['text']}"
        elif record["kind"] == "exit" and record["role"] == "main" and record["how"] != "raise":
            self._refuse_turn()

    def _is_unasked(self, name: str, file: str | None, line: int) -> bool:
        return True

    def makes_temporary(self, paths: list[str], file: str, function: str) -> None:
        """Have a temporary file or folder stand for the one that was made at the same place."""
        if self.restored:
            super().makes_temporary(paths, file, function)
        else:
            self._standins.made(self.position(), paths, file, function)

    def recorded_arguments(self) -> dict[str, Any]:
        """What `flor.arg` gave before."""
        return self.recorded.decoded_arguments()

    # ------------------------------------------------------------------ main loops

    def run_main(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a main loop: left as it was, or gone on with, and recorded from there."""
        number = self._mains
        if self.restored or not self._is_over(number):
            return (yield from super().run_main(call, frame))
        self._mains += 1
        watch_workers()
        entry = self.enter(call.name, call.path, call.site, "main")
        walk = MainWalk(self, entry, call, number, frame)
        try:
            yield from walk.leave()
        except ReplayImpossible as error:
            self._refuse(str(error))
        finally:
            self.leave(entry)
            if number == len(self.recorded.mains) - 1:
                if walk.how not in ("exhausted", "break"):
                    self._refuse(f"{call.name} was not left as it was")
                self._go_on(number, self.recorded.mains[number].iterations)

    def _is_over(self, number: int) -> bool:
        mains = self.recorded.mains
        return number < len(mains) and mains[number].how != "killed"

    def _first(
        self, call: LoopCall, entry: Entry, main: int, frame: types.FrameType, turns: MainTurns
    ) -> tuple[int, Iterable[Any]]:
        """The first turn of this process, and what the loop goes over from there on."""
        if self.restored:
            return super()._first(call, entry, main, frame, turns)
        if main >= len(self.recorded.mains):
            self._refuse(f"{call.name} was not a main loop before")
        walk = MainWalk(self, entry, call, main, frame)
        index = self.recorded.mains[main].iterations
        if main == 0:
            walk.verify_start()
        if not call.is_alone:
            self._reason = ": what stands around it counts its items from 0 again"
        try:
            walk.reach(index)
        except ReplayImpossible as error:
            self._refuse(str(error))
        if walk.current != index:
            self._refuse(f"the state before {call.name}={index} cannot be restored{self._reason}")
        if self._step is None:
            self._go_on(main, index)
            self.way_to = index
        turns.go_on(index, walk.items.count)
        return index, self._items_from(walk.items, index)

    @property
    def _step(self) -> StepMark | None:
        """Where the run goes on in the iteration under way; None at its begin."""
        return self.recorded.mains[-1].last_step

    def _items_from(self, items: ItemDriver, index: int) -> Iterator[Any]:
        """What a main loop goes over, from a turn on."""
        while True:
            try:
                item = items.at(index)
            except NoSuchItem:
                return
            yield item
            if not self.restored:
                self._refuse_turn()
            index += 1

    def _refuse_turn(self) -> None:
        step = self._step
        assert step is not None
        self._refuse(f"{step.around[-1][0]}={step.index} ended before it came to {step.loop}")

    # ------------------------------------------------------------------ nested loops

    def _first_within(self, block: Block, call: LoopCall) -> tuple[int, Iterable[Any]]:
        """The first turn of a nested loop in this process: none of those before a step's."""
        step, number = self._step, self.main_number
        if self.restored or step is None or number < len(self.recorded.mains) - 1:
            return super()._first_within(block, call)
        around, name = self.position()[:-1], block.entry.name
        if (around, name) == (step.around, step.loop):
            return step.turn, self._enter(block, call, step)
        passed = self.recorded.mains[number].blocks.get((around, name))
        if passed is None or passed.checkpoint is None or name not in step.passed:
            self._refuse(f"{name} was not executed before {step.loop}")
        if not self.stored.restore(passed.checkpoint, block.entry, block.frame, after=True):
            self._refuse(f"the end of {name} cannot be restored{self._reason}")
        block.pass_by()
        return passed.iterations, ()

    def _enter(self, block: Block, call: LoopCall, step: StepMark) -> Iterable[Any]:
        """Enter the loop that the run was interrupted in, before a step; what is left of its items."""
        course, _ = Course.found(call.items)
        if course is None or course.drawn_from != step.drawn_from:
            self._refuse(f"what {step.loop} goes over came out otherwise than before")
        assert step.checkpoint is not None and self._turns is not None
        try:
            course.enter(0, step.turn, self.stored.course_values(step.checkpoint), step.loop)
            anew = self.stored.restore_within(
                step.checkpoint, block.entry, block.frame, course.roots(step.loop)
            )
            if anew is None:
                raise NotEntered(f"its checkpoint cannot be restored{self._reason}")
            items = course.rest(anew, step.loop)
        except NotEntered as refusal:
            self._refuse(f"{step.loop} cannot be entered at {step.turn}: {refusal}")
        self._go_on(self.main_number, step.index)
        self.budget.begin(now_s())
        self._blocks, self.way_to = step.block + 1, step.index
        self._turns.go_on_within(step.seconds)
        block.go_on(step, course)
        return items

    # ------------------------------------------------------------------ going on

    def _go_on(self, main: int, index: int) -> None:
        """Record from now on."""
        rank, pid = process_identity()
        mark, step = self.recorded.mains[main], self._step
        passed_s = (mark.began_s or 0.0) + sum(mark.seconds.values())
        passed_s += 0.0 if step is None else step.seconds
        self._began_s = now_s() - passed_s  # so that times go on as well
        self._records.clear()
        self._rows.clear()
        try:
            journal = self._opened()
        except OSError as error:
            degrade("go on with the journal", error)
            end_process(1)
        self.restored, self.warming = True, False
        self.open_journal(journal, ArrayWriter(self.layout.arrays))
        self.checkpoints.claim_folder(rank, pid)
        about = {key: self._about[key] for key in ("started", "python", "argv")}
        if step is not None:
            about |= {"loop": step.loop, "step": step.turn}
            on_graph_missing(self._refuse)  # the boundary lies before what has made that graph
        self.append({"kind": "resume", "main": main, "index": index, "pid": pid, **about})
        if self._start_differs:
            first = self._start_differs[0]["item"]
            text = (
                f"what the script does before its loop came out otherwise than before ({first}; no"
                " seed?): what the loop goes over may be another"
            )
            self.warn("start-differs", text)

    def _opened(self) -> JournalWriter:
        assert self.spec.resumes is not None
        return JournalWriter.going_on(Path(self.layout.folder, self.spec.resumes))

    def _refuse(self, text: str) -> NoReturn:
        """End here: what follows would not be what the run would have come to."""
        if self.restored:
            self.warn(REFUSED, text)
            self.flush()
            end_process(1)
        with guarded("say why the run does not go on"):
            writer = self._opened()
            writer.append({"kind": "warning", "code": REFUSED, "text": text})
            writer.close()
        end_process(1)
