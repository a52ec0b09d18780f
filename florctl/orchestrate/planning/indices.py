"""Iterations and steps of a run, as options name them."""

from __future__ import annotations

from collections.abc import Sequence

from florlib.ground.errors import UsageError
from florlib.hindsight.question import Run
from florlib.hindsight.trace import Trace
from florlib.hindsight.where import (
    Condition,
    NotACondition,
    iterations_where,
    unknown_names,
)


def iterations_of(text: str, run: Run) -> frozenset[int]:
    """Read iterations of the main loops.

    Raises:
        UsageError: the text is no list of indices, or the run has no such iteration.
    """
    if not run.iterations:
        raise UsageError(f"run {run.run} has no iterations", hint=f"flor replay {run.run}")
    return parse_indices(text, run.iterations, "--epochs", ("iteration", "main loop"))


def steps_of(text: str, run: Run) -> frozenset[int]:
    """Read turns of the innermost loops.

    Raises:
        UsageError: the text is no list of indices, or the run has no such turn.
    """
    if not run.steps:
        raise UsageError(
            f"run {run.run} has no training loop inside of its main loop",
            hint=f"flor replay {run.run}",
        )
    return parse_indices(text, run.steps, "--steps", ("step", "innermost loop"))


def chosen_by(text: str, run: str, traces: Sequence[Trace]) -> frozenset[int]:
    """Iterations of the main loops in which an expression over logged values held.

    Raises:
        UsageError: the text is no such expression, a name in it was never logged, or it held nowhere.
    """
    try:
        condition = Condition.parse(text)
    except NotACondition as error:
        raise UsageError(str(error), hint='flor replay --where "loss > 4"') from None
    unknown = unknown_names(condition, traces)
    if unknown:
        logged = sorted({row.name for trace in traces for row in trace.rows})
        known = f"; it logged {', '.join(logged)}" if logged else ""
        raise UsageError(
            f"run {run} logged no {' and no '.join(unknown)}{known}", hint=f"flor log show {run}"
        )
    found = iterations_where(condition, traces)
    if not found:
        names = " ".join(condition.names.values())
        raise UsageError(
            f"in no iteration of run {run} is {text}", hint=f"flor log get {run} {names}"
        )
    return found


def parse_indices(text: str, count: int, option: str, words: tuple[str, str]) -> frozenset[int]:
    """Read `3,5:9`: indices from 0, the end of a range not included.

    Args:
        text: what was typed.
        count: how many there are.
        option: that it was typed for.
        words: what one is called, and what has them.

    Raises:
        UsageError: the text is no such list, or names one that there is not.
    """
    one, owner = words
    hint = f"flor replay {option} 0:{count}"
    chosen: set[int] = set()
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        try:
            start = int(first) if first or not colon else 0
            stop = (int(last) if last else count) if colon else start + 1
        except ValueError:
            raise UsageError(f"{text!r} is no list of {one}s", hint=hint) from None
        if start < 0 or stop > count or start >= stop:
            raise UsageError(
                f"there is no {one} {part.strip()}: the {owner} has {count}, from 0", hint=hint
            )
        chosen.update(range(start, stop))
    return frozenset(chosen)
