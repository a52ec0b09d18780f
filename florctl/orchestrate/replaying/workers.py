"""The processes of a replay: one a device, each of which takes on part by part until nothing is left.

Where they do not see what others have taken on, each is given its parts beforehand. A worker that dies gives back what it had not done, and another one is started for it. What its
journal says behind the last piece that it did is cut off, as the other will say it again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from florctl.orchestrate.devices import VISIBLE
from florctl.orchestrate.environment import replay_variables
from florctl.orchestrate.launch import Children, Ended, guest_environment
from florctl.orchestrate.machines.machines import Child, Machines, Order
from florctl.orchestrate.planning.place import Place
from florctl.orchestrate.planning.preparation import Prepared
from florctl.orchestrate.replaying.worker_output import tail, tells_of_memory
from florctl.orchestrate.run_json import is_trusted
from florlib.ground.errors import FlorError
from florlib.ground.launch import VARIABLE, LaunchSpec
from florlib.ground.layout import ReplayLayout
from florlib.ground.pieces import Piece, pieces
from florlib.hindsight.division import beforehand
from florlib.stores.claims import Claims
from florlib.stores.journal import cut_behind, read_journal

MOST_TRIES = 2  # of a piece whose workers die
_LOOK_S = 0.05
_LOOK_AT_JOURNALS_S = 0.5
_KILLED = 9
# A replay is no second run to a tracker.
_SILENT_TRACKERS = {
    "WANDB_MODE": "disabled",
    "NEPTUNE_MODE": "offline",
    "SWANLAB_MODE": "disabled",
}
MLFLOW = "MLFLOW_TRACKING_URI"


@dataclass(slots=True)
class Worker:
    """One process of a replay.

    Attributes:
        layout: of the replay, with this worker's own files.
        ended: how; None while it runs.
        died: by no doing of its script; others do what it had not done.
    """

    number: int
    device: str | None
    layout: ReplayLayout
    place: Place
    process: Child
    ended: Ended | None = None
    died: bool = False


@dataclass(slots=True)
class Crew:
    """The workers of one replay.

    Attributes:
        prepared: the replay.
        layout: of it.
        watch: is called now and then, while they work.
        machines: that they run on.
        workers: all that were started, in their order.
        unstarted: why fewer workers than planned were started; None where all were.
    """

    prepared: Prepared
    layout: ReplayLayout
    watch: Callable[[Crew], None]
    machines: Machines
    workers: list[Worker] = field(default_factory=list)
    unstarted: str | None = None
    _claims: Claims = field(init=False)
    _tries: dict[str, int] = field(default_factory=dict)
    _wanted: int = 0  # workers that are yet to be started
    _in_vain: int = 0  # workers that died before they had taken on anything

    def __post_init__(self) -> None:
        self._claims = Claims(self.layout.claims)
        if self.is_divided:
            self.layout.claims.mkdir()

    @property
    def is_divided(self) -> bool:
        """Whether there may be several workers."""
        return self.prepared.planned.plan.parts is not None

    def work(self, group: Children) -> None:
        """Have everything executed.

        Args:
            group: what signals are passed on to.

        Raises:
            FlorError: no worker can be started.
        """
        self.machines.begin(self.prepared, self.layout)
        self._wanted = self.prepared.planned.workers
        looked_s = 0.0
        with self._ended_with_us():
            while True:
                while self._wanted and not group.stopped:
                    self._wanted -= 1
                    self._try_to_start(group)
                running = [worker for worker in self.workers if worker.ended is None]
                if not running:
                    return
                for worker in running:
                    self._look_after(worker, stopped=group.stopped)
                now_s = time.monotonic()
                if now_s - looked_s >= _LOOK_AT_JOURNALS_S:
                    looked_s = now_s
                    self.watch(self)
                if self._wanted == 0:
                    time.sleep(_LOOK_S)

    @contextmanager
    def _ended_with_us(self) -> Iterator[None]:
        """No worker goes on where nobody looks after it any more, as when what shows it fails."""
        try:
            yield
        except BaseException:
            for worker in self.workers:
                if worker.ended is None:
                    worker.ended = worker.process.end()
            raise

    # ------------------------------------------------------------------ starting

    def _try_to_start(self, group: Children) -> None:
        """Start a worker; the others do without one that cannot be started.

        Raises:
            FlorError: there were none.
        """
        try:
            self._start(group)
        except FlorError as error:
            if not self.workers:
                raise
            self._wanted = 0
            self.unstarted = error.message

    def _start(self, group: Children) -> None:
        number = len(self.workers)
        layout = self.layout.of_worker(number)
        request, content = self.prepared.request, self.prepared.content
        place = place_of(self.prepared, layout)
        device = self._free_device()
        root = place.inside(place.project)
        spec = LaunchSpec(
            mode="replay",
            run=request.layout.run,
            run_dir=str(request.layout.folder),
            project=str(root),
            replay_dir=str(layout.folder),
            moves=place.relocation.moves,
            recorded_project=content["project"],
            worker=number if self.is_divided else None,
            trusted=is_trusted(content),
        )
        program, *words = content["command"]
        if program != content["environment"].get("executable"):
            program = place.word(program)
        cwd = place.inside(place.cwd)
        paths = [str(root / path) for path in self._import_paths()]
        environ = guest_environment(_environment(content, layout), spec, python_path=paths)
        environ["PWD"] = str(cwd)
        if device is not None:
            environ[VISIBLE] = device
        command = (program, *map(place.word, words))
        order = Order(number, command, environ, cwd, layout, place, self._others(number))
        try:
            process = self.machines.start(order, group)
        except FlorError:
            place.clear()
            raise
        except OSError as error:
            place.clear()
            raise FlorError(
                f"{program} cannot be started in {cwd} ({error.strerror})",
                hint=f"flor log show {request.layout.run}",
            ) from error
        self.workers.append(Worker(number, device, layout, place, process))

    def _others(self, number: int) -> tuple[str, ...]:
        """The pieces that a worker leaves to others, where it cannot see what they take on.

        It is given its share of those that nobody has: some that follow each other.
        """
        if self.machines.shares_folder or not self.is_divided:
            return ()
        free, planned = self._unclaimed(), self.prepared.planned
        own = beforehand(free, self._wanted + 1, planned.cost)
        for piece in own:
            self._claims.take(piece.name, number)
        return tuple(piece.name for piece in self.pieces() if piece not in own)

    def _free_device(self) -> str | None:
        """The device that the fewest running workers are on."""
        places = list(self.prepared.request.devices.places)
        for worker in self.workers:
            if worker.ended is None and worker.device in places:
                places.remove(worker.device)
        return places[0] if places else None

    def by_progress(self) -> list[Worker]:
        """The workers, the one first that came furthest in the run."""
        if not self.is_divided:
            return list(self.workers)
        order = {piece.name: n for n, piece in enumerate(self.pieces())}
        furthest: dict[int, int] = {}
        for piece, number in self._claims.taken().items():
            furthest[number] = max(order[piece], furthest.get(number, -1))
        return sorted(self.workers, key=lambda one: -furthest.get(one.number, -1))

    def _import_paths(self) -> list[str]:
        """Folders of the project that the recorded run imported from."""
        paths = (path for one in self.prepared.processes for path in one.import_paths)
        return list(dict.fromkeys(paths))

    # ------------------------------------------------------------------ ending

    def _look_after(self, worker: Worker, *, stopped: bool) -> None:
        if stopped:
            worker.process.interrupt()
        worker.ended = worker.process.poll()
        if worker.ended is None or not self.is_divided or stopped:
            return
        if has_died(worker):
            self._take_over(worker)
        elif not worker.ended.shell_status and self._goes_on(worker):
            self._wanted += 1

    def _take_over(self, worker: Worker) -> None:
        """Have others do what a worker has died over."""
        worker.died = True
        own = self._of(worker)
        for piece in own - set(self._did(worker, cut=True)):
            self._tries[piece] = self._tries.get(piece, 0) + 1
            if self._tries[piece] < MOST_TRIES:
                self._claims.give_back(piece)
        self._in_vain += not own
        if self._in_vain < MOST_TRIES and self._unclaimed():
            self._wanted += 1

    def _goes_on(self, worker: Worker) -> bool:
        """Whether another is to do what a worker could not come to, which did something itself."""
        if not self.machines.shares_folder:
            for piece in self._of(worker) - set(self._did(worker)):
                self._claims.give_back(piece)
        did = worker.number in self._claims.taken().values()
        return did and bool(self._unclaimed())

    def _unclaimed(self) -> list[Piece]:
        taken = self._claims.taken()
        return [piece for piece in self.pieces() if piece.name not in taken]

    def pieces(self) -> tuple[Piece, ...]:
        """All that there is to do, where it is divided; nothing where it is not."""
        if not self.is_divided:
            return ()
        mains = max(len(process.mains) for process in self.prepared.processes)
        return pieces(self.prepared.planned.plan, mains)

    def _of(self, worker: Worker) -> set[str]:
        """The pieces that a worker has taken on."""
        return {piece for piece, number in self._claims.taken().items() if number == worker.number}

    def _did(self, worker: Worker, *, cut: bool = False) -> Iterator[str]:
        """The pieces that a worker has done; what its journal tells behind the last may be cut."""
        for path in self.layout.journals():
            records = read_journal(path).records
            if records and records[0].get("worker") == worker.number:
                yield from (one["piece"] for one in records if one["kind"] == "piece")
                if cut:
                    cut_behind(path, "piece")


def has_died(worker: Worker) -> bool:
    """Whether a worker ended by no doing of its script: by a signal, or for want of memory."""
    ended = worker.ended
    assert ended is not None
    if ended.signal is not None:
        return True
    return ended.shell_status != 0 and tells_of_memory(tail(worker.layout.output))


def why_died(worker: Worker) -> str:
    """What a worker died of, in words."""
    assert worker.ended is not None
    if worker.ended.lost is not None:
        return worker.ended.lost
    number = worker.ended.signal
    if number is None:
        return "ran out of memory"
    if number == _KILLED:
        return "was killed by signal 9, as the system does where memory is short"
    return f"was ended by signal {number}"


def place_of(prepared: Prepared, layout: ReplayLayout) -> Place:
    """Lay out where a worker runs.

    Raises:
        FlorError: its folder cannot be written.
    """
    if prepared.request.in_place:
        return Place.users_own(prepared.content)
    try:
        return Place.apart(
            prepared.content,
            prepared.processes,
            layout,
            prepared.request.home,
            prepared.earlier,
        )
    except OSError as error:
        raise FlorError(
            f"the folder of the replay cannot be made ({error})", hint="flor replay --in-place"
        ) from error


def _environment(content: Mapping[str, Any], layout: ReplayLayout) -> dict[str, str]:
    environ = replay_variables(os.environ, content["environment"])
    environ.pop(VARIABLE, None)
    environ.update(_SILENT_TRACKERS)
    if MLFLOW in environ:  # else it writes to the script's folder
        environ[MLFLOW] = (layout.work_elsewhere / "mlruns").as_uri()
    return environ
