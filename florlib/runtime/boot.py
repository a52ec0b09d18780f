"""Entering a process: the script is loaded by CPython itself, through our loader.

`python train.py` asks `sys.path_hooks` whether the script is something to import from (that is
how `python folder/` works); our hook says yes, and runpy runs it with our loader. `python -m`
and the project's other modules come through `sys.meta_path`. There is no wrapper process and
no fake `__main__`: argv, sys.path[0], pickling, pdb, signals and exit codes are Python's own.
"""

from __future__ import annotations

import atexit
import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

from florlib.ground.launch import LaunchSpec
from florlib.runtime.command_line import entry_point, same_file

_SITE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_site")
_OURS = ("<frozen runpy>", "<frozen importlib", os.path.dirname(os.path.abspath(__file__)))
_STDLIB_RUNPY = os.path.join(os.path.dirname(os.__file__), "runpy.py")


def install() -> None:
    """Prepare this process, if it was started to run a script or module of the project."""
    spec = LaunchSpec.from_environment(os.environ)
    entry = entry_point(sys.orig_argv)
    _leave_sys_path()
    if spec is None or entry is None:
        return
    kind, target = entry
    if kind == "script":
        if not os.path.isfile(target) or not _in_project(spec, target):
            return
        sys.path_hooks.insert(0, _ScriptHook(spec, target))
    else:
        sys.meta_path.insert(0, _MainModuleFinder(spec, target))


def _leave_sys_path() -> None:
    """Take our folder off sys.path; PYTHONPATH still carries it to children."""
    sys.path[:] = [path for path in sys.path if not path or os.path.abspath(path) != _SITE]


def _in_project(spec: LaunchSpec, path: str) -> bool:
    # Launchers (torchrun, accelerate) are console scripts of the environment: they pass through,
    # and the processes that they start are looked at by themselves.
    from florlib.runtime.project import Project

    return Project.at(spec.project).relative(path) is not None


class _ScriptHook:
    """A path hook that claims the script, once."""

    def __init__(self, spec: LaunchSpec, script: str) -> None:
        self._spec = spec
        self._script = script
        self._done = False

    def __call__(self, path: str) -> _ScriptFinder:
        if self._done or not same_file(path, self._script):
            raise ImportError
        self._done = True
        sys.path_hooks.remove(self)
        return _ScriptFinder(self._spec, os.path.abspath(path))


class _ScriptFinder:
    """Finds `__main__` "in" the script's path."""

    def __init__(self, spec: LaunchSpec, path: str) -> None:
        self._spec = spec
        self._path = path

    def find_spec(
        self, name: str, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "__main__":
            return None
        loader = _MainLoader(self._spec, "__main__", self._path, script=True)
        found = importlib.machinery.ModuleSpec("__main__", loader, origin=self._path)
        found.has_location = True
        found.cached = None
        return found

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


class _MainModuleFinder:
    """Finds the module of `python -m` and gives it our loader, once."""

    def __init__(self, spec: LaunchSpec, name: str) -> None:
        self._spec = spec
        self._names = (name, f"{name}.__main__")

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._names:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or not isinstance(found.loader, importlib.machinery.SourceFileLoader):
            return found
        if found.submodule_search_locations is not None or found.origin is None:
            return found  # a package: its __main__ is what runs
        sys.meta_path.remove(self)
        if _in_project(self._spec, found.origin):
            found.loader = _MainLoader(self._spec, name, found.origin, script=False)
        return found

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


class _MainLoader(importlib.machinery.SourceFileLoader):
    """Loads the program; begins the session before the program's first statement."""

    def __init__(self, spec: LaunchSpec, name: str, path: str, *, script: bool) -> None:
        super().__init__(name, path)
        self._launch = spec
        self._is_script = script

    def is_package(self, fullname: str) -> bool:
        """A script is none, whatever its name."""
        return False

    def get_code(self, fullname: str) -> types.CodeType | None:
        """The program's code, rewritten; what cannot be rewritten runs as it is."""
        path = str(self.path)
        if self._is_script:
            _restore_first_path(path)
            _shorten_tracebacks()
        from florlib.runtime.start import start_session

        started = start_session(self._launch, path)
        code = None
        if started is not None:
            builtins.__flor__ = started.runtime  # type: ignore[attr-defined]
            sys.meta_path.insert(0, _ProjectFinder(started.runtime.session))
            _run_at_exit(started.runtime.session)
            prologue = "__flor__.enter_main(globals())" if self._is_script else None
            code = started.code(path, prologue)
        if code is not None:
            return code
        if not self._is_script:
            return super().get_code(fullname)
        source = importlib.util.decode_source(self.get_data(path))
        return compile(source, path, "exec", dont_inherit=True)


def _restore_first_path(path: str) -> None:
    """runpy put the script itself into sys.path[0]; Python would have put its folder."""
    if sys.path and sys.path[0] and same_file(sys.path[0], path):
        if getattr(sys.flags, "safe_path", False):
            del sys.path[0]
        else:
            sys.path[0] = os.path.dirname(os.path.realpath(path))


def _shorten_tracebacks() -> None:
    """Leave the frames of runpy and of our loader out of uncaught exceptions."""
    following = sys.excepthook

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
    ) -> None:
        while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        error.__traceback__ = trace
        following(kind, error, trace)

    excepthook.flor_following = following  # type: ignore[attr-defined]
    sys.excepthook = excepthook


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or filename == _STDLIB_RUNPY


class _ProjectFinder:
    """Gives the project's own modules a loader that rewrites them."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or type(found.loader) is not importlib.machinery.SourceFileLoader:
            return found
        inside = self._session.project.relative(found.origin or "")
        if inside is not None and self._session.active:
            found.loader = _ProjectLoader(self._session, inside, name, str(found.origin))
        return found

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


class _ProjectLoader(importlib.machinery.SourceFileLoader):
    """Loads one module of the project, with its loops wrapped."""

    def __init__(self, session: Any, inside: str, name: str, path: str) -> None:
        super().__init__(name, path)
        self._session = session
        self._inside = inside

    def get_code(self, fullname: str) -> types.CodeType | None:
        """The module's code; Python's own, with its cache file, where nothing is wrapped."""
        original = super().get_code(fullname)
        self._session.prepare_source(self._inside)
        code = self._session.sources.code(self._inside, str(self.path))
        return code if code is not None else original


def _run_at_exit(session: Any) -> None:
    from florlib.runtime.start import finish_session

    atexit.register(finish_session, session)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=session.abandon)
