"""The one mutable object of a guest process: where it is, what it logs, and its journal."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.journal_format import Record
from florlib.ground.position import Position, instance_name
from florlib.runtime.files import FileWatch
from florlib.runtime.guard import degrade, guarded, monotonic, os
from florlib.runtime.logbook import HINDSIGHT, PLAIN, BatchEncoder, Row, freeze
from florlib.runtime.prints import LineTap
from florlib.runtime.project import Project
from florlib.runtime.sources import Sources
from florlib.source.loops import LoopSite
from florlib.stores.arrays import ArrayWriter
from florlib.stores.journal import JournalWriter

FLUSH_EVERY_S = 0.5  # what a kill -9 may lose at most (DESIGN section 3, Logging)
MOST_UNWRITTEN = 100_000  # records that wait for a disk to have room again
_THREAD_GONE_S = 0.05  # what a thread may take to go after it has ended; it takes microseconds


@dataclass(slots=True, eq=False)
class Entry:
    """A loop that is running: one step of the position.

    Attributes:
        name: with its "#k" where it is the k-th of its name beside others.
        index: of the turn under way, from 0.
        path, site: where it stands in the source; None for a loop the source table lacks.
        role: "main" or "nested".
        counts: how many loops of each name were entered in the turn under way.
        added: only this replay wraps the loop; recorded positions do not name it.
        holds: another training loop has run inside.
    """

    name: str
    path: str | None
    site: LoopSite | None
    role: str
    index: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    added: bool = False
    holds: bool = False


class Session:
    """What recording and replaying share: position, log and journal.

    Args:
        project: the user's files.
        sources: what is known of them.
    """

    def __init__(self, project: Project, sources: Sources) -> None:
        self.project = project
        self.sources = sources
        self.active = True
        self._began_s = now_s()
        self.path: list[Entry] = []
        self._moves = 0  # how often a loop began or ended
        self._latest: tuple[int, list[tuple[Entry, int]], Position] = (-1, [], ())  # as last told
        self.thread = threading.get_ident()
        self.in_probe = 0
        self.warming = False
        self.extra_roots: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._rows: list[Row] = []
        self._records: list[Record] = []
        self._unwritten: list[Record] = []  # encoded, on their way to the journal
        self._journal: JournalWriter | None = None
        self._arrays: ArrayWriter | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._flusher: threading.Thread | None = None
        self.taps: list[LineTap] = []
        self.files: FileWatch | None = None
        self.loop_begins: Callable[[], None] = lambda: None  # called as each followed loop begins
        self._encoder = BatchEncoder(project.relative, sources.is_volatile, sources.is_hindsight)

    # ------------------------------------------------------------------ position

    def position(self) -> Position:
        """Where the process is now.

        Loops that only this replay wraps count for what probes log, and for nothing else.
        """
        if self.in_probe:
            return tuple([(entry.name, entry.index) for entry in self.path])
        moves, steps, position = self._latest
        if moves == self._moves:
            for entry, index in steps:
                if entry.index != index:
                    break
            else:
                return position
        moves = self._moves  # before the loops are looked at: another thread may ask as well
        steps = [(entry, entry.index) for entry in self.path if not entry.added]
        position = tuple([(entry.name, index) for entry, index in steps])
        self._latest = moves, steps, position
        return position

    def enter(self, name: str, path: str | None, site: LoopSite | None, role: str) -> Entry:
        """Begin a loop: it becomes the last step of the position."""
        counts = self.path[-1].counts if self.path else self._counts
        counts[name] = counts.get(name, 0) + 1
        ordinal = counts[name]
        added = site is not None and path is not None and self.sources.is_added(path, site.ordinal)
        if added:
            # Numbered behind all that the record could have beside it, so no name means two loops.
            ordinal += self.sources.recorded_names(name)
        entry = Entry(instance_name(name, ordinal), path, site, role, added=added)
        if role == "nested":
            for around in self.path:
                around.holds = True
        self.path.append(entry)
        self._moves += 1
        return entry

    def leave(self, entry: Entry) -> None:
        """End a loop; one that was closed late takes the loops inside it along."""
        if entry in self.path:
            del self.path[self.path.index(entry) :]
            self._moves += 1

    def age_s(self) -> float:
        """Seconds since the session began, which is soon after its process did."""
        return now_s() - self._began_s

    @property
    def main(self) -> Entry | None:
        """The main loop that is running."""
        return next((entry for entry in self.path if entry.role == "main"), None)

    # ------------------------------------------------------------------ hooks

    def prepare_source(self, path: str) -> None:
        """Read a project file that is about to be loaded, if the script did not lead to it."""
        self.note_loaded(path)
        if path not in self.sources.trees:
            self.sources.read(path)
            if path in self.sources.trees:
                self.source_loaded(path)

    def note_loaded(self, path: str) -> None:
        """A project file is about to run."""

    def source_loaded(self, path: str) -> None:
        """A project file was found only when it was imported."""

    def library_loader(self, name: str, path: str) -> Any:
        """A loader of our own for a module that is not the user's; None for Python's."""
        return None

    def makes_temporary(self, paths: list[str], file: str, function: str) -> None:
        """The script is about to make a temporary file or folder, in a function of a file.

        Args:
            paths: ways to write its path, the absolute one first.
            file: relative to the project.
            function: its name.
        """

    def recorded_arguments(self) -> dict[str, Any]:
        """What `flor.arg` gave in the recorded run; empty while recording."""
        return {}

    def run_main(self, call: Any, frame: types.FrameType) -> Generator[Any, None, None]:
        """The generator of a main loop."""
        raise NotImplementedError

    def run_nested(self, call: Any, frame: types.FrameType) -> Generator[Any, None, None]:
        """The generator of a nested training loop."""
        raise NotImplementedError

    def arrives(self, entry: Entry, frame: types.FrameType) -> None:
        """A recorded loop is gone through once more, and is about to ask for its next item."""

    def completed(self, index: int) -> None:
        """An iteration of a main loop is done that was gone through once more."""

    def probe_raised(self, path: str, line: int, error: BaseException) -> None:
        """An added statement did not come to its end; the error goes on where this returns."""

    def probe_moved(self, path: str, line: int, names: list[str]) -> None:
        """An added statement has moved something on that nothing can put back."""

    def probe_held(self, path: str, line: int, seconds: float) -> None:
        """The state was put aside and back around an added statement, in so much time."""

    def finish(self, how: str, exit_status: int | None) -> None:
        """Write everything out, as the process ends."""
        raise NotImplementedError

    # ------------------------------------------------------------------ log

    def log(self, name: str, value: Any, frame: types.FrameType) -> None:
        """Append one value that the script logged."""
        file, line = frame.f_code.co_filename, frame.f_lineno
        if self.warming and self._is_unasked(name, file, line):
            return
        if self._flusher is None:
            self.resume()
        frozen = value if type(value) in PLAIN else freeze(value)
        flags = HINDSIGHT if self.in_probe else 0
        self._rows.append((self.position(), name, frozen, file, line, flags))

    def line(self, name: str, text: str, file: str | None, line: int) -> None:
        """Append one line that the script printed."""
        if self.active and not (self.warming and self._is_unasked(name, file, line)):
            if self._flusher is None:
                self.resume()
            flags = HINDSIGHT if self.in_probe else 0
            self._rows.append((self.position(), name, text, file, line, flags))

    def _is_unasked(self, name: str, file: str | None, line: int) -> bool:
        """Whether it is a probe's, while warming: on the way to the iterations asked for."""
        path = None if file is None else self.project.relative(file)
        passing = path is not None and self.sources.is_hindsight(path, line, name)
        return passing or bool(self.in_probe)

    # ------------------------------------------------------------------ journal

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record behind all rows that were logged before it."""
        with self._lock:
            self._take_rows()
            self._records.append(dict(record))

    def warn(self, code: str, text: str, **where: Any) -> None:
        """Note something that a person should know of."""
        self.append({"kind": "warning", "code": code, "text": text, **where})

    def _take_rows(self) -> None:
        # The list stays the same one: the script's thread may hold it already, on its way to append.
        count = len(self._rows)
        if count:
            rows = self._rows[:count]
            del self._rows[:count]
            self._records.append({"kind": "rows", "rows": rows})

    def open_journal(self, writer: JournalWriter, arrays: ArrayWriter) -> None:
        """Have everything written to a journal from now on; what waited goes first.

        Args:
            writer: of the journal.
            arrays: of the elements of large arrays.
        """
        self._journal = writer
        self._arrays = self._encoder.arrays = arrays
        self.resume()
        self.flush()

    def pause(self) -> None:
        """Have no thread of ours running, while the process forks.

        Python 3.12 and later warn of a fork beside threads, and would warn of ours.
        """
        thread, self._flusher = self._flusher, None
        if thread is not None:
            self._wake.set()
            end_thread(thread)

    def resume(self) -> None:
        """Have the flusher's thread running, if there is a journal.

        After a fork that is when something is next to be written: Python 3.13 looks for threads
        even behind the hooks that run after it.
        """
        if self._flusher is None and self.active and self._journal is not None:
            self._flusher = threading.Thread(
                target=self._flush_forever, name="flor-flush", daemon=True
            )
            self._flusher.start()

    @property
    def has_journal(self) -> bool:
        """Whether this process writes a journal, or only waits whether it will."""
        return self._journal is not None

    def flush(self) -> None:
        """Write everything that waits."""
        # Encoding happens outside of the lock that the user's thread takes for each record.
        with guarded("write the journal"), self._writing:
            with self._lock:
                self._take_rows()
                if self._journal is None:
                    return
                records, self._records = self._records, []
            self._unwritten += [self._encode(record) for record in records]
            if len(self._unwritten) > MOST_UNWRITTEN:
                # What comes later could not be read without it.
                self._unwritten.clear()
                self.active = False
            elif self._unwritten:
                self._journal.append_all(self._unwritten)
                self._unwritten.clear()  # where writing fails they are tried again, with the next

    def flush_soon(self) -> None:
        """Have the flusher's thread write what waits."""
        if self._flusher is None:
            self.resume()
        self._wake.set()

    def _encode(self, record: Record) -> Record:
        if record["kind"] == "rows":
            return self._encoder.encode(record["rows"])
        return record

    def _flush_forever(self) -> None:
        while self.active and self._flusher is threading.current_thread():
            self._wake.wait(FLUSH_EVERY_S)
            self._wake.clear()
            self.nudge()
            if self._rows or self._records or self._unwritten:
                self.flush()

    def nudge(self) -> None:
        """Called every half a second or so, on the flusher's thread."""

    def close(self) -> None:
        """Write what waits, bring it to disk, and write no more."""
        self.flush()
        if self._unwritten:
            self.flush()
        self.active = False
        self._wake.set()
        if self._journal is not None:
            with guarded("close the journal"):
                if self._arrays is not None:
                    self._arrays.sync()
                self._journal.sync()
                self._journal.close()
            self._journal = None

    def abandon(self) -> None:
        """Become inert, in a forked child: the journal is its parent's."""
        self.active = False
        self._rows = []
        self._records = []
        self._unwritten = []
        self._journal = None
        self._flusher = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()


def end_thread(thread: threading.Thread) -> None:
    """Wait for a thread that is ending, until the system has none of it left either."""
    thread.join()
    task = f"/proc/self/task/{thread.native_id}"
    until = now_s() + _THREAD_GONE_S
    while os.path.exists(task) and now_s() < until:
        pass


def now_s() -> float:
    """Seconds of a clock that only goes forward."""
    return float(monotonic())


def process_identity() -> tuple[int, int]:
    """(rank, pid) of this process; the rank is 0 outside of distributed runs."""
    try:
        rank = int(os.environ.get("RANK", "0"))
    except ValueError as error:
        degrade("read RANK", error)
        rank = 0
    return rank, os.getpid()
