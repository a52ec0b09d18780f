"""What installed libraries keep in their modules: random generators, and numbers that count.

Generators are captured like those of the script. A number is not: beside a counter it may be the
port of a server or the id of a process, and must not come back. So one that has moved is named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from florlib.runtime.graph import kinds
from florlib.runtime.project import Project

_MOST_MODULES = 300  # a library with more of them would cost the walk more than it is worth
# Their generators and switches are known by name (graph/generators.py, modes.py).
_KNOWN = frozenset({"numpy", "random", "sys", "torch", "warnings", *kinds.BYSTANDERS})

Numbers = dict[tuple[str, str], int | float]


def _modules(packages: Iterable[str], project: Project) -> Iterator[str]:
    wanted = {name for name in packages if name and name not in _KNOWN}
    found = [
        name
        for name in list(sys.modules)
        if name.partition(".")[0] in wanted and not project.owns_module(name)
    ]
    yield from found if len(found) <= _MOST_MODULES else (n for n in found if n in wanted)


def generators(packages: Iterable[str], project: Project) -> set[tuple[str, str]]:
    """(module, name) of the random generators that libraries have in their modules."""
    return {
        (module, name)
        for module in _modules(packages, project)
        for name, value in list(vars(sys.modules[module]).items())
        if kinds.kind_of(value) == "generator"
    }


def numbers(packages: Iterable[str], project: Project) -> Numbers:
    """By (module, name) the numbers that libraries have in their modules."""
    return {
        (module, name): value
        for module in _modules(packages, project)
        for name, value in list(vars(sys.modules[module]).items())
        if type(value) in (int, float) and not name.startswith("__")
    }


def moved(before: Numbers, now: Numbers) -> list[str]:
    """The dotted names of numbers that are others than before."""
    return [
        f"{module}.{name}"
        for (module, name), value in now.items()
        if (module, name) in before
        and before[module, name] is not value  # math.nan does not equal itself
        and before[module, name] != value
    ]
