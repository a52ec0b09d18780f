"""The checkpoints of one process that records: when one is taken, what it lacks, and where it goes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from florlib.ground.layout import CHECKPOINTS, RunLayout
from florlib.ground.position import Position
from florlib.runtime import frames, states
from florlib.runtime.arena import Snapshot, live_bytes
from florlib.runtime.budget import Budget
from florlib.runtime.callsets import CallSets
from florlib.runtime.cuda import Cuda
from florlib.runtime.devices import Copies
from florlib.runtime.graph.captured import Captured, Missing
from florlib.runtime.graph.channels import has_own_pipe
from florlib.runtime.graph.children import reached
from florlib.runtime.graph.known import Known
from florlib.runtime.guard import guarded, os, thread_cpu
from florlib.runtime.keeping import Keeping
from florlib.runtime.lasting import changes_in_steps_alone
from florlib.runtime.marks import pairs
from florlib.runtime.session import Session, now_s
from florlib.runtime.writer import CheckpointWriter, Job
from florlib.stores.checkpoints import Published


class Checkpoints:
    """Takes checkpoints as the budget affords them, and names in the journal what they lack.

    Args:
        session: that records.
        layout: of the run.
        budget: of the run.
        calls: that must not be taken for the script's.
        limit: bytes that all of the run may take; None for any number.

    Attributes:
        is_whole: a run could go on from the last one that was taken.
    """

    def __init__(
        self,
        session: Session,
        layout: RunLayout,
        budget: Budget,
        calls: CallSets,
        limit: int | None = None,
    ) -> None:
        self._session = session
        self._layout = layout
        self._budget = budget
        self._calls = calls
        self._keeping = Keeping(session, layout, limit)
        self.is_whole = False
        self._folder: Path | None = None
        self._writer: CheckpointWriter | None = None
        self._sizes: dict[str, int] = {}  # of the last one, by role
        self._last: tuple[Mapping[str, Any], Path] | None = None
        self._known = Known()
        self._lasting = ((0, 0), False)  # what `_lasts` has found, and of how many files
        self._is_short = False  # of memory, and has told so
        self._named: set[str] = set()
        self._captured: set[str] = set()
        self._pipe_lines: list[tuple[str, int]] | None = None
        self._caches: set[tuple[str, str]] = set()  # filled before the loop, as a replay's are

    def claim_folder(self, rank: int, pid: int) -> str:
        """The first process to record gets `checkpoints/`, each other one a folder below."""
        folder = self._layout.checkpoints
        name = CHECKPOINTS
        try:
            os.mkdir(folder)
        except FileExistsError:
            name = f"{CHECKPOINTS}/{rank}.{pid}"
            folder = folder / f"{rank}.{pid}"
            os.makedirs(folder, exist_ok=True)
        self._folder = folder
        return name

    def take(
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
        moment = self._keeping.moment(about, started)
        if self._folder is None or not self._budget.affords(started):
            return None
        if self._writer is None:
            self._writer = CheckpointWriter(Copies(Cuda, self._lasts))
        budget = self._budget
        must = budget.is_fresh or budget.is_ample or budget.is_urgent
        size = self._sizes.get(about["role"], max(self._sizes.values(), default=0))
        if not must and not self._writer.arenas.has_free(size):
            self._writer.arenas.prepare(size)
            self._budget.skipped(started)
            return None
        with guarded("take a checkpoint"), self._calls.aside():
            stored = self._writer.stored_behind(self._companion(about), must=must)
            captured = states.capture(
                frame, self._session.project, stored, course, known=self._known
            )
            at_start = about["role"] == "boundary" and about["index"] == 0
            missing = self._lacks(captured, unread, at_start=at_start)
            self._note_names(captured, missing)
            path = self._folder / f"{stem}.safetensors"
            record = {
                "kind": "checkpoint",
                "position": pairs(position),
                "file": path.relative_to(self._layout.folder).as_posix(),
                "complete": all(item.kind == "workers" for item in missing),
                "workers": any(item.kind == "workers" for item in missing),
                "missing": [self._missing_record(item) for item in missing],
                **about,
                **moment,
            }
            size = self._sizes[about["role"]] = live_bytes(captured.blocks)
            copied = self._copied(captured, size, must=must)
            if copied is not None:
                done = self._announcer(record, started, size)
                self._writer.submit(Job(path, captured.tree, copied, stored, done))
                self._last = (about, path)
                self.is_whole = not missing
                return str(record["file"])
        self._budget.waste(started, now_s() - started)
        return None

    def _lasts(self) -> bool:
        texts = self._session.sources.texts
        known = (len(texts), len(sys.modules))
        if self._lasting[0] != known:
            own = self._session.project.modules()
            self._lasting = (known, changes_in_steps_alone(texts.values(), own))
        return self._lasting[1]

    def _companion(self, about: Mapping[str, Any]) -> Path | None:
        """The checkpoint of the end of a nested loop, for the boundary that follows it."""
        if self._last is None or about["role"] != "boundary" or self._last[0]["role"] != "block":
            return None
        block, path = self._last
        follows = (block["main"], block["index"] + 1) == (about["main"], about["index"])
        return path if follows else None

    def _lacks(
        self, captured: Captured, unread: Callable[[tuple[str, str]], bool], *, at_start: bool
    ) -> list[Missing]:
        missing = [*_read_later(captured, unread), *self._pipes()]
        if at_start:
            self._caches = {(item.path, item.reason) for item in missing}
        return [
            item
            for item in missing
            if item.kind != "cache" or (item.path, item.reason) not in self._caches
        ]

    def _copied(self, captured: Captured, size: int, *, must: bool) -> Snapshot | None:
        """The captured state's memory, copied; None where no arena is free."""
        assert self._writer is not None
        make = self._budget.affords_memory(size)
        copied = self._writer.arenas.snapshot(captured.blocks, size, must=must, make=make)
        if copied is None and must and not self._is_short:
            self._is_short = True
            text = f"a checkpoint copies {size} bytes, more than half of the memory that is free"
            self._session.warn("memory-short", text)
        return copied

    def _announcer(
        self, record: dict[str, Any], started: float, size: int
    ) -> Callable[[Published | None], None]:
        stall = now_s() - started

        def announce(published: Published | None) -> None:
            if published is not None:
                self._session.append({**record, "bytes": published.bytes, "stall_s": stall})
                self._keeping.published(record, published.bytes, published.files)
            self._budget.written(now_s(), thread_cpu(), published is not None)

        self._budget.spend(record["role"], started, stall, size)
        return announce

    def _note_names(self, captured: Captured, missing: list[Missing]) -> None:
        named = (frames.FRAME_SCOPE, frames.MODULE_SCOPE)
        names = [name for scope, name, _ in captured.tree["roots"] if scope.startswith(named)]
        fresh = [name for name in dict.fromkeys(names) if name not in self._captured]
        if fresh:
            self._captured.update(fresh)
            self._session.append({"kind": "captured", "names": fresh})
        for item in missing:
            if item.path not in self._named and item.scope != states.COURSE_SCOPE:
                self._named.add(item.path)
                where = self._missing_record(item)
                place = f" ({where['file']}:{where['line']})" if where["file"] else ""
                text = f"{item.path}{place} is {item.reason}; replays cannot restore it"
                self._session.warn("not-captured", text, **where)

    def _pipes(self) -> list[Missing]:
        """Pipes that the script knows by the numbers of their ends alone."""
        if self._pipe_lines is None:
            self._pipe_lines = self._session.sources.pipe_lines()
        if not self._pipe_lines or not has_own_pipe():
            return []
        reason = "a pipe of the system, whose content no checkpoint holds"
        return [
            Missing("pipe", "os.pipe", "os.pipe", reason, place=place) for place in self._pipe_lines
        ]

    def _missing_record(self, item: Missing) -> dict[str, Any]:
        file, line = item.place or self._session.sources.where_stored(item.name)
        return {"name": item.path, "reason": item.reason, "file": file, "line": line}

    def pause(self) -> None:
        """Have no thread running, as far as none is writing."""
        if self._writer is not None:
            self._writer.pause()

    def close(self) -> None:
        """Publish what waits."""
        if self._writer is not None:
            with guarded("finish the checkpoints"):
                self._writer.close()


def _read_later(captured: Captured, unread: Callable[[tuple[str, str]], bool]) -> list[Missing]:
    """What is missing, but for what dead roots alone lead to."""
    sure = [item for item in captured.missing if not unread((item.scope, item.name))]
    if len(sure) == len(captured.missing):
        return sure
    roots = captured.tree["roots"]
    alive = [content for scope, name, content in roots if not unread((scope, name))]
    nodes = reached(captured.tree["nodes"], alive)
    return [item for item in captured.missing if item in sure or item.node in nodes]
