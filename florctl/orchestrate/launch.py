"""Starting the user's command as a child: signals passed on, its end reported, nothing between."""

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

_SITE = Path(__file__).resolve().parents[2] / "florlib" / "_site"
# The terminal sends its signals to the child as well; what is sent to flor alone is passed on.
SIGNALLED = 128  # what a shell adds to the number of a signal
_FROM_TERMINAL = ("SIGINT", "SIGQUIT")
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: by a status or by a signal, one of them None."""

    exit_status: int | None
    signal: int | None

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


def run_child(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    output: IO[bytes] | None = None,
) -> Ended:
    """Run a command to its end, with this process's streams or its output in a file.

    Raises:
        OSError: it could not be started.
    """
    streams: dict[str, IO[bytes] | int] = {}
    if output is not None:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
    with _signals_for_child() as child:
        process = subprocess.Popen(command, env=dict(environ), cwd=cwd, **streams)  # type: ignore[call-overload]
        child.started(process)
        status: int = process.wait()
    return Ended(None, -status) if status < 0 else Ended(status, None)


class _Child:
    """The child that signals are passed on to; what comes before it stands is kept for it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """The child stands."""
        self._process = process
        for number in self._waiting:
            self.pass_on(number, None)

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """Send the child what this process was sent."""
        if self._process is None:
            self._waiting.append(number)
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Pass on what a terminal did not: from there the child has it already.

        A handler is not inherited by the child, as SIG_IGN would be.
        """
        if self._process is None or not _on_terminal():
            self.pass_on(number, frame)


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
def _signals_for_child() -> Iterator[_Child]:
    child = _Child()
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
