"""Being asked to leave by a scheduler: the run stops at its next step or boundary, and goes on later.

Slurm and its like send SIGTERM, or what was asked for beforehand (`--signal=USR1@120`), and SIGKILL some
time behind. The default of both signals is to end the process at once; that alone is replaced, and only
while a main loop runs. A handler of the script's own stays, whenever it was set.
"""

from __future__ import annotations

import signal
import threading
import types
from collections.abc import Callable

from florlib.ground.requeue import SIGNALS
from florlib.runtime.guard import monotonic, os, say

# A scheduler signals all processes of a job: `flor record` passes on what this one has as well.
_SAME_S = 2.0


class Requeue:
    """Hears the signals that ask a process to leave.

    Args:
        heard: is called in the signal's handler, once.

    Attributes:
        asked: one has come.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self.asked = False
        self._asked_s = 0.0
        self._heard = heard
        os.register_at_fork(after_in_child=self._in_child)

    def listen(self) -> None:
        """A main loop begins."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self._hear)

    def stop(self) -> None:
        """It has ended."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) == self._hear:
                    signal.signal(number, signal.SIG_DFL)

    def _hear(self, number: int, frame: types.FrameType | None) -> None:
        if self.asked and monotonic() - self._asked_s < _SAME_S:
            return
        if self.asked:  # again: somebody does not want to wait
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        self.asked, self._asked_s = True, monotonic()
        name = signal.Signals(number).name
        say(
            f"flor: {name}: the run stops at the next boundary of its main loop, or before that at a"
            " step that it can go on from; again to stop at once"
        )
        self._heard()

    def _in_child(self) -> None:
        """Workers of DataLoaders get the scheduler's signals as well, and SIGTERM from who has them."""
        for number in SIGNALS:
            if signal.getsignal(number) == self._hear:
                usual = signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN
                signal.signal(number, usual)
