"""Makes what showed a finding as plain as it can be while it still shows it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fuzz.forks import Zygote
from tests.fuzz.render import render
from tests.fuzz.spec import Spec
from tests.fuzz.trial import Ask, Finding, case_of, try_script


@dataclass(frozen=True, slots=True)
class Shown:
    """A spec and a question that show a finding."""

    spec: Spec
    ask: Ask | None
    finding: Finding


def shown(spec: Spec, ask: Ask | None, manner: str, zygote: Zygote | None) -> Shown | None:
    """Whether these show a finding of that manner; real processes without a zygote."""
    files = render(spec)
    kinds = case_of(files).kinds
    asks = []
    if ask is not None:
        left = tuple(kind for kind in ask.kinds if kind in kinds)
        if not left:
            return None
        asks = [replace(ask, kinds=left)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        outcome = try_script(files, asks, Path(folder), zygote, spec.budget)
    found = [finding for finding in outcome.findings if finding.manner == manner]
    return Shown(spec, asks[0] if asks else None, found[0]) if found else None


def shrunk(start: Shown, zygote: Zygote, *, attempts: int = 60) -> Shown:
    """The plainest that was found in so many attempts; a step is kept where it still shows it."""
    best = start
    left = iter(range(attempts))
    while True:
        following = _first(_steps(best), best, zygote, left)
        if following is None:
            return best
        best = following


def _first(
    steps: Iterator[tuple[Spec, Ask | None]], best: Shown, zygote: Zygote, left: Iterator[int]
) -> Shown | None:
    for spec, ask in steps:
        if next(left, None) is None:
            return None
        try:
            found = shown(spec, ask, best.finding.manner, zygote)
        except (SyntaxError, KeyError):  # parts that do not go together
            continue
        if found is not None:
            return found
    return None


def _steps(best: Shown) -> Iterator[tuple[Spec, Ask | None]]:
    if best.ask is not None:
        kinds = best.ask.kinds
        if len(kinds) > 1:
            for n in range(0, len(kinds), (len(kinds) + 1) // 2):
                yield best.spec, replace(best.ask, kinds=kinds[n : n + (len(kinds) + 1) // 2])
            for kind in kinds if len(kinds) > 2 else ():
                yield best.spec, replace(best.ask, kinds=(kind,))
        if best.ask.flags:
            yield best.spec, replace(best.ask, flags=())
    for spec in best.spec.simpler():
        yield spec, best.ask
