"""Whether what really steps an optimizer is one of the loops that the source promised."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable
from typing import Any

from florlib.runtime.guard import guarded
from florlib.runtime.session import Session
from florlib.source.loops import LoopSite

_numbers = itertools.count(-1, -1)


def add_hook(register: Callable[[Callable[..., None]], Any], hook: Callable[..., None]) -> Any:
    """Register a hook of ours; the script's own keep the numbers that they have without flor.

    Returns:
        Its handle.
    """
    handle = sys.modules["torch.utils.hooks"].RemovableHandle
    number, handle.next_id = handle.next_id, next(_numbers)
    try:
        return register(hook)
    finally:
        handle.next_id = number


class StepWatch:
    """Looks at the first optimizer step of a process, and at no other (torch's global hook).

    The finder reads the text, so it can choose a loop that trains nothing while another one,
    behind a call that it does not see through, does. That is told, with the loop to name.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._hook: Any = None
        self._done = False

    def begin(self) -> None:
        """Wait for the first step, as soon as torch is there."""
        if self._done or self._hook is not None or "torch.optim.optimizer" not in sys.modules:
            return
        with guarded("watch the optimizers"):
            optimizer = sys.modules["torch.optim.optimizer"]
            self._hook = add_hook(optimizer.register_optimizer_step_post_hook, self._stepped)

    def _stepped(self, *step: Any) -> None:
        with guarded("watch the optimizers"):
            self._done = True
            hook, self._hook = self._hook, None
            hook.remove()
            if self._session.main is None:
                self._tell(sys._getframe(1))

    def _tell(self, frame: types.FrameType | None) -> None:
        """Name the step, and the outermost loop of the user's that it is in."""
        places: list[tuple[str, int]] = []
        loops: list[tuple[str, LoopSite]] = []
        while frame is not None:
            path = self._session.project.relative(frame.f_code.co_filename)
            if path is not None:
                places.append((path, frame.f_lineno))
                around = self._session.sources.outermost_loop(path, frame.f_lineno)
                loops += [] if around is None else [(path, around)]
            frame = frame.f_back
        if not places:
            return
        path, line = places[0]
        text = f"{path}:{line}: an optimizer steps outside of the loops that flor follows"
        if loops:
            outer, loop = loops[-1]
            text += f"; flor record --loop {outer}:{loop.line} makes that one the main loop"
        self._session.warn("loop-not-followed", text, file=path, line=line)
