"""Programs that run by turns, so that a machine whose pace changes is as fast for each of them.

A turn is a fraction of a second, in which one program has the whole machine and the others stand
still (SIGSTOP, sent to all processes of its session). `time.perf_counter` of a program does not
count the time in which it stood still: the recorder's budget is one of the time that it trains.
"""

from __future__ import annotations

import mmap
import os
import random
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CLOCK = Path(__file__).resolve().parent / "clock"
TURN_S = 0.25
STOPPED = "TtZX"  # states of a process in /proc that does not run, whatever happens


class Program:
    """A program that runs when it is told to.

    Args:
        words: its command.
        folder: where it runs; `output` and `errors` are written beside it.
        environ: its environment.

    Attributes:
        ran_s: how long it has run.
        status: that it ended by; None before.
        peak_bytes: the largest resident set of any of its processes.
    """

    def __init__(self, words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.words = words
        self.output = folder.with_suffix(".output")
        self.errors = folder.with_suffix(".errors")
        self.ran_s = 0.0
        self.status: int | None = None
        self.peak_bytes = 0
        self._folder = folder
        clock = folder.with_suffix(".clock")
        clock.write_bytes(bytes(8))
        with clock.open("r+b") as file:
            self._waited = memoryview(mmap.mmap(file.fileno(), 8)).cast("d")
        path = os.pathsep.join(filter(None, [str(CLOCK), environ.get("PYTHONPATH")]))
        self._environ = {**environ, "PYTHONPATH": path, "BENCHMARK_WAITED": str(clock)}
        self._pid = self._ended = -1
        self._halted_s = 0.0

    def run(self, seconds: float) -> None:
        """Let it run for so long, or to its end."""
        began_s = time.perf_counter()
        if self._pid < 0:
            self._start()
        else:
            self._waited[0] += began_s - self._halted_s
            os.killpg(self._pid, signal.SIGCONT)
        has_ended, _, _ = select.select([self._ended], [], [], seconds)
        if has_ended:
            self._collect()
        else:
            self._halt()
        self._halted_s = time.perf_counter()
        self.ran_s += self._halted_s - began_s

    def end(self) -> None:
        """End it, if it has not ended."""
        if self._pid >= 0 and self.status is None:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            self._collect()

    def _start(self) -> None:
        with self.output.open("w") as output, self.errors.open("w") as errors:
            process = subprocess.Popen(
                self.words,
                cwd=self._folder,
                env=self._environ,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        self._pid, process.returncode = process.pid, 0  # it is collected here
        self._ended = os.pidfd_open(self._pid)

    def _halt(self) -> None:
        os.killpg(self._pid, signal.SIGSTOP)
        while not all(_stands(task) for task in _tasks(self._pid)):
            time.sleep(0)

    def _collect(self) -> None:
        _, status, usage = os.wait4(self._pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        self.peak_bytes = usage.ru_maxrss * 1024
        os.close(self._ended)


def _tasks(session: int) -> list[str]:
    """The threads of all processes of a session, as folders of /proc."""
    found = []
    for name in os.listdir("/proc"):
        with suppress(OSError, IndexError):
            if name.isdigit() and os.getsid(int(name)) == session:
                found += [f"/proc/{name}/task/{task}" for task in os.listdir(f"/proc/{name}/task")]
    return found


def _stands(task: str) -> bool:
    try:
        text = Path(task, "stat").read_text()
    except OSError:
        return True  # it has ended
    return text.rpartition(") ")[2][0] in STOPPED


def run_by_turns(programs: Sequence[Program], chance: random.Random) -> None:
    """Run programs to their ends.

    Args:
        programs: that begin one after another, in a turn of each.
        chance: shuffles who goes first in each round of turns.
    """
    try:
        while left := [program for program in programs if program.status is None]:
            chance.shuffle(left)
            for program in left:
                program.run(TURN_S)
    finally:
        for program in programs:
            program.end()
