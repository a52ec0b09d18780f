"""Which runs `flor log list` shows, in which order, and with which of their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from florctl.orchestrate.answers.lookup import runs_of
from florlib.ground.errors import UsageError
from florlib.stores.catalog.rows import RunRow

if TYPE_CHECKING:  # what is known of runs under a name, which a plain list does without
    from florctl.orchestrate.answers.facts import Best, Facts

_EXAMPLE = "flor log list --columns lr,loss --best min:loss --sort min:loss"


class Wanted(NamedTuple):
    """What is asked for.

    Attributes:
        name: of the runs; None for any.
        project: of the runs; None for all.
        where: an expression that holds of them.
        columns: arguments, tags, fields or logged names to show.
        best: `min:loss` or `max:acc`: logged names of which the best value is shown.
        sort: one of these, or another such name; the newest first where it is None.
        reverse: the greatest first.
    """

    name: str | None = None
    project: Path | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    best: tuple[str, ...] = ()
    sort: str | None = None
    reverse: bool = False
    limit: int | None = None


class Listing(NamedTuple):
    """What is shown.

    Attributes:
        columns: names of facts, in their order.
        facts: by the key of the run.
    """

    runs: list[RunRow]
    columns: tuple[str, ...]
    facts: dict[int, Facts]


def list_of(wanted: Wanted, home: Path) -> Listing:
    """Look up the runs that are asked for.

    Raises:
        UsageError: an expression or a column is none.
        NameNotFound: no run knows a name that is asked for.
    """
    is_plain = wanted.where is None and wanted.sort is None
    limit = wanted.limit if is_plain else None
    runs = runs_of(home, name=wanted.name, project=wanted.project, limit=limit)
    if wanted.where is not None:
        from florctl.orchestrate.answers.facts import holding
        from florctl.orchestrate.answers.selection import condition_of

        runs = holding(runs, condition_of(wanted.where, _EXAMPLE), home)
    columns: tuple[str, ...] = ()
    facts: dict[int, Facts] = {run.key: {} for run in runs}
    if wanted.columns or wanted.best or wanted.sort is not None:
        columns = (*wanted.columns, *map(str, map(_best, wanted.best)))
        facts = _facts_for(wanted, columns, runs, home)
    if wanted.sort is not None:
        runs = _sorted(runs, wanted.sort, facts, reverse=wanted.reverse)
    elif wanted.reverse:
        runs = runs[::-1]
    return Listing(runs[: wanted.limit], columns, facts)


def _facts_for(
    wanted: Wanted, columns: Sequence[str], runs: Sequence[RunRow], home: Path
) -> dict[int, Facts]:
    """What is known of runs under the columns, and under the name that they are sorted by."""
    from florctl.orchestrate.answers.facts import Best, add_best, facts_of, unknown_to_all

    best = [_best(text) for text in wanted.best]
    extra = [] if wanted.sort is None or wanted.sort in columns else [wanted.sort]
    sorted_best = [one for text in extra if (one := Best.parse(text)) is not None]
    names = [*wanted.columns, *([] if sorted_best else extra)]
    facts = facts_of(runs, names, home)
    add_best(facts, runs, [*best, *sorted_best], home)
    unknown_to_all([*columns, *extra], runs, facts)
    return facts


def _best(text: str) -> Best:
    from florctl.orchestrate.answers.facts import Best

    best = Best.parse(text)
    if best is None:
        raise UsageError(f"{text!r} is neither min:NAME nor max:NAME", hint=_EXAMPLE)
    return best


def _sorted(
    runs: Sequence[RunRow], name: str, facts: dict[int, Facts], *, reverse: bool
) -> list[RunRow]:
    """The runs by a fact: numbers, then texts; those without it, or with NaN, at the end."""
    keys = {run.key: _sort_key(facts[run.key].get(name)) for run in runs}
    having = [run for run in runs if keys[run.key] is not None]
    having.sort(key=lambda run: keys[run.key] or (), reverse=reverse)
    return [*having, *(run for run in runs if keys[run.key] is None)]


def _sort_key(fact: Any) -> tuple[Any, ...] | None:
    from florlib.ground.values import decode_value

    value = None if fact is None else decode_value(fact.value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))
