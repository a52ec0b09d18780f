"""Recording: the loops of a run that is being watched, and the checkpoints taken at their ends."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import RunLayout
from florlib.runtime.blocks import Block
from florlib.runtime.budget import Budget
from florlib.runtime.callsets import CallSets
from florlib.runtime.checkpoints import Checkpoints
from florlib.runtime.cores import Cores
from florlib.runtime.course import Course
from florlib.runtime.ending import end_process
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.guard import guarded, os
from florlib.runtime.libraries import Numbers, generators, moved, numbers
from florlib.runtime.liveness import unread_roots
from florlib.runtime.loops import LoopBody, LoopCall, way_out
from florlib.runtime.marks import (
    enter_record,
    exit_record,
    loops_record,
    overhead_record,
    pairs,
)
from florlib.runtime.naming import unrepeatable
from florlib.runtime.pace import NEVER, Pace
from florlib.runtime.project import Project
from florlib.runtime.requeue import Requeue
from florlib.runtime.session import Entry, Session, now_s, process_identity
from florlib.runtime.sources import Sources
from florlib.runtime.turns import MainTurns
from florlib.runtime.untold_files import watch_untold_files
from florlib.source.loops import LoopSite
from florlib.stores.arrays import ArrayWriter
from florlib.stores.journal import JournalWriter


class Recorder(Session):
    """A session that records.

    Args:
        spec: what to record, and where.
        about: what the "process" record says of this process.

    Attributes:
        way_to: the iteration of the main loop that the present place can be come to by: its boundary
            can be restored, and so can the ends of the loops since; None where there is none.
    """

    def __init__(
        self, spec: LaunchSpec, project: Project, sources: Sources, about: Mapping[str, Any]
    ) -> None:
        super().__init__(project, sources)
        self.layout = RunLayout(Path(spec.run_dir))
        self.spec = spec
        self._about = dict(about)
        self._mains = 0
        self._blocks = 0
        self.way_to: int | None = None
        self._calls = CallSets(sources)
        self._paces: list[Pace] = []  # of the loops that are running
        self._turns: MainTurns | None = None
        self.budget = Budget(spec.budget_share, Cores().busy)
        self._requeue = Requeue(self._hurry) if self._may_leave() else None
        self.checkpoints = Checkpoints(
            self, self.layout, self.budget, self._calls, spec.checkpoint_bytes
        )

    # ------------------------------------------------------------------ journal

    def begin(self) -> None:
        """Start the journal of this process; what was logged before goes into it."""
        if self.has_journal:
            return
        with guarded("start the journal"):
            rank, pid = process_identity()
            writer = JournalWriter(self.layout.journal(rank, pid))
            head = {"kind": "process", "format": 1, "rank": rank, "pid": pid, **self._about}
            head["checkpoints"] = self.checkpoints.claim_folder(rank, pid)
            waiting, self._records = self._records, []
            self._records = [head, *self._source_records(), *waiting]
            for code, text, path, line in unrepeatable(self.sources):
                self.warn(code, text, file=path, line=line)
            self.open_journal(writer, ArrayWriter(self.layout.arrays))

    def _name_moved(self, before: Numbers, entry: Entry) -> None:
        """Name the numbers of libraries that a main loop has moved."""
        line = entry.site.line if entry.site else None
        with guarded("look at the libraries"), self._calls.aside():
            for name in moved(before, numbers(self.sources.packages(), self.project)):
                text = f"{entry.path}:{line}: {name} of a library moved in this loop, and is not captured"
                self.warn("library-moved", text, file=entry.path, line=line, name=name)

    def _source_records(self) -> list[dict[str, Any]]:
        return [record for path in self.sources.texts for record in self._records_of(path)]

    def _records_of(self, path: str) -> list[dict[str, Any]]:
        digest, text = self.sources.digests[path], self.sources.texts[path]
        source = {"kind": "source", "path": path, "digest": digest, "text": text}
        return [source, loops_record(path, self.sources.wrapped(path).values())]

    def source_loaded(self, path: str) -> None:
        """Note a project file that was found only when it was imported."""
        for record in self._records_of(path):
            self.append(record)

    def makes_temporary(self, paths: list[str], file: str, function: str) -> None:
        """Note a temporary file or folder, and where it is made."""
        if self.files is not None:
            self.files.note_temporary(paths[0])
        position = pairs(self.position())
        about = {"paths": paths, "file": file, "function": function, "position": position}
        self.append({"kind": "temporary", **about})

    # ------------------------------------------------------------------ loops

    def enter(self, name: str, path: str | None, site: LoopSite | None, role: str) -> Entry:
        """Begin a loop, which the calls that follow belong to."""
        entry = super().enter(name, path, site, role)
        if role != "passing":
            self._calls.move(self.path)
        return entry

    def leave(self, entry: Entry) -> None:
        """End a loop."""
        super().leave(entry)
        if entry.role != "passing":
            self._calls.move(self.path)

    def run_main(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a main loop: a boundary before each iteration and after the last."""
        self.begin()
        if self.files is not None:
            self.files.when_written = self.nudge
            self.files.may_read = self.sources.read_tensors
            watch_untold_files(self.files.note_saved, self.files.note_kept)
        with guarded("watch the workers of DataLoaders"):
            watch_workers()
        main = self._mains
        self._mains += 1
        entry = self.enter(call.name, call.path, call.site, "main")
        self.append(enter_record(entry, self.position()[:-1], main, self.age_s()))
        with self._calls.aside():
            self.project.library_attributes |= generators(self.sources.packages(), self.project)
            counted = numbers(self.sources.packages(), self.project)
        self.budget.begin(now_s())
        if self._requeue is not None:
            self._requeue.listen()
        how, index, whiles, pace = "raise", 0, call.turns, self._pace(entry)
        turns = self._turns = self._main_turns(entry, main, pace, frame)
        try:
            index, iterable = self._first(call, entry, main, frame, turns)
            entry.index = index
            for item in iterable:
                yield item
                if whiles is not None and whiles.finished:
                    break
                index += 1
                if index >= pace.due:
                    turns.reach(index)
                entry.index, self._blocks = index, 0
                if entry.counts:
                    entry.counts = {}
            how = "exhausted"
        except GeneratorExit:
            how = way_out(self, entry, frame)
            if how in ("break", "return"):
                index += 1
                entry.index = index
                turns.reach(index, left=how)
            raise
        finally:
            turns.end(index)
            if self._requeue is not None:
                self._requeue.stop()
            self._turns = None
            self._paces.clear()
            self.budget.end(now_s())
            self.leave(entry)
            self._name_moved(counted, entry)
            if self.files is not None:
                self.files.leave_main(main)
            self.append(exit_record(entry, self.position(), how, index, main=main))
            self.append(overhead_record(self.budget))
            self.flush_soon()

    def _first(
        self, call: LoopCall, entry: Entry, main: int, frame: types.FrameType, turns: MainTurns
    ) -> tuple[int, Iterable[Any]]:
        """The first turn, and what the loop goes over from there on."""
        turns.begin()
        iterable = call.items.evaluate()
        turns.goes_over(iterable)
        return 0, iterable

    def run_nested(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a training loop inside the main loop: a block that ends captured."""
        began = now_s()
        entry = self.enter(call.name, call.path, call.site, "nested")
        entry.index = 0
        number, self._blocks = self._blocks, self._blocks + 1
        turn, how, whiles, pace = 0, "raise", call.turns, self._pace(entry)
        block = Block(self, entry, number, frame, pace)
        self.budget.looked(began, now_s())
        try:
            turn, iterable = self._first_within(block, call)
            entry.index = turn
            for item in iterable:
                yield item
                if whiles is not None and whiles.finished:
                    break
                entry.index = turn = turn + 1
                if entry.counts:
                    entry.counts = {}
                if turn >= pace.due:
                    block.reach(turn)
            how = "exhausted"
        except GeneratorExit:
            how = way_out(self, entry, frame)
            entry.index += how in ("break", "return")
            raise
        finally:
            if pace in self._paces:
                self._paces.remove(pace)
            block.end(how)

    def _first_within(self, block: Block, call: LoopCall) -> tuple[int, Iterable[Any]]:
        """The first turn of a nested loop, and what it goes over from there on."""
        is_call = bool(call.items.arguments)
        course = self._course(lambda: Course.of_call(call.items)) if is_call else None
        iterable = call.items.evaluate()
        course = course or self._course(lambda: Course.over(iterable))
        block.goes_over(course, alone=call.is_alone)
        return 0, iterable

    def _course(self, found: Callable[[], Course | None]) -> Course | None:
        began, course = now_s(), None
        with guarded("look at what a loop goes over"):
            course = found()
        self.budget.looked(began, now_s())
        return course

    def _pace(self, entry: Entry) -> Pace:
        loop = entry.site.ordinal if entry.site else entry.name.partition("#")[0]
        pace = Pace(self.budget, self.budget.usual((entry.path, loop)), now_s())
        self._paces.append(pace)
        return pace

    @property
    def main_number(self) -> int:
        """Of the main loop that was last begun."""
        return self._mains - 1

    @property
    def turn_seconds(self) -> float:
        """What the turn under way of the main loop has taken."""
        return 0.0 if self._turns is None else self._turns.seconds

    def nudge(self) -> None:
        """Have the loops that are running ask before their next turn whether anything is due."""
        if self.active:
            for pace in list(self._paces):
                pace.due = 0

    def _main_turns(self, entry: Entry, main: int, pace: Pace, frame: types.FrameType) -> MainTurns:
        def take(index: int) -> None:
            self._boundary(entry, main, index, frame)

        note, passed = self._note_calls, self.leave_if_asked
        return MainTurns(self, entry, main, pace, self.budget, note, take, passed)

    def _note_calls(self) -> None:
        with guarded("note calls"):
            for record in self._calls.news():
                self.append(record)

    # ------------------------------------------------------------------ checkpoints

    def _boundary(self, entry: Entry, main: int, index: int, frame: types.FrameType) -> None:
        about = {"role": "boundary", "main": main, "index": index, "block": None}
        position = (*self.position()[: self.path.index(entry)], (entry.name, index))
        stem = f"{index:06d}.000000" + (f".m{main}" if main else "")
        taken = self.checkpoints.take(
            stem, position, about, frame, self.own_roots(entry, frame, after=False)
        )
        self.way_to = index if taken is not None and self.checkpoints.is_whole else None

    def own_roots(
        self, entry: Entry, frame: types.FrameType, *, after: bool
    ) -> Callable[[tuple[str, str]], bool]:
        """Which roots nothing reads before they are set again."""
        with self._calls.aside():
            return unread_roots(self.sources, self.project, entry, frame, after=after)

    def pause(self) -> None:
        """Have no thread of ours running, as far as none is writing."""
        super().pause()
        self.checkpoints.pause()

    def abandon(self) -> None:
        """Become inert, in a forked child."""
        super().abandon()
        self._calls.stop()
        for pace in self._paces:
            pace.due = NEVER

    # ------------------------------------------------------------------ end

    def _may_leave(self) -> bool:
        """Whether it can be asked to; ranks wait for each other, and cannot leave one by one."""
        return self.spec.requeue is not None and "RANK" not in os.environ

    def _hurry(self) -> None:
        self.budget.is_urgent = True
        self.nudge()

    @property
    def is_asked(self) -> bool:
        """Whether a scheduler wants it to leave."""
        return self._requeue is not None and self._requeue.asked

    def leave_if_asked(self) -> None:
        """End here, where a checkpoint was taken, if a scheduler wants that."""
        if self.is_asked:
            from florlib.runtime.start import finish_session

            finish_session(self, "requeue")
            end_process(self.spec.requeue or 0)

    def finish(self, how: str, exit_status: int | None) -> None:
        """Write everything out; called once, as the process ends."""
        if not self.has_journal:
            return
        self._calls.stop()
        if self._turns is not None and self.main is not None:
            self._turns.end(self.main.index)
            self.budget.end(now_s())
        self._note_calls()
        self.checkpoints.close()
        self.budget.settle()
        self.append(overhead_record(self.budget))
        end = {"kind": "end", "how": how, "exit_status": exit_status, "signal": None}
        self.append({**end, "at_s": self.age_s()})
        with suppress(AttributeError):
            self.close()
        if how == "exception" and self.is_asked:
            end_process(self.spec.requeue or 0)  # the scheduler's signal has ended its workers
