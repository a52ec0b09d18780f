"""The names that only hindsight statements store: the record has none of them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping

from florlib.runtime import frames
from florlib.runtime.graph.places import Root
from florlib.runtime.project import Project

Introduced = Mapping[str, frozenset[tuple[str, str]]]
"""By path: (qualname of a function or "<module>", name)."""


def introduced_roots(
    introduced: Introduced, frame: types.FrameType, project: Project
) -> Callable[[Root], bool]:
    """Whether a root is such a name, in the very function or module whose probes store it.

    A name of another function or module that is spelled like it belongs to the record.
    """
    found: dict[str, set[str]] = {}
    for scope, _, part in frames.scopes(frame, project) if introduced else ():
        path, function = _place(scope, part, project)
        for owner, name in introduced.get(path or "", ()):
            if function in (owner, owner.rpartition(".")[2] if _ONLY_LAST else owner):
                found.setdefault(scope, set()).add(name)
    return lambda root: root[1] in found.get(root[0], ())


_ONLY_LAST = sys.version_info < (3, 11)  # code objects know no more of their qualname than that


def _place(scope: str, part: types.FrameType | None, project: Project) -> tuple[str | None, str]:
    if part is not None:
        code = part.f_code
        return project.relative(code.co_filename), getattr(code, "co_qualname", code.co_name)
    module = sys.modules.get(scope.removeprefix(frames.MODULE_SCOPE))
    file = getattr(module, "__file__", None)
    return (project.relative(file) if isinstance(file, str) else None), "<module>"
