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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from florlib.hindsight.propagation.asked import Asked
from florlib.hindsight.propagation.placing import Attributes, FilePlacer, Placed, Refused

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
    trees = {path: ast.parse(text) for path, text in earlier.items()}
    parsed = {path: ast.parse(text) for path, text in recent.items()}
    attributes = Attributes(_defined(parsed), _defined(trees))
    for one in asked:
        placer = _placer(one, earlier, recent, trees, attributes)
        if placer is None:
            reason = f"no file of that version is like {one.path}"
            found.refused += [Refused(one.path, each.lineno, reason) for each in one.statements]
            continue
        found.refused += placer.refused
        if placer.insertions:
            found.texts[placer.path], placed = placer.patched()
            found.placed += placed
    return found


def _placer(
    asked: Asked,
    earlier: Mapping[str, str],
    recent: Mapping[str, str],
    trees: Mapping[str, ast.Module],
    attributes: Attributes,
) -> FilePlacer | None:
    """For the file of the same path; without one, for that which is most like it."""
    if asked.path in earlier:
        return _placed(asked, asked.path, earlier, trees, attributes)
    others = [path for path in earlier if path not in recent]
    candidates = [_placed(asked, path, earlier, trees, attributes) for path in others]
    best = max(candidates, key=lambda one: one.resemblance, default=None)
    return best if best is not None and best.resemblance >= _ELSEWHERE else None


def _placed(
    asked: Asked,
    path: str,
    earlier: Mapping[str, str],
    trees: Mapping[str, ast.Module],
    attributes: Attributes,
) -> FilePlacer:
    placer = FilePlacer(asked, path, earlier[path], trees, attributes)
    placer.place()
    return placer


def _defined(trees: Mapping[str, ast.Module]) -> frozenset[str]:
    """Attributes that files define: stored ones, methods, what stands in a class."""
    return frozenset(name for tree in trees.values() for name in _attributes(tree))


def _attributes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            for part in ast.walk(node):
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield part.name
                elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id
