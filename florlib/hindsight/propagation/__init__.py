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
from dataclasses import dataclass, field, replace

from florlib.hindsight.propagation.asked import Asked
from florlib.hindsight.propagation.placing import FilePlacer, Placed, Refused
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
    for one in sorted(asked, key=lambda one: one.path not in earlier):
        placer = _placer(one, {**earlier, **found.texts}, project)
        if placer is None:
            reason = f"no file of that version is like {one.path}"
            found.refused += [Refused(one.path, each.lineno, reason) for each in one.statements]
            continue
        found.refused += placer.refused
        if placer.insertions:
            others = [_shifted(each, placer) for each in found.placed]
            found.texts[placer.path], placed = placer.patched()
            found.placed = [*others, *placed]
    return found


def _shifted(placed: Placed, placer: FilePlacer) -> Placed:
    """Where something stands with what is placed in the same file after it."""
    if placed.into != placer.path:
        return placed
    return replace(placed, at=placed.at + placer.lines_above(placed.at))


def _placer(asked: Asked, earlier: Mapping[str, str], project: Project) -> FilePlacer | None:
    """For the file of the same path; without one, for that which is most like it."""
    if asked.path in earlier:
        return _placed(FilePlacer(asked, asked.path, earlier[asked.path], project))
    candidates = [FilePlacer(asked, path, text, project) for path, text in earlier.items()]
    best = max(candidates, key=lambda one: one.resemblance, default=None)
    return _placed(best) if best is not None and best.resemblance >= _ELSEWHERE else None


def _placed(placer: FilePlacer) -> FilePlacer:
    placer.place()
    return placer
