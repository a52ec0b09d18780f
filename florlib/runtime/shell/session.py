"""A replay that stops within a training loop, for its names to be looked at and gone on with.

It goes to where it was asked for as any replay does, by restoring and skipping; what the script writes
on the way is not shown. From there on nothing is skipped. What the script logs and prints is in the
record already, or part of an experiment: only what is logged at the prompt is kept.
"""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.ground.moments import MAIN_WORD, NoSuchMoment, find_moment
from florlib.ground.plan import SHELL as PLAN_SHELL
from florlib.ground.plan import Plan, Segment
from florlib.ground.position import Position, describe, parse_position
from florlib.ground.recorded import BlockMark, RecordedProcess
from florlib.runtime.ending import end_process
from florlib.runtime.graph.workers import watch_workers
from florlib.runtime.guard import os, say
from florlib.runtime.libraries import generators
from florlib.runtime.logbook import ALTERED, HINDSIGHT, freeze
from florlib.runtime.loops import LoopBody, LoopCall, way_out
from florlib.runtime.marks import enter_record, exit_record, pairs
from florlib.runtime.project import Project
from florlib.runtime.replayer import Replayer
from florlib.runtime.session import Entry
from florlib.runtime.shell.alteration import Fingerprint
from florlib.runtime.shell.code import CONTROLS, SHELL, Controls, Declined, GoOn, Over
from florlib.runtime.shell.goals import Goal, Reaching, Turns
from florlib.runtime.shell.names import Names
from florlib.runtime.shell.prompts import Given, Prompt, Typed
from florlib.runtime.shell.streams import Streams
from florlib.runtime.shell.written import Written
from florlib.runtime.sources import Sources
from florlib.runtime.walk import MainWalk

_TOLD = 5  # of what was altered, so much by name
_NO_END = sys.maxsize


