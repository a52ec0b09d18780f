"""Which of the project's functions are called in which of the loops that are followed.

A look at the source does not see every call (`globals()["log_" + kind]()`). From Python 3.12
on, events of single code objects tell each function's first call in a loop; before, a profile
function looks at a loop's first turns. Neither costs anything once it has seen what there is.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from florlib.ground.journal_format import Record
from florlib.ground.recorded import Loops
from florlib.runtime.graph.codes import loaded_modules
from florlib.runtime.guard import guarded
from florlib.runtime.session import Entry
from florlib.runtime.sources import Sources
from florlib.source.functions import Function, read_module

_TOOLS = (4, 3)  # those of sys.monitoring that belong to no debugger, coverage or profiler
_QUIET_VISITS = 64  # without news, behind which a loop is looked at ever more rarely
_PROFILED_TURNS = 2
_PROFILED_EXECUTIONS = 2
_PROFILED_EVENTS = 20_000  # of one loop in all: some ten milliseconds


@dataclass(slots=True, eq=False)
class CallSet:
    """What was called in a loop, and in none inside of it.

    Attributes:
        loops: (path, ordinal) of the training loops around and of itself, outermost first; empty
            for what ran outside of all of them.
        codes: by id.
        complete: it was watched throughout, and not its first turns or now and then alone.
    """

    loops: Loops
    codes: dict[int, types.CodeType] = field(default_factory=dict)
    complete: bool = True
    written: tuple[int, bool] | None = None
    known: int = 0  # codes at the last visit
    quiet: int = 0  # visits in succession that brought no news
    entry: Entry | None = None  # that was running at the last visit
    executions: int = 0
    events: int = 0


class _Watch(Protocol):
    """A way of being told of calls."""

    def visit(self, here: CallSet, entry: Entry | None) -> None:
        """Calls belong to this loop from now on."""

    def pause(self) -> None:
        """Note nothing for now."""

    def resume(self) -> None:
        """Go on after a pause."""

    def stop(self) -> None:
        """Leave everything as if nothing had been watched."""


class CallSets:
    """The call sets of a process, from its first main loop on.

    Args:
        sources: of the project.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._sets: dict[Loops, CallSet] = {}
        self._watch: _Watch | None = None
        self._stopped = False
        self._names: dict[str, dict[int, str]] = {}  # by path and first line, where codes lack them

    def move(self, path: list[Entry]) -> None:
        """Take note that another loop is the innermost one now.

        Args:
            path: the loops that are running.
        """
        if self._stopped:
            return
        with guarded("watch calls"):
            around = [entry for entry in path if entry.role != "passing"]
            if self._watch is None:
                if not around:
                    return
                self._watch = _watch(self._sources)
            loops = tuple([(one.path, one.site.ordinal if one.site else None) for one in around])
            here = self._sets.get(loops)
            if here is None:
                here = self._sets[loops] = CallSet(loops)
            self._watch.visit(here, around[-1] if around else None)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Note no calls meanwhile: they are flor's doing, not the script's."""
        watch = self._watch
        if watch is None:
            yield
            return
        watch.pause()
        try:
            yield
        finally:
            watch.resume()

    def news(self) -> Iterator[Record]:
        """Records of the sets that are not as they were when they were last asked for."""
        for found in list(self._sets.values()):
            codes = list(found.codes.values())
            now = (len(codes), found.complete)
            if now != found.written and codes:
                found.written = now
                yield {
                    "kind": "calls",
                    "loops": [list(place) for place in found.loops],
                    "functions": [list(one) for one in sorted(self._functions(codes))],
                    "complete": found.complete,
                }

    def stop(self) -> None:
        """Watch no more."""
        self._stopped = True
        if self._watch is not None:
            with guarded("end the watch for calls"):
                self._watch.stop()

    def _functions(self, codes: Iterable[types.CodeType]) -> set[tuple[str, str]]:
        """(path, qualname) of functions."""
        found = set()
        for code in codes:
            path = self._sources.project.relative(code.co_filename)
            name = getattr(code, "co_qualname", None) or self._name_by_line(path, code)
            if path is not None and name is not None:
                found.add((path, name))
        return found

    def _name_by_line(self, path: str | None, code: types.CodeType) -> str | None:
        """The qualname that codes do not tell before Python 3.11."""
        if path not in self._sources.trees:
            return None
        if path not in self._names:
            functions = read_module(path, self._sources.trees[path]).functions
            self._names[path] = {_first_line(one): one.qualname for one in functions}
        return self._names[path].get(code.co_firstlineno)


def _first_line(function: Function) -> int:
    if isinstance(function.node, ast.Module):
        return 0
    return min(node.lineno for node in (function.node, *function.node.decorator_list))


def _watch(sources: Sources) -> _Watch:
    # A script that took flor in after it was compiled has codes that nobody has noted.
    if sys.version_info >= (3, 12) and sources.rewrites:
        return _Events()
    return _Profile(sources)


class _Events:
    """Calls told by the interpreter's events, which each code object has switched by itself.

    So no code of a library is ever touched, and no other tool's events are started again.
    """

    def __init__(self) -> None:
        self._paused = False
        self._here = CallSet(())
        self._modules: set[int] = set()
        self._armed: dict[int, types.CodeType] = {}
        self._silent: set[int] = set()  # called since they were armed
        self._tool = self._claim()

    def _claim(self) -> int | None:
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009  # unknown before 3.12
        for tool in _TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "flor")
                self._monitoring = monitoring
                self._events = monitoring.events.PY_START | monitoring.events.PY_RESUME
                for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME):
                    monitoring.register_callback(tool, event, self._called)
                return tool
        return None

    def _called(self, code: types.CodeType, offset: int) -> Any:
        if self._paused:
            return None
        self._here.codes[id(code)] = code
        self._silent.add(id(code))
        return self._monitoring.DISABLE

    def visit(self, here: CallSet, entry: Entry | None) -> None:
        """Have the functions that this loop is not known to call tell their next call."""
        before, self._here = self._here, here
        if self._tool is None:
            here.complete = False
            return
        for module in loaded_modules():
            if id(module) not in self._modules:
                before.complete = False  # it was imported there
                self._modules.add(id(module))
                self._arm(module)
        here.quiet = here.quiet + 1 if len(here.codes) == here.known else 0
        here.known = len(here.codes)
        if here.quiet >= _QUIET_VISITS and here.quiet & (here.quiet - 1):
            here.complete = False
            return
        for number in self._silent.difference(here.codes):
            # What an event has been told not to repeat is forgotten as it is taken away.
            self._monitoring.set_local_events(self._tool, self._armed[number], 0)
            self._monitoring.set_local_events(self._tool, self._armed[number], self._events)
            self._silent.discard(number)

    def _arm(self, outer: types.CodeType) -> None:
        for code in outer.co_consts:
            if isinstance(code, types.CodeType):
                if not code.co_name.startswith("<"):  # a lambda or comprehension holds no probe
                    self._armed[id(code)] = code
                    self._monitoring.set_local_events(self._tool, code, self._events)
                self._arm(code)

    def pause(self) -> None:
        """Note nothing for now."""
        self._paused = True

    def resume(self) -> None:
        """Go on after a pause."""
        self._paused = False

    def stop(self) -> None:
        """Take all events away, and give the tool's number back."""
        if self._tool is None:
            return
        for code in self._armed.values():
            self._monitoring.set_local_events(self._tool, code, 0)
        for event in (self._monitoring.events.PY_START, self._monitoring.events.PY_RESUME):
            self._monitoring.register_callback(self._tool, event, None)
        self._monitoring.free_tool_id(self._tool)
        self._tool = None


