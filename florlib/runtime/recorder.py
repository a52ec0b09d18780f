"""Recording: the loops of a run that is being watched, and the checkpoints taken at their ends."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.layout import CHECKPOINTS, RunLayout
from florlib.ground.position import Position
from florlib.runtime import frames, states
from florlib.runtime.budget import Budget, StepPace
from florlib.runtime.callsets import CallSets
from florlib.runtime.course import Course
from florlib.runtime.graph.channels import has_own_pipe
from florlib.runtime.graph.encode import Captured, Missing
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.guard import guarded, os
from florlib.runtime.libraries import Numbers, generators, moved, numbers
from florlib.runtime.liveness import unread_roots
from florlib.runtime.loops import LoopBody, LoopCall, way_out
from florlib.runtime.marks import enter_record, exit_record, iteration_record, loops_record, pairs
from florlib.runtime.naming import unrepeatable
from florlib.runtime.project import Project
from florlib.runtime.session import Entry, Session, now_s, process_identity
from florlib.runtime.sources import Sources
from florlib.runtime.steps import Steps
from florlib.runtime.writer import CheckpointWriter, Job
from florlib.source.loops import LoopSite
from florlib.stores.checkpoints import Published
from florlib.stores.journal import JournalWriter


class Recorder(Session):
    """A session that records.

    Args:
        spec: what to record, and where.
        about: what the "process" record says of this process.
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
        self._folder: Path | None = None
        self._writer: CheckpointWriter | None = None
        self._budget: Budget | None = None
        self._named: set[str] = set()
        self._captured: set[str] = set()
        self._pipe_lines: list[tuple[str, int]] | None = None
        self._calls = CallSets(sources)
        self._caches: set[tuple[str, str]] = set()  # filled before the loop, as a replay's are

    # ------------------------------------------------------------------ journal

    def begin(self) -> None:
        """Start the journal of this process; what was logged before goes into it."""
        if self.has_journal:
            return
        with guarded("start the journal"):
            rank, pid = process_identity()
            writer = JournalWriter(self.layout.journal(rank, pid))
            head = {"kind": "process", "format": 1, "rank": rank, "pid": pid, **self._about}
            head["checkpoints"] = self._claim_folder(rank, pid)
            waiting, self._records = self._records, []
            self._records = [head, *self._source_records(), *waiting]
            for code, text, path, line in unrepeatable(self.sources):
                self.warn(code, text, file=path, line=line)
            self.open_journal(writer)

    def _name_moved(self, before: Numbers, entry: Entry) -> None:
        """Name the numbers of libraries that a main loop has moved."""
        line = entry.site.line if entry.site else None
        with guarded("look at the libraries"), self._calls.aside():
            for name in moved(before, numbers(self.sources.packages(), self.project)):
                text = f"{entry.path}:{line}: {name} of a library moved in this loop, and is not captured"
                self.warn("library-moved", text, file=entry.path, line=line, name=name)

    def _claim_folder(self, rank: int, pid: int) -> str:
        """The first process to record gets `checkpoints/`, each other one a folder below."""
        folder = self.layout.checkpoints
        name = CHECKPOINTS
        try:
            os.mkdir(folder)
        except FileExistsError:
            name = f"{CHECKPOINTS}/{rank}.{pid}"
            folder = folder / f"{rank}.{pid}"
            os.makedirs(folder, exist_ok=True)
        self._folder = folder
        return name

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
        torch = sys.modules.get("torch")
        if self.files is not None and torch is not None:
            self.files.watch_torch_save(torch)
        with guarded("watch the workers of DataLoaders"):
            watch_workers()
        main = self._mains
        self._mains += 1
        entry = self.enter(call.name, call.path, call.site, "main")
        self.append(enter_record(entry, self.position()[:-1], main))
        with self._calls.aside():
            self.project.library_attributes |= generators(self.sources.packages(), self.project)
            counted = numbers(self.sources.packages(), self.project)
        if self._budget is None:
            self._budget = Budget(self.spec.budget_share, now_s())
        how, index, started = "raise", 0, now_s()
        try:
            self._boundary(entry, main, 0, frame)
            iterator = iter(call.items)
            while True:
                entry.index, entry.counts, self._blocks = index, {}, 0
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                started = now_s()
                yield item
                if call.finished:
                    break
                self._completed(entry, main, index, now_s() - started)
                index += 1
                self._boundary(entry, main, index, frame)
            how = "exhausted"
        except GeneratorExit:
            how = way_out(self, entry, frame)
            if how in ("break", "return"):
                self._completed(entry, main, index, now_s() - started, left=how)
                index += 1
                entry.index = index
                self._boundary(entry, main, index, frame)
            raise
        finally:
            self.leave(entry)
            self._name_moved(counted, entry)
            self.append(exit_record(entry, self.position(), how, index, main=main))
            self.flush_soon()

    def run_nested(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a training loop inside the main loop: a block that ends captured."""
        entry = self.enter(call.name, call.path, call.site, "nested")
        entry.index = 0
        writes = 0 if self.files is None else self.files.writes
        block, self._blocks = self._blocks, self._blocks + 1
        steps, turn, how = None, 0, "raise"
        try:
            course = self._course(lambda: Course.of_call(call.items))
            iterable = call.items.evaluate()
            course = course or self._course(lambda: Course.over(iterable))
            steps = self._steps(course, entry, frame, block)
            due = steps.due
            for item in iterable:
                yield item
                if call.finished:
                    break
                entry.index = turn = turn + 1
                if entry.counts:
                    entry.counts = {}
                if turn == due:
                    due = steps.reach(turn)
            how = "exhausted"
        except GeneratorExit:
            how = way_out(self, entry, frame)
            entry.index += how in ("break", "return")
            raise
        finally:
            self._block(entry, how, frame, writes, block, last=steps.last if steps else 0)

    def _course(self, found: Callable[[], Course | None]) -> Course | None:
        with guarded("look at what a loop goes over"):
            return found()
        return None

    def _steps(
        self, course: Course | None, entry: Entry, frame: types.FrameType, block: int
    ) -> Steps:
        main = self.main
        pace = None if self._budget is None else StepPace(self._budget, now_s())

        def take(turn: int, roots: dict[str, Any]) -> None:
            assert main is not None
            about = {
                "role": "step",
                "main": self._mains - 1,
                "index": main.index,
                "block": block,
                "loop": entry.name,
                "step": turn,
            }
            unread = self._own_roots(entry, frame, after=False)
            stem = self._stem(main, turn, block)
            self._checkpoint(stem, self.position(), about, frame, unread, roots)

        return Steps(entry, course, pace, take)

    def _completed(
        self, entry: Entry, main: int, index: int, seconds: float, left: str | None = None
    ) -> None:
        self.append(iteration_record(self.position(), main, index, seconds, left))
        self._note_calls()
        self.flush_soon()

    def _note_calls(self) -> None:
        with guarded("note calls"):
            for record in self._calls.news():
                self.append(record)

    # ------------------------------------------------------------------ checkpoints

    def _boundary(self, entry: Entry, main: int, index: int, frame: types.FrameType) -> None:
        if self.files is not None:
            self.files.hold_open()
        about = {"role": "boundary", "main": main, "index": index, "block": None}
        position = (*self.position()[: self.path.index(entry)], (entry.name, index))
        stem = f"{index:06d}.000000" + (f".m{main}" if main else "")
        self._checkpoint(stem, position, about, frame, self._own_roots(entry, frame, after=False))

    def _block(
        self,
        entry: Entry,
        how: str,
        frame: types.FrameType,
        writes: int,
        block: int,
        *,
        last: int,
    ) -> None:
        iterations = entry.index
        has_else = entry.site is not None and entry.site.has_else
        skippable = how == "exhausted" or (how == "break" and not has_else)
        position = self.position()
        main = self.main
        name = None
        if skippable and main is not None:
            stem = self._stem(main, iterations, block) + (".end" if last == iterations else "")
            about = {
                "role": "block",
                "main": self._mains - 1,
                "index": main.index,
                "block": block,
                "loop": entry.name,
            }
            unread = self._own_roots(entry, frame, after=True)
            name = self._checkpoint(stem, position, about, frame, unread)
        self.leave(entry)
        record = exit_record(entry, self.position(), how, iterations, main=self._mains - 1)
        index = main.index if main is not None else None
        self.append(
            {
                **record,
                "skippable": skippable,
                "checkpoint": name,
                "block": block,
                "index": index,
                "wrote": self.files is not None and self.files.wrote_since(writes),
            }
        )

    def _stem(self, main: Entry, turn: int, block: int) -> str:
        """The name of a block's file: its position, and what else tells it from others."""
        stem = f"{main.index:06d}.{turn:06d}" + (f".b{block}" if block else "")
        return stem + (f".m{self._mains - 1}" if self._mains > 1 else "")

    def _own_roots(
        self, entry: Entry, frame: types.FrameType, *, after: bool
    ) -> Callable[[tuple[str, str]], bool]:
        with self._calls.aside():
            return unread_roots(self.sources, self.project, entry, frame, after=after)

    def _checkpoint(
        self,
        stem: str,
        position: Position,
        about: Mapping[str, Any],
        frame: types.FrameType,
        unread: Callable[[tuple[str, str]], bool],
        course: Mapping[str, Any] = states.NOTHING,
    ) -> str | None:
        """Take a checkpoint if the budget affords it; its name, or None where none was taken."""
        started = now_s()
        first = about["role"] == "boundary" and about["index"] == 0
        if self._budget is None or self._folder is None:
            return None
        if not first and not self._budget.affords(started):
            return None
        with guarded("take a checkpoint"), self._calls.aside():
            held = () if self._writer is None else self._writer.held
            captured = states.capture(frame, self.project, held, course)
            found = [*captured.missing, *self._pipes()]
            missing = [item for item in found if not unread((item.scope, item.name))]
            if first:
                self._caches = {(item.path, item.reason) for item in missing}
            missing = [
                item
                for item in missing
                if item.kind != "cache" or (item.path, item.reason) not in self._caches
            ]
            self._note_names(captured, missing)
            path = self._folder / f"{stem}.safetensors"
            record = {
                "kind": "checkpoint",
                "position": pairs(position),
                "file": path.relative_to(self.layout.folder).as_posix(),
                "complete": all(item.kind == "workers" for item in missing),
                "workers": any(item.kind == "workers" for item in missing),
                "missing": [self._missing_record(item) for item in missing],
                **about,
            }
            if self._writer is None:
                self._writer = CheckpointWriter()
            self._writer.submit(
                Job(path, captured.tree, captured.blocks, self._announcer(record, started))
            )
            return str(record["file"])
        self._budget.spend(started, now_s() - started)
        return None

    def _announcer(
        self, record: dict[str, Any], started: float
    ) -> Callable[[Published | None], None]:
        stall = now_s() - started

        def announce(published: Published | None) -> None:
            if published is not None:
                self.append({**record, "bytes": published.bytes, "stall_s": stall})

        assert self._budget is not None
        if record["role"] == "boundary" and not record["index"]:
            self._budget.note_first(started, stall)  # it is taken in any case
        else:
            self._budget.spend(started, stall)
        return announce

    def _note_names(self, captured: Captured, missing: list[Missing]) -> None:
        named = (frames.FRAME_SCOPE, frames.MODULE_SCOPE)
        names = [name for scope, name, _ in captured.tree["roots"] if scope.startswith(named)]
        fresh = [name for name in dict.fromkeys(names) if name not in self._captured]
        if fresh:
            self._captured.update(fresh)
            self.append({"kind": "captured", "names": fresh})
        for item in missing:
            if item.path not in self._named and item.scope != states.COURSE_SCOPE:
                self._named.add(item.path)
                where = self._missing_record(item)
                place = f" ({where['file']}:{where['line']})" if where["file"] else ""
                text = f"{item.path}{place} is {item.reason}; replays cannot restore it"
                self.warn("not-captured", text, **where)

    def _pipes(self) -> list[Missing]:
        """Pipes that the script knows by the numbers of their ends alone."""
        if self._pipe_lines is None:
            self._pipe_lines = self.sources.pipe_lines()
        if not self._pipe_lines or not has_own_pipe():
            return []
        reason = "a pipe of the system, whose content no checkpoint holds"
        return [
            Missing("pipe", "os.pipe", "os.pipe", reason, place=place) for place in self._pipe_lines
        ]

    def _missing_record(self, item: Missing) -> dict[str, Any]:
        file, line = item.place or self.sources.where_stored(item.name)
        return {"name": item.path, "reason": item.reason, "file": file, "line": line}

    def pause(self) -> None:
        """Have no thread of ours running, as far as none is writing."""
        super().pause()
        if self._writer is not None:
            self._writer.pause()

    def abandon(self) -> None:
        """Become inert, in a forked child."""
        super().abandon()
        self._calls.stop()

    # ------------------------------------------------------------------ end

    def finish(self, how: str, exit_status: int | None) -> None:
        """Write everything out; called once, as the process ends."""
        if not self.has_journal:
            return
        self._calls.stop()
        self._note_calls()
        if self._writer is not None:
            with guarded("finish the checkpoints"):
                self._writer.close()
        self.append({"kind": "end", "how": how, "exit_status": exit_status, "signal": None})
        with suppress(AttributeError):
            self.close()