class ShellSession(Replayer):
    """A session that opens a prompt.

    Args:
        plan: with the moment at which it opens.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        project: Project,
        sources: Sources,
        plan: Plan,
        recorded: RecordedProcess,
    ) -> None:
        super().__init__(spec, project, sources, plan, recorded)
        assert plan.stop is not None
        self._stop = plan.stop
        self._streams = Streams(self.layout.output)
        self._goal: Goal | None = Reaching(plan.stop.position)
        controls = Controls(self._step, self._run_to, self._log)
        own = {"step": controls.step, "run_to": controls.run_to, "log": controls.log}
        self._names = Names(project, {**own, SHELL: controls, CONTROLS: controls})
        self._prompt: Prompt | None = None
        self._frame: types.FrameType | None = None  # while the prompt is open
        self._where: Position = ()
        self._before: Fingerprint | None = None
        self._altered: list[str] = []
        self._warnings: list[str] = []
        self._written = Written([standin for _, standin in spec.moves])
        self._interrupted = False
        self._is_over = False
        # Ctrl-C is for the prompt: DataLoaders' workers get it as well, and would end.
        os.register_at_fork(after_in_child=partial(signal.signal, signal.SIGINT, signal.SIG_IGN))

    # ------------------------------------------------------------------ the way

    def run_main(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a main loop: restored at the turn that was asked for, and run from there."""
        number = self._mains
        self._mains += 1
        watch_workers()
        if number >= len(self.recorded.mains):
            return (yield from call.items)
        self.project.library_attributes |= generators(self.sources.packages(), self.project)
        self.jumped = False
        entry = self.enter(call.name, call.path, call.site, "main")
        self.append(enter_record(entry, self.position()[:-1], number, self.age_s()))
        walk = MainWalk(self, entry, call, number, frame)
        turns = self._turns_of(walk)
        try:
            for item in turns:
                yield item
                self._turned(entry)
        except GeneratorExit:
            walk.left(way_out(self, entry, frame))
            self._turned(entry)
            if walk.how in ("break", "return") and self._prompt is not None:
                self._open(frame, f"{entry.name} was left by {walk.how}")
            raise
        finally:
            turns.close()
            self.leave(entry)
            self.append(exit_record(entry, self.position(), walk.how, walk.executed, main=number))

    def _turns_of(self, walk: MainWalk) -> LoopBody:
        """The turns of a main loop, as far as it leads on."""
        start, mark = 0, walk.mark
        if self._prompt is None:
            if walk.number < self._stop.main:
                return (yield from walk.leave())
            start = self._stop.position[0][1]
        if start == mark.iterations and mark.how == "break":
            walk.reach(start)
            walk.entry.index = start
            self.arrives(walk.entry, walk.frame)
            return (yield from walk.leave())
        yield from walk.segment(Segment(walk.number, start, _NO_END))
        if self._goal is not None and self.position() != self._where:
            self._open(walk.frame, f"{walk.entry.name} has ended")

    def run_nested(self, call: LoopCall, frame: types.FrameType) -> LoopBody:
        """The generator of a nested training loop."""
        turns = super().run_nested(call, frame)
        entry: Entry | None = None
        try:
            for item in turns:
                entry = self.path[-1]
                yield item
                self._turned(entry)
        except GeneratorExit:
            if entry is not None:
                self._turned(entry)
            raise
        finally:
            turns.close()

    def _turned(self, entry: Entry) -> None:
        if self._goal is not None and not entry.holds:
            self._goal.turned()

    def _inside(self) -> Position:
        """The present position from the main loop inwards."""
        first = next(n for n, entry in enumerate(self.path) if entry.role == "main")
        return tuple((one.name, one.index) for one in self.path[first:] if not one.added)

    def _leads_there(self) -> bool:
        """Whether the innermost loop is one that the moment lies in."""
        here, there = self._inside(), self._stop.position
        depth = len(here) - 1
        leads = len(there) > depth and here[:depth] == there[:depth]
        return leads and here[depth][0] == there[depth][0]

    def _may_skip(self, call: LoopCall, block: BlockMark) -> bool:
        if self._prompt is not None or self._leads_there():
            return False
        warming, self.warming = self.warming, True
        try:
            return super()._may_skip(call, block)
        finally:
            self.warming = warming

    def _wanted(self, block: BlockMark | None) -> tuple[tuple[int, int], ...] | None:
        if block is None or self._prompt is not None or not self._leads_there():
            return None
        turn = self._stop.position[len(self._inside()) - 1][1]
        if turn == block.iterations and block.how != "raise":
            turn = max(turn - 1, 0)  # its end comes about as the last turn does
        return ((turn, _NO_END),)

    def arrives(self, entry: Entry, frame: types.FrameType) -> None:
        """Open the prompt, where this is the turn."""
        if self._prompt is None and self.main_number != self._stop.main:
            return
        goal = self._goal
        if self._interrupted:
            self._open(frame, error=KeyboardInterrupt())
        elif goal is not None and goal.is_met(self._inside()):
            passed = isinstance(goal, Reaching) and goal.passed
            text = f"{describe(goal.position)} did not come" if passed else ""  # type: ignore[attr-defined]
            self._open(frame, text)

    # ------------------------------------------------------------------ the prompt

    def _open(
        self, frame: types.FrameType, text: str = "", error: BaseException | None = None
    ) -> None:
        """Have the prompt go on, and the script when that wants it to."""
        self._goal, self._interrupted = None, False
        self._where = self.position() or self._where
        first = self._prompt is None
        self._names.renew(frame)
        self._frame = frame
        prompt = self._prompt or self._first_prompt()
        if not self._altered:
            self._before = Fingerprint.of(frame, self.project)
        self._written.opens()
        self._tell(text, first=first)
        with self._streams.asking(), _interrupts(self._interrupt):
            came = prompt.go_on(error)
        self._written.goes_on()
        if isinstance(came, int):
            self._leave(came)
        assert not isinstance(came, int)  # else the process has ended
        self._names.put_back()
        self._is_altered()
        self._names.release()
        self._frame = self._before = None
        self._goal = came

    def _first_prompt(self) -> Prompt:
        self.append({"kind": PLAN_SHELL, "position": pairs(self._where)})
        self.flush()
        self._streams.show(None if self._stop.shown else self.layout.said)
        self._watch_errors()
        if self._stop.code is not None:
            self._prompt = Given(self._names, self._stop.code)
        else:
            self._prompt = _ipython(self._names, self.layout.folder) or Typed(self._names)
        return self._prompt

    def _tell(self, text: str, *, first: bool) -> None:
        for warning in self._warnings:
            say(f"warning: {warning}")
        self._warnings.clear()
        if text:
            say(f"flor: {text}")
        if self._stop.code is not None:
            return
        say(f"flor: {describe(self._where)}")
        if first:
            say(
                'flor: step(n=1), run_to("epoch=7"), log(name, value); Ctrl-D leaves, nothing is kept'
            )
        for name in self._names.hidden if first else ():
            say(f"flor: {name} is a name of the script's: type shell.{name}")

    def _leave(self, status: int) -> None:
        self._note_written()
        self.append({"kind": "end", "how": "end-of-plan", "exit_status": 0, "signal": None})
        self.close()
        end_process(status)

    def _note_written(self) -> None:
        self.append({"kind": "written", "paths": list(self._written.paths)})

    def _interrupt(self, number: int, frame: types.FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        say("flor: stopping before the next turn; again to stop at once")

    # ------------------------------------------------------------------ the end of the script

    def _watch_errors(self) -> None:
        following = sys.excepthook

        def excepthook(
            kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
        ) -> None:
            following(kind, error, trace)
            self._fell(error, trace)

        sys.excepthook = excepthook

    def _fell(self, error: BaseException, trace: types.TracebackType | None) -> None:
        """Open the prompt once more, where an error has ended the script."""
        frame = None
        while trace is not None:
            if self.project.relative(trace.tb_frame.f_code.co_filename) is not None:
                frame = trace.tb_frame
            trace = trace.tb_next
        if frame is not None and self._frame is None:
            self._is_over = True
            text = f"the script has ended by {type(error).__name__}"
            self._open(frame, text, Over(text))

    def finish(self, how: str, exit_status: int | None) -> None:
        """The script has ended by itself."""
        goes_on, self._goal = self._goal is not None and self._prompt is not None, None
        is_cut = goes_on and self._stop.code is not None
        if self._prompt is not None:
            say(
                f"flor: the script has ended{', and the code was not executed to its end' * is_cut}"
            )
        self._note_written()
        super().finish(how, exit_status)
        if is_cut:
            end_process(1)

    # ------------------------------------------------------------------ what it offers

    def _step(self, n: int = 1) -> GoOn:
        """Execute the next n turns of the innermost training loop."""
        if n < 1:
            raise Declined(f"step({n}): only forward")
        self._check_goes_on()
        return GoOn(Turns(n))

    def _run_to(self, where: str = "", /, **loops: int) -> GoOn:
        """Execute until a turn: run_to("epoch=7"), run_to(epoch=7, step=3), run_to(step=50)."""
        wanted = (*(parse_position(where) or ()), *loops.items())
        if not wanted:
            raise Declined('run_to("epoch=7") or run_to(epoch=7, step=3)')
        self._check_goes_on()
        here = self._inside()
        if wanted[0][0] not in (here[0][0], MAIN_WORD):
            wanted = (*(here[:-1] or here), *wanted)
        try:
            moment = find_moment(self.recorded, wanted)
        except NoSuchMoment as error:
            raise Declined(str(error)) from None
        if moment.main != self.main_number or Reaching(moment.position).is_met(here):
            raise Declined(f"{describe(moment.position)} is not ahead of {describe(here)}")
        return GoOn(Reaching(moment.position))

    def _check_goes_on(self) -> None:
        if self._is_over or self.main is None:
            raise Over("the script has ended: it cannot go on")

    def _log(self, name: str, value: Any) -> Any:
        """Note a value at this position, with the origin `shell`, and give it back."""
        if not isinstance(name, str):
            raise TypeError(f"log(name, value): the name is {name!r}, and no text")
        flags = HINDSIGHT | (ALTERED if self._is_altered() else 0)
        self._rows.append((self._where, name, freeze(value), None, 0, flags))
        self.flush()
        return value

    def _is_altered(self) -> bool:
        """Whether anything of the script's is otherwise than without the prompt."""
        if not self._altered and self._frame is not None and self._before is not None:
            self._names.put_back()
            now = Fingerprint.of(self._frame, self.project)
            self._altered = [*self._names.patched, *self._before.other_in(now)]
            if self._altered:
                more = "" if len(self._altered) <= _TOLD else ", …"
                said = ", ".join(self._altered[:_TOLD])
                say(f"flor: altered by hand: {said}{more}; what is logged from here on says so")
        return bool(self._altered)

    # ------------------------------------------------------------------ what is kept

    def log(self, name: str, value: Any, frame: types.FrameType) -> None:
        """`flor.log`: kept where it is typed, and not where the script says it."""
        if self._frame is not None:
            self._log(name, value)

    def line(self, name: str, text: str, file: str | None, line: int) -> None:
        """Lines are not kept."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record; what a person should know of is told at the prompt."""
        if record["kind"] == "warning" and record["code"] != "loop-diverged":
            self._warnings.append(record["text"])
        elif record["kind"] == "verification" and record["differing"] and not self._altered:
            first = record["differing"][0]["item"]
            self._warnings.append(f"what was executed came out otherwise than recorded ({first})")
        super().append(record)


@contextmanager
def _interrupts(behind: Callable[[int, types.FrameType | None], None]) -> Iterator[None]:
    """Ctrl-C interrupts what is typed, whatever the script has it do.

    Args:
        behind: handles it from then on, where the script has not set what does.
    """
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        is_default = before is signal.default_int_handler
        signal.signal(signal.SIGINT, behind if is_default else before)


def _ipython(names: Names, folder: Path) -> Prompt | None:
    """IPython's prompt, where it is installed."""
    try:
        from florlib.runtime.shell.ipython import IPythonPrompt
    except ImportError:
        return None
    return IPythonPrompt(names, folder / "ipython")
