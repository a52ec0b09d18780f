"""The machines that the workers of a replay run on, and what each worker is told; this one is `Here`.

Others stand behind the same two moves: a worker is started by an order, and asked now and then
whether it has ended. All else of a replay, from the plan to the report, is one code for all.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from florctl.orchestrate.devices import Devices, chosen_devices
from florctl.orchestrate.launch import Children, Ended
from florctl.orchestrate.planning.place import Place
from florctl.orchestrate.planning.preparation import Prepared
from florlib.ground.layout import ReplayLayout


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told.

    Attributes:
        command: that it runs.
        environ: in which it does.
        layout: of the replay, with this worker's own files; its output goes to `output` there.
        place: where it runs, laid out in that layout.
        others: pieces that others have, where the work was divided beforehand.
    """

    number: int
    command: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: Path
    layout: ReplayLayout
    place: Place
    others: tuple[str, ...] = ()


class Child(Protocol):
    """The process of a worker, wherever it runs."""

    def poll(self) -> Ended | None:
        """How it ended; None while it runs.

        Raises:
            FlorError: it could not be started where it was to run.
        """

    def interrupt(self) -> None:
        """Do what Ctrl-C does on a terminal, where that reaches this machine alone."""

    def end(self) -> Ended:
        """End it, and wait until it has."""


class Machines(Protocol):
    """Where workers run.

    Attributes:
        shares_folder: whether workers see the replay's folder: then they take on piece by piece,
            and what they tell can be followed; else the work is divided beforehand.
    """

    shares_folder: bool

    def devices(self, gpus: str | None, workers: int | None) -> Devices:
        """What `--gpus` and `--workers` ask for.

        Raises:
            UsageError: there are no such devices.
        """

    def begin(self, prepared: Prepared, layout: ReplayLayout) -> None:
        """Make ready for a replay.

        Raises:
            FlorError: it cannot be done there.
        """

    def start(self, order: Order, group: Children) -> Child:
        """Start a worker.

        Raises:
            OSError, FlorError: it could not be started.
        """


class Here:
    """This machine: workers are its child processes."""

    shares_folder = True

    def devices(self, gpus: str | None, workers: int | None) -> Devices:
        """CUDA devices as the driver lists them."""
        return chosen_devices(gpus, workers, os.environ)

    def begin(self, prepared: Prepared, layout: ReplayLayout) -> None:
        """Nothing is to be made ready."""

    def start(self, order: Order, group: Children) -> Child:
        """Start a child, which gets the signals of this process."""
        with order.layout.output.open("wb") as output:
            process = group.start(
                order.command, environ=order.environ, cwd=order.cwd, output=output
            )
        return ChildHere(process)


@dataclass(frozen=True, slots=True)
class ChildHere:
    """A child of this process."""

    process: subprocess.Popen[bytes]

    def poll(self) -> Ended | None:
        """How it ended; None while it runs."""
        code = self.process.poll()
        return None if code is None else Ended.of(code)

    def interrupt(self) -> None:
        """It has had the signal: from the terminal, or passed on."""

    def end(self) -> Ended:
        """End it."""
        self.process.terminate()
        return Ended.of(self.process.wait())
