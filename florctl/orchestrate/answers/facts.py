"""What is known of runs under a name: a field, a tag, an argument, or the last value logged as that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from florctl.orchestrate.answers.logged import NameNotFound
from florctl.orchestrate.answers.lookup import catalog_of
from florlib.ground.meant import meant
from florlib.ground.values import decode_value, encode_value
from florlib.hindsight.standing import standing
from florlib.stores.catalog import across, named_values
from florlib.stores.catalog.rows import RunRow, ValueRow

if TYPE_CHECKING:
    from florlib.hindsight.where import Condition

FIELDS = (
    "name",
    "ordinal",
    "status",
    "started",
    "seconds",
    "exit_status",
    "version",
    "dirty",
    "iterations",
    "checkpoints",
    "bytes",
    "overhead",
    "project",
)
"""Fields of a run that expressions may name."""


class Fact(NamedTuple):
    """One thing that is known of a run.

    Attributes:
        value: JSON as in the journal.
        source: "field", "tag", "argument" or "logged".
        mark: of a value that only replays have logged, how far it can be trusted.
    """

    value: Any
    source: str
    mark: str | None = None


Facts = dict[str, Fact]


def facts_of(runs: Sequence[RunRow], names: Iterable[str], home: Path) -> dict[int, Facts]:
    """By the key of the run, what is known under each of the names; what is not known is left out.

    An argument goes before a tag, a tag before a field, and a logged value comes last: the last
    recorded one, or of what replays alone have logged, the last of theirs.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[int, Facts] = {run.key: {} for run in runs}
    if not wanted:
        return found
    with catalog_of(home) as connection:
        arguments = across.arguments(connection, wanted)
        for run in runs:
            of_run = found[run.key]
            for name in wanted:
                if (run.run, name) in arguments:
                    of_run[name] = Fact(arguments[run.run, name], "argument")
                elif name in run.tags:
                    of_run[name] = Fact(run.tags[name], "tag")
                elif name in FIELDS:
                    of_run[name] = Fact(getattr(run, name), "field")
        logged = across.last_recorded(connection, wanted)
        replayed = across.replayed_names(connection, wanted)
        for run in runs:
            for name in wanted:
                if name not in found[run.key] and (run.run, name) in logged:
                    found[run.key][name] = Fact(logged[run.run, name], "logged")
            late = [
                name
                for name in wanted
                if name not in found[run.key] and (run.run, name) in replayed
            ]
            if late:
                rows = standing(named_values.values(connection, run.key, late, every=True))
                found[run.key].update(
                    (row.name, Fact(row.value, "logged", row.mark)) for row in rows
                )
    return found


class Best(NamedTuple):
    """The least or the greatest value of a logged name.

    Attributes:
        how: "min" or "max".
    """

    how: str
    name: str

    def __str__(self) -> str:
        return f"{self.how}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Best | None:
        """Read `min:loss` or `max:acc`; None where it is neither.

        >>> str(Best.parse("max:val/acc")), Best.parse("loss")
        ('max:val/acc', None)
        """
        how, colon, name = text.partition(":")
        return cls(how, name) if colon and name and how in ("min", "max") else None


def add_best(
    facts: dict[int, Facts], runs: Sequence[RunRow], wanted: Sequence[Best], home: Path
) -> None:
    """Add the best recorded value of each run, under `min:loss`.

    Of what replays alone have logged, it is the best of the verified values, else of all with their
    mark.
    """
    if not wanted:
        return
    with catalog_of(home) as connection:
        names = [best.name for best in wanted]
        recorded = across.extremes(connection, names)
        replayed = across.replayed_names(connection, names)
        for run in runs:
            for best in wanted:
                found = recorded.get((run.run, best.name))
                if found is not None:
                    value = found[0] if best.how == "min" else found[1]
                    facts[run.key][str(best)] = Fact(encode_value(value), "logged")
                    continue
                if (run.run, best.name) not in replayed:
                    continue
                rows = standing(named_values.values(connection, run.key, [best.name], every=True))
                late = _best_of(best, rows)
                if late is not None:
                    facts[run.key][str(best)] = late


def _best_of(best: Best, rows: Sequence[ValueRow]) -> Fact | None:
    numbers = [(decode_value(row.value), row) for row in rows]
    numbers = [
        (value, row)
        for value, row in numbers
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    ]
    trusted = [pair for pair in numbers if pair[1].mark == "verified"] or numbers
    if not trusted:
        return None
    choose = min if best.how == "min" else max
    _, row = choose(trusted, key=lambda pair: pair[0])
    return Fact(row.value, "logged", row.mark)


def holding(runs: Sequence[RunRow], condition: Condition, home: Path) -> list[RunRow]:
    """The runs of which an expression over their facts holds, in their order.

    Raises:
        NameNotFound: no run knows one of its names.
    """
    facts = facts_of(runs, condition.names.values(), home)
    unknown_to_all(condition.names.values(), runs, facts)
    return [run for run in runs if holds(condition, facts[run.key])]


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether an expression is true of a run."""
    values = {
        word: decode_value(facts[name].value) if name in facts else None
        for word, name in condition.names.items()
    }
    return condition.holds(values)


def unknown_to_all(names: Iterable[str], runs: Sequence[RunRow], facts: dict[int, Facts]) -> None:
    """Complain about a name that none of the runs knows.

    Raises:
        NameNotFound: there is one.
    """
    for name in names:
        if runs and not any(name in of_run for of_run in facts.values()):
            known = {*FIELDS, *(tag for run in runs for tag in run.tags)}
            near = meant(name, sorted(known), cutoff=0.6)
            said = f"; did you mean {near[0]}?" if near else ""
            raise NameNotFound(
                f"no run has an argument, a tag, a field or a logged value {name}{said}",
                hint=f"flor log get {runs[0].run}",
            )