class _Profile:
    """Calls told by a profile function, where the script has none: in a loop's first turns."""

    def __init__(self, sources: Sources) -> None:
        self._project = sources.project
        self._here = CallSet(())
        self._function = self._called  # one object, to know it again

    def visit(self, here: CallSet, entry: Entry | None) -> None:
        """Look at this loop, if it has not been looked at long enough."""
        here.complete = False
        self._here = here
        if entry is not here.entry:
            here.entry = entry
            here.executions += 1
        self.resume()

    def resume(self) -> None:
        """Have the profile function in place where it is wanted, and only there."""
        if not self._wanted():
            self.pause()
        elif sys.getprofile() is None:
            sys.setprofile(self._function)

    def _wanted(self) -> bool:
        here = self._here
        turn = 0 if here.entry is None else here.entry.index
        early = turn < _PROFILED_TURNS and here.executions <= _PROFILED_EXECUTIONS
        return early and here.events < _PROFILED_EVENTS

    def _called(self, frame: types.FrameType, event: str, argument: Any) -> None:
        here, code = self._here, frame.f_code
        here.events += 1
        if not self._wanted():
            self.pause()
        elif event == "call" and id(code) not in here.codes and not code.co_name.startswith("<"):
            if self._project.relative(code.co_filename) is not None:
                here.codes[id(code)] = code

    def pause(self) -> None:
        """Take the profile function away, unless the script has set another since."""
        if sys.getprofile() is self._function:
            sys.setprofile(None)

    def stop(self) -> None:
        """Leave everything as it was."""
        self.pause()
