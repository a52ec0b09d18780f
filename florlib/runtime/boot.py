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
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IMPORTING = "<frozen importlib"
# The first statement of a program that came through our loader.
_ENTER = "__import__('florlib.runtime.boot', fromlist=['']).{}(globals())"
_ENTER_SCRIPT, _ENTER_MODULE = _ENTER.format("enter_script"), _ENTER.format("enter_module")
_RUNPY = ("<frozen runpy>", os.path.join(os.path.dirname(os.__file__), "runpy.py"))


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
        return _ScriptFinder(self._spec, path)


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
    """Finds the module of `python -m` and gives it our loader, once.

    Python imports the packages around the module first, and those may import all the rest: so
    the session begins as the outermost of them is looked for.
    """

    def __init__(self, spec: LaunchSpec, name: str) -> None:
        self._spec = spec
        self._names = (name, f"{name}.__main__")
        self._package = name.partition(".")[0]
        self._started: Any = None

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if name == self._package and self._started is None:
            program = self._program()
            if program is not None:
                self._started = _begin(self._spec, program)
                if self._started is not None:
                    sys.meta_path.remove(self)  # before the finder of all other modules
                    sys.meta_path.insert(0, self)
                    return _ProjectFinder(self._started.runtime.session).find_spec(name, path)
        if name not in self._names:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or not isinstance(found.loader, importlib.machinery.SourceFileLoader):
            return found
        if found.submodule_search_locations is not None or found.origin is None:
            return found  # a package: its __main__ is what runs
        sys.meta_path.remove(self)
        if _in_project(self._spec, found.origin):
            loader = _MainLoader(self._spec, name, found.origin, script=False)
            loader.started = self._started
            found.loader = loader
        return found

    def _program(self) -> str | None:
        """The file that will run, where it lies in a package of the project; None elsewhere."""
        found = importlib.machinery.PathFinder.find_spec(self._package)
        for folder in (found and found.submodule_search_locations) or ():
            inside = os.path.join(folder, *self._names[0].split(".")[1:])
            for path in (inside + ".py", os.path.join(inside, "__main__.py")):
                if os.path.isfile(path) and _in_project(self._spec, path):
                    return path
        return None

    def invalidate_caches(self) -> None:
        """Nothing is cached."""


class _MainLoader(importlib.machinery.SourceFileLoader):
    """Loads the program; begins the session before the program's first statement."""

    def __init__(self, spec: LaunchSpec, name: str, path: str, *, script: bool) -> None:
        super().__init__(name, path)
        self.started: Any = None
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
        _shorten_tracebacks(script=self._is_script)
        started = self.started or _begin(self._launch, path)
        code: types.CodeType | None = None
        if started is not None:
            code = started.code(path, _ENTER_SCRIPT if self._is_script else _ENTER_MODULE)
        if code is None and not self._is_script:
            code = super().get_code(fullname)
        elif code is None:
            code = _own_code(self.get_data(path), path)
        if started is not None and code is not None:
            _remember("__main__", code)
        return code


def _remember(module: str, code: types.CodeType) -> None:
    from florlib.runtime.graph.codes import remember

    remember(module, code)


def _own_code(data: bytes, path: str) -> types.CodeType:
    """The code of a script that is not rewritten."""
    source = importlib.util.decode_source(data)
    code: types.CodeType = compile(source, path, "exec", dont_inherit=True)
    try:
        import ast

        from florlib.runtime.sources import with_prologue

        tree = with_prologue(ast.parse(source, path), _ENTER_SCRIPT)
        code = compile(tree, path, "exec", dont_inherit=True)
    except Exception as error:  # noqa: BLE001  # all but multiprocessing's spawn works without
        sys.stderr.write(f"warning: flor could not prepare {path} ({error!r})\n")
    return code


def enter_script(names: dict[str, Any]) -> None:
    """Give `__main__` the attributes that Python gives a script.

    `__spec__` is None: with a spec, multiprocessing's spawn would not import the user's main
    module, and classes defined in it could not be unpickled.
    """
    names["__spec__"] = None
    names["__package__"] = None
    names["__cached__"] = None
    names["__loader__"] = importlib.machinery.SourceFileLoader("__main__", names["__file__"])


def enter_module(names: dict[str, Any]) -> None:
    """Give the module of `python -m` the loader that Python gives it."""
    spec = names["__spec__"]
    spec.loader = importlib.machinery.SourceFileLoader(spec.name, names["__file__"])
    names["__loader__"] = spec.loader


def _begin(spec: LaunchSpec, path: str) -> Any:
    started = _started(spec, path)
    if started is not None:
        builtins.__flor__ = started.runtime  # type: ignore[attr-defined]
        sys.meta_path.insert(0, _ProjectFinder(started.runtime.session))
        _run_at_exit(started.runtime.session)
    return started


def _started(spec: LaunchSpec, path: str) -> Any:
    try:
        from florlib.runtime.start import start_session
    except ImportError as error:  # the script's environment lacks what the runtime needs
        sys.stderr.write(f"warning: flor cannot enter this process ({error}); it runs unrecorded\n")
        return None
    return start_session(spec, path)


def _restore_first_path(path: str) -> None:
    """runpy put the script itself into sys.path[0]; Python would have put its folder."""
    if sys.path and sys.path[0] and same_file(sys.path[0], path):
        if getattr(sys.flags, "safe_path", False):
            del sys.path[0]
        else:
            sys.path[0] = os.path.dirname(os.path.realpath(path))


def _shorten_tracebacks(*, script: bool) -> None:
    """Leave our frames, and runpy's above a script, out of uncaught exceptions."""
    following = sys.excepthook

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
    ) -> None:
        told: BaseException | None = error
        seen: set[int] = set()
        while told is not None and id(told) not in seen:
            seen.add(id(told))
            told.__traceback__ = _without_ours(told.__traceback__, script=script)
            told = told.__cause__ or told.__context__
        following(kind, error, error.__traceback__)

    excepthook.flor_following = following  # type: ignore[attr-defined]
    sys.excepthook = excepthook


def _without_ours(trace: types.TracebackType | None, *, script: bool) -> types.TracebackType | None:
    """The traceback as it is without flor, as far as frames tell."""
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    files = [entry.tb_frame.f_code.co_filename for entry in entries]
    first = 0
    while script and first < len(files) and _is_above_script(files[first]):
        first += 1
    kept = [entries[n] for n in range(first, len(files)) if not _is_ours(files, n)]
    following = None
    for entry in reversed(kept):
        entry.tb_next = following
        following = entry
    return following


def _is_above_script(file: str) -> bool:
    return file in _RUNPY or file.startswith((_OURS, _IMPORTING))


def _is_ours(files: list[str], number: int) -> bool:
    """Whether a frame is ours, or one of the import system's beside one of ours."""
    if files[number].startswith(_OURS):
        return True
    if not files[number].startswith(_IMPORTING):
        return False
    first = last = number
    while first > 0 and files[first].startswith((_OURS, _IMPORTING)):
        first -= 1
    while last < len(files) and files[last].startswith((_OURS, _IMPORTING)):
        last += 1
    return any(file.startswith(_OURS) for file in files[first:last])


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
        if inside is None and self._session.active:
            found.loader = self._session.library_loader(name, found.origin) or found.loader
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
        code = self._session.sources.code(self._inside, str(self.path)) or original
        if code is not None:
            _remember(fullname, code)
        return code


def _run_at_exit(session: Any) -> None:
    from florlib.runtime.start import finish_session

    atexit.register(finish_session, session)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=session.pause, after_in_child=session.abandon)
