"""Carrying questions over to earlier versions: what was added today, placed where it belonged then.

Three steps, each surer than the next. Where the statements on both sides are the same in the
recorded version and the earlier one, the place is that of a three-way merge. Else statements are
paired by what is alike in them, renamed names are followed, and the place is that between the
paired neighbours. Where that leaves a doubt (a name without a value, a place on either side of a
statement that matters, another loop around), the statement is refused, and the doubt is named.

Whatever is placed is held against the earlier file as any added line is: it must be a probe.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from florlib.hindsight.propagation.asked import Asked
from florlib.hindsight.propagation.patching import Insertion, Placed, patched, places_of
from florlib.hindsight.propagation.placing import FilePlacer, Refused
from florlib.hindsight.propagation.project import Project

__all__ = ["Asked", "Placed", "Propagated", "Refused", "propagate", "questions"]

_ELSEWHERE = 0.5  # so much of a file must be in one of another name


@dataclass(slots=True)
class Propagated:
    """An earlier version with what was asked of it.

    Attributes:
        texts: by path, the files that something was placed in.
        placed: what was.
        refused: what was not.
    """

    texts: dict[str, str] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def questions(recent: Mapping[str, str], present: Mapping[str, str]) -> list[Asked]:
    """What was added to the files of a recorded version.

    Args:
        recent: by path, the recorded texts.
        present: the present ones.

    Raises:
        SyntaxError: a present text does not parse; Python's own.
    """
    trees = {path: ast.parse(text) for path, text in recent.items()}
    found = [
        Asked.of(path, text, present[path], trees)
        for path, text in recent.items()
        if path in present and present[path] != text
    ]
    return [one for one in found if one.additions or one.wrapped]


def propagate(
    asked: list[Asked], recent: Mapping[str, str], earlier: Mapping[str, str]
) -> Propagated:
    """Place questions in an earlier version.

    Args:
        asked: the questions.
        recent: by path, the texts of the version that they were added to.
        earlier: those of the earlier version.
    """
    found = Propagated()
    now = {path: ast.parse(text) for path, text in recent.items()}
    now |= {one.path: one.recent for one in asked}
    then = {path: ast.parse(text) for path, text in earlier.items()}
    project = Project(now, then)
    into: dict[str, list[Insertion]] = {}
    for one in sorted(asked, key=lambda one: one.path not in earlier):
        placer = _placer(one, earlier, project, into)
        if placer is None:
            reason = f"no file of that version is like {one.path}"
            found.refused += [Refused(one.path, each.lineno, reason) for each in one.statements]
            continue
        found.refused += placer.refused
        into.setdefault(placer.path, []).extend(placer.complete)
    for path, insertions in into.items():
        if insertions:
            found.texts[path] = patched(earlier[path], insertions)
            found.placed += places_of(path, insertions)
    return found


def _placer(
    asked: Asked,
    earlier: Mapping[str, str],
    project: Project,
    into: Mapping[str, list[Insertion]],
) -> FilePlacer | None:
    """For the file of the same path; without one, for that which is most like it."""
    paths = [asked.path] if asked.path in earlier else earlier
    placers = [
        FilePlacer(asked, path, earlier[path], project, into.get(path, [])) for path in paths
    ]
    best = max(placers, key=lambda one: one.resemblance, default=None)
    if best is None or (best.path != asked.path and best.resemblance < _ELSEWHERE):
        return None
    best.place()
    return best
