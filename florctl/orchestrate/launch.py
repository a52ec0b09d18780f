"""Starting the user's command as children: signals passed on, their ends reported, nothing between."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from florlib.ground.launch import VARIABLE, LaunchSpec

INTERRUPTED = 130  # 128 + SIGINT
_SITE = Path(__file__).resolve().parents[2] / "florlib" / "_site"
# The terminal sends its signals to the child as well; what is sent to flor alone is passed on.
SIGNALLED = 128  # what a shell adds to the number of a signal
_FROM_TERMINAL = ("SIGINT", "SIGQUIT")
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT")
_ENDING = frozenset({"SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: by a status or by a signal, one of them None.

    Attributes:
        lost: why it counts as killed, where nobody saw how it ended; mostly None.
    """

    exit_status: int | None
    signal: int | None
    lost: str | None = None

    @classmethod
    def of(cls, code: int) -> Ended:
        """From what subprocess gives: the status, or a signal below zero."""
        return cls(None, -code) if code < 0 else cls(code, None)

    @property
    def shell_status(self) -> int:
        """The status as a shell tells it: 128 + n for signal n."""
        return SIGNALLED + self.signal if self.signal is not None else self.exit_status or 0


def guest_environment(
    environ: Mapping[str, str], spec: LaunchSpec, *, python_path: Sequence[str] = ()
) -> dict[str, str]:
    """The environment in which processes are entered by the runtime.

    Args:
        environ: to start from.
        spec: what the processes are told.
        python_path: folders that go before those of PYTHONPATH, behind the door's.
    """
    inherited = environ.get("PYTHONPATH")
    folders = [str(_SITE), *python_path, *([inherited] if inherited else [])]
    return {**environ, VARIABLE: spec.to_environment(), "PYTHONPATH": os.pathsep.join(folders)}


def run_child(command: Sequence[str], *, environ: Mapping[str, str]) -> Ended:
    """Run a command to its end, with this process's streams.

    Raises:
        OSError: it could not be started.
    """
    with children() as group:
        return Ended.of(group.start(command, environ=environ).wait())


class Children:
    """The children that signals are passed on to; what comes before the first is kept for it.

    Attributes:
        stopped: whether a signal has come that ends them.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sent: list[int] = []

    def start(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        output: IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command, with this process's streams or its output in a file.

        Raises:
            OSError: it could not be started.
        """
        streams: dict[str, IO[bytes] | int] = {}
        if output is not None:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        before = len(self._sent) if self._processes else 0
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            command, env=dict(environ), cwd=cwd, **streams
        )
        self._processes.append(process)
        for number in self._sent[before:]:  # what came while it was being started
            _send(process, number)
        return process

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """Send the children what this process was sent."""
        self._note(number)
        self._sent.append(number)
        for process in self._processes:
            _send(process, number)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Pass on what a terminal did not: from there the children have it already.

        A handler is not inherited by a child, as SIG_IGN would be.
        """
        if not self._processes or not _on_terminal():
            self.pass_on(number, frame)
        self._note(number)

    def _note(self, number: int) -> None:
        self.stopped = self.stopped or signal.Signals(number).name in _ENDING


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _on_terminal() -> bool:
    """Whether a terminal sends its signals to this process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


@contextmanager
def children() -> Iterator[Children]:
    """Children that get the signals of this process, until the block ends."""
    child = Children()
    before: dict[int, Any] = {}
    for names, handler in ((_FROM_TERMINAL, child.interrupt), (_PASSED_ON, child.pass_on)):
        for name in names:
            number = getattr(signal, name, None)
            # What was ignored stays so, here and in the child: nohup, or a job behind `&`.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                with suppress(ValueError):  # not in the main thread
                    before[number] = signal.signal(number, handler)
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
