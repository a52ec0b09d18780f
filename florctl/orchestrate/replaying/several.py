"""Replays of several runs: thought through together, done side by side by the same workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.selection import ChosenRun
from florctl.orchestrate.devices import Devices
from florctl.orchestrate.keeping.bringing import Fetching
from florctl.orchestrate.launch import INTERRUPTED, Children, children
from florctl.orchestrate.machines.machines import Here
from florctl.orchestrate.planning.earlier import Today, todays_questions
from florctl.orchestrate.planning.preparation import Prepared, ReplayRequest, prepare
from florctl.orchestrate.replaying.replay import execute
from florctl.orchestrate.replaying.report import Report
from florctl.orchestrate.replaying.workers import Crew
from florctl.orchestrate.run_json import program_of, read_run_json
from florlib.ground.errors import FlorError
from florlib.ground.layout import RunLayout
from florlib.stores.catalog.rows import RunRow

_LOOK_S = 0.5


@dataclass(slots=True)
class Asked:
    """One of the runs that are asked, and what came of it.

    Attributes:
        prepared: its replay; None where there can be none.
        refusal: why not.
        report: of the replay, where it was started.
    """

    row: RunRow
    prepared: Prepared | None = None
    refusal: FlorError | None = None
    report: Report | None = None

    @property
    def is_to_run(self) -> bool:
        """Whether there is anything to execute."""
        return self.prepared is not None and not self.prepared.nothing_new

    def to_json(self) -> dict[str, Any]:
        """The report; of a run that was not replayed, why."""
        if self.report is not None:
            return self.report.to_json()
        status = "refused" if self.refusal is not None else "unverified"
        reason = None if self.refusal is None else self.refusal.message
        details = [] if self.refusal is None else self.refusal.details
        return {
            "run": self.row.run,
            "replay": None,
            "status": status,
            "reason": reason,
            "details": list(details),
        }


@dataclass(slots=True)
class Several:
    """The replays of several runs.

    Attributes:
        asked: the runs, the newest first.
        devices: what all workers run on.
    """

    asked: list[Asked]
    devices: Devices

    @property
    def to_run(self) -> list[Asked]:
        """The runs that there is something to execute of."""
        return [one for one in self.asked if one.is_to_run]

    @property
    def estimate_s(self) -> float:
        """Seconds until the last has ended, where the longest are begun first."""
        ends = [0.0] * max(1, self.at_once)
        for one in self._longest_first():
            assert one.prepared is not None
            ends[ends.index(min(ends))] += one.prepared.planned.estimate_s
        return max(ends)

    @property
    def full_run_s(self) -> float:
        """Seconds of running all of them anew, one after the other."""
        return sum(one.prepared.planned.full_run_s for one in self.to_run if one.prepared)

    @property
    def at_once(self) -> int:
        """How many runs are replayed at a time."""
        return min(len(self.devices), len(self.to_run))

    @property
    def exit_status(self) -> int:
        """130 after Ctrl-C, 4 for a divergence, 6 where all were refused, 7 where something is missing."""
        statuses = {one.report.exit_status for one in self.asked if one.report is not None}
        refused = [one for one in self.asked if one.refusal is not None]
        if INTERRUPTED in statuses:
            return INTERRUPTED
        if 4 in statuses:
            return 4
        if refused and len(refused) == len(self.asked):
            assert refused[0].refusal is not None
            return refused[0].refusal.exit_status
        return 7 if refused or 7 in statuses else 0

    def execute(
        self,
        look: Callable[[Sequence[Crew]], None],
        *,
        now: datetime,
        tokens: Iterator[str],
        fetching: Fetching,
    ) -> None:
        """Replay the runs, as many at a time as there are workers for.

        Args:
            look: is called now and then with the crews that have begun.
            now: when the replays begin.
            tokens: for their ids.
            fetching: is told of checkpoints that come back from a spool first.
        """
        free = _shared(self.devices, self.at_once)
        crews: dict[int, Crew] = {}
        waiting = self._longest_first()
        with children() as group, ThreadPoolExecutor(max(1, self.at_once)) as pool:
            going: dict[Future[None], Devices] = {}
            while waiting or going:
                while waiting and free and not group.stopped:
                    one, places = waiting.pop(0), free.pop()
                    token = next(tokens)
                    work = pool.submit(
                        self._replay, one, places, group, crews, now, token, fetching
                    )
                    going[work] = places
                if group.stopped and not going:
                    return
                ended, _ = wait(going, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                look([crews[key] for key in sorted(crews)])
                for work in ended:
                    free.append(going.pop(work))
                    work.result()

    def _longest_first(self) -> list[Asked]:
        def seconds(one: Asked) -> float:
            return -one.prepared.planned.estimate_s if one.prepared else 0.0

        return sorted(self.to_run, key=seconds)

    def _replay(
        self,
        one: Asked,
        places: Devices,
        group: Children,
        crews: dict[int, Crew],
        now: datetime,
        token: str,
        fetching: Fetching,
    ) -> None:
        assert one.prepared is not None
        one.prepared.request = replace(one.prepared.request, devices=places)

        def watch(crew: Crew) -> None:
            crews[one.row.key] = crew

        try:
            one.report = execute(
                one.prepared, Here(), watch, now=now, token=token, group=group, fetching=fetching
            )
        except FlorError as error:
            one.refusal = error


def ask_several(chosen: Sequence[ChosenRun], request: ReplayRequest, home: Path) -> Several:
    """Think the replays of several runs through; those that there can be none of say why.

    Args:
        chosen: the runs, the newest first.
        request: what is asked of each; its devices are those of all workers.
        home: FLOR_HOME.

    Raises:
        SyntaxError: a present source does not parse; Python's own.
    """
    each = min(_shared(request.devices, len(chosen)), key=len)
    several = Several([], request.devices)
    with _Todays(home) as todays:
        for one in chosen:
            asked = Asked(one.row)
            try:
                layout = RunLayout(home / one.row.folder)
                today = todays.of(read_run_json(layout))
                own = replace(request, layout=layout, where=one.where, today=today, devices=each)
                asked.prepared = prepare(own)
            except FlorError as error:
                asked.refusal = error
            several.asked.append(asked)
    return several


class _Todays(ExitStack):
    """What is asked of the runs of each script, found once for all of them."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self._found: dict[tuple[str, ...], Today | None] = {}

    def of(self, content: Mapping[str, Any]) -> Today | None:
        """What is asked of the script of a run.json."""
        key = (str(content["project"]), *program_of(content))
        if key not in self._found:
            today = self._found[key] = todays_questions(self._home, content)
            if today is not None:
                self.enter_context(today.tree)
        return self._found[key]


def _shared(devices: Devices, runs: int) -> list[Devices]:
    """The devices in groups, one for each run that is replayed at a time."""
    groups = max(1, min(len(devices), runs))
    return [Devices(devices.places[number::groups]) for number in range(groups)]
