"""The user's frames: which are on the stack, what their names hold, and binding names anew."""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from florlib.runtime.graph.places import ABSENT, GIVEN_NAMES, Root
from florlib.runtime.project import Project

MODULE_SCOPE = "module "
FRAME_SCOPE = "frame "
NAMED = (FRAME_SCOPE, MODULE_SCOPE)
# Streams, hooks and handlers of these are the process's own, and so is where code is found.
_INTERPRETER = frozenset({"builtins", "logging", "os", "sys", "warnings"})
_ITS_OWN = frozenset(
    ("sys", name) for name in ("meta_path", "modules", "path", "path_hooks", "path_importer_cache")
)
_PLAIN = frozenset({bool, int, float, str, list, dict, set, tuple, type(None)})


def user_frame(project: Project, depth: int = 1) -> types.FrameType | None:
    """The innermost frame of the user's at or above `depth` callers."""
    frame: types.FrameType | None = sys._getframe(depth)
    while frame is not None and project.relative(frame.f_code.co_filename) is None:
        frame = frame.f_back
    return frame


def function_frames(frame: types.FrameType, project: Project) -> list[types.FrameType]:
    """The user's frames from `frame` outward that have names of their own."""
    found = []
    current: types.FrameType | None = frame
    while current is not None:
        inside = project.relative(current.f_code.co_filename) is not None
        if inside and current.f_code.co_name != "<module>":
            found.append(current)
        current = current.f_back
    return found


def scopes(
    frame: types.FrameType, project: Project
) -> list[tuple[str, Mapping[str, Any], types.FrameType | None]]:
    """(scope, names, frame) of all places where the user's names live, innermost first.

    A module's scope has no frame: its names are its globals.
    """
    frames = function_frames(frame, project)
    depth = len(frames)
    found: list[tuple[str, Mapping[str, Any], types.FrameType | None]] = [
        (f"{FRAME_SCOPE}{depth - n} {_name(part)}", part.f_locals, part)
        for n, part in enumerate(frames)
    ]
    modules = project.modules()
    found += [(MODULE_SCOPE + name, vars(sys.modules[name]), None) for name in modules]
    return found + _libraries(project)


def _libraries(project: Project) -> list[tuple[str, Mapping[str, Any], None]]:
    """What the project's code has set in libraries, as `torch.backends.cudnn.benchmark = True`."""
    names: dict[str, dict[str, Any]] = {}
    for path, attribute in sorted(project.library_attributes):
        module, owner = _owner(path)
        value = getattr(owner, attribute, ABSENT)
        if value is ABSENT or project.owns_module(module) or (module, attribute) in _ITS_OWN:
            continue
        own = type(value) is types.FunctionType and project.owns_module(value.__module__)
        if module not in _INTERPRETER or type(value) in _PLAIN or own:
            names.setdefault(path, {})[attribute] = value
    return [(MODULE_SCOPE + path, values, None) for path, values in names.items()]


def _owner(path: str) -> tuple[str, Any]:
    """The module in a dotted path, and what the whole path leads to, ABSENT for nothing."""
    module, inside = path, list[str]()
    while module and module not in sys.modules:
        module, _, name = module.rpartition(".")
        inside.insert(0, name)
    found = sys.modules.get(module, ABSENT)
    for name in inside:
        found = getattr(found, name, ABSENT)
    return module, found


def _name(frame: types.FrameType) -> str:
    return getattr(frame.f_code, "co_qualname", frame.f_code.co_name).rpartition(".")[2]


def roots(frame: types.FrameType, project: Project) -> Iterator[tuple[str, str, Any]]:
    """(scope, name, object) of everything the user's code can reach by name."""
    for scope, names, _ in scopes(frame, project):
        for name, value in list(names.items()):
            if name not in GIVEN_NAMES:
                yield scope, name, value


def borrowed(frame: types.FrameType, project: Project) -> set[Root]:
    """The variables that functions have from those around them, which a probe may have added."""
    return {
        (scope, name)
        for scope, _, part in scopes(frame, project)
        if part is not None
        for name in part.f_code.co_freevars
    }


def bind(frame: types.FrameType, project: Project, values: Mapping[Root, Any]) -> None:
    """Bind names anew where they live.

    A function's variables are written through its frame: `PyFrame_LocalsToFast` up to
    Python 3.12, `f_locals` itself from 3.13 (PEP 667).
    """
    by_scope: dict[str, dict[str, Any]] = {}
    for (scope, name), value in values.items():
        by_scope.setdefault(scope, {})[name] = value
    parts = {scope: (names, part) for scope, names, part in scopes(frame, project)}
    for scope, wanted in by_scope.items():
        names, part = parts.get(scope, ({}, None))
        if part is not None:
            bind_locals(part, names, wanted)
            continue
        _, owner = _owner(scope.removeprefix(MODULE_SCOPE))
        for name, value in wanted.items():
            if owner is not ABSENT and getattr(owner, name, ABSENT) is not value:
                setattr(owner, name, value)  # more than a name in torch.backends


def unbind(roots: Iterable[Root]) -> None:
    """Take names off modules, or attributes off what lies in one; those of functions stay."""
    for scope, name in roots:
        if scope.startswith(MODULE_SCOPE):
            _, owner = _owner(scope.removeprefix(MODULE_SCOPE))
            if name in getattr(owner, "__dict__", {}):
                delattr(owner, name)


def bind_locals(
    frame: types.FrameType, names: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Bind variables of a function anew.

    Args:
        frame: the function's.
        names: its `f_locals`.
        wanted: by name; those that the function does not have are left aside.
    """
    code = frame.f_code
    own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    values = {name: value for name, value in wanted.items() if name in own}
    if sys.version_info >= (3, 13):
        frame.f_locals.update(values)
        return
    assert isinstance(names, dict)
    names.update(values)
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
