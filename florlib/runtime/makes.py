"""What a script changes of how its functions and classes are made, and what ends with their objects.

Checkpoints hold what objects contain, and neither of that; the text shows where a script does it.
"""

from __future__ import annotations

from collections.abc import Iterator

from florlib.runtime.graph.captured import Missing
from florlib.runtime.project import Project

_MAKE = frozenset({"__annotations__", "__bases__", "__code__", "__defaults__", "__kwdefaults__"})


def remade(project: Project) -> Iterator[Missing]:
    """What the project's text sets of the make of functions and classes, and its `__del__`."""
    for name in sorted(_MAKE & project.put):
        yield Missing("attribute", name, name, f"{name} of a function or class, which is set")
    if "__del__" in project.put:
        reason = "what a class does when nothing holds its objects any more"
        yield Missing("method", "__del__", "__del__", reason)
