"""What is exported: runs, one after the other, with the values that were chosen of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from florctl.orchestrate.answers.logged import NameNotFound
from florctl.orchestrate.answers.steps import Steps, Turns, turns_per_entry
from florlib.ground.errors import FlorError
from florlib.ground.layout import HomeLayout
from florlib.stores.catalog import named_values, questions
from florlib.stores.catalog.connection import open_readonly, translated
from florlib.stores.catalog.rows import SHELL, RunDetails, RunRow, ValueRow

PRINTED = ("print", "stderr")
"""Printed lines, which come along only where they are named."""


class OutputExists(FlorError):
    """What would be written is there already."""

    code, exit_status = "output-exists", 2


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """A run, and those of its values that were chosen, in the order of execution."""

    row: RunRow
    values: list[ValueRow]

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.row.name}@{self.row.ordinal}"


@dataclass(frozen=True, slots=True)
class Track:
    """The values of one name that one process logged, each with its step.

    Attributes:
        words: what the steps mean.
    """

    name: str
    rank: int
    wave: int
    values: list[tuple[int, ValueRow]]
    words: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Runs and names, read again from one state of the catalog as often as they are gone through.

    One run at a time is held in memory.
    """

    rows: Sequence[RunRow]
    names: Sequence[str] | None
    home: Path
    _connection: sqlite3.Connection

    def runs(self) -> Iterator[ChosenRun]:
        """Every run with its values."""
        for row in self.rows:
            names = self._names_of(row)
            values = named_values.values(self._connection, row.key, names) if names else []
            values = [one for one in values if one.origin != SHELL]
            yield ChosenRun(row, values)

    def details(self, row: RunRow) -> RunDetails:
        """What is known of a run beyond its row."""
        return questions.details(self._connection, row.key)

    def tracks(self, run: ChosenRun) -> list[Track]:
        """The values of a run by name and process."""
        turns: Turns = questions.turns(self._connection, run.row.key)
        per_entry = turns_per_entry(turns, run.values)
        found: dict[tuple[str, int, int], list[ValueRow]] = {}
        for value in run.values:
            found.setdefault((value.name, value.rank, value.wave), []).append(value)
        return [_track(*key, values, per_entry) for key, values in found.items()]

    def printed(self) -> bool:
        """Whether printed lines are left out, as nobody named them."""
        return self.names is None and any(
            one.name in PRINTED
            for row in self.rows
            for one in named_values.names(self._connection, row.key)
        )

    def check(self) -> None:
        """See that there is something to export.

        Raises:
            NameNotFound: none of the runs has logged one of the names, or anything but lines.
        """
        found = {name for row in self.rows for name in self._names_of(row)}
        one = f"{self.rows[0].name}@{self.rows[0].ordinal}"
        which = (
            f"{one} has not" if len(self.rows) == 1 else f"none of the {len(self.rows)} runs has"
        )
        for name in self.names or ():
            if name not in found:
                hint = f"flor log get {self.rows[0].run}"
                raise NameNotFound(f"{which} logged {name}", hint=hint)
        if not found:
            hint = f"flor export {self.rows[0].run} --to csv --names print"
            raise NameNotFound(f"{which} logged anything but printed lines", hint=hint)

    def _names_of(self, row: RunRow) -> list[str]:
        known = [one.name for one in named_values.names(self._connection, row.key)]
        if self.names is None:
            return [name for name in known if name not in PRINTED]
        return [name for name in self.names if name in known]


@contextmanager
def choose(rows: Sequence[RunRow], names: Sequence[str] | None, home: Path) -> Iterator[Chosen]:
    """Choose runs and names; the catalog stays as it is now until the block ends.

    Raises:
        NameNotFound: see `Chosen.check`.
    """
    path = HomeLayout(home).catalog
    connection = open_readonly(path)
    try:
        with translated(path):
            connection.execute("BEGIN")
            chosen = Chosen(rows, names, home, connection)
            chosen.check()
            yield chosen
    finally:
        connection.close()


def _track(
    name: str, rank: int, wave: int, values: list[ValueRow], per_entry: dict[tuple[str, ...], int]
) -> Track:
    at_once = max((one.occurrence + 1 for one in values if one.position), default=1)
    steps = Steps(per_entry, at_once)
    numbered = [(steps.of(one.position, one.occurrence), one) for one in values]
    return Track(name, rank, wave, numbered, steps.words())
