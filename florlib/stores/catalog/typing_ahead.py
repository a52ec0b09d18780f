"""What a shell offers while a person types: runs and names, read from the catalog as it is.

A shell asks at each press of a key. So this does with sqlite3 alone what lookup.py, questions.py and
named_values.py do at their leisure: data classes alone take as long to make as the rest of an answer.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

NEWEST = 50  # runs that are offered by their numbers or ids
_NEWEST_FIRST = "ORDER BY started DESC, run DESC LIMIT ?"


class Offered:
    """The runs and names of a catalog; none where it cannot be read.

    An error would be written into the line that a person types, and the next command tells it anyway.

    Args:
        path: of the catalog.
        project: the folder that `@` is about.
    """

    def __init__(self, path: str, project: str) -> None:
        self._path, self._project = path, project

    def run_names(self) -> list[str]:
        """Every name that a run has."""
        return self._ask("SELECT DISTINCT name FROM runs ORDER BY name")

    def logged_names(self) -> list[str]:
        """Every name that some run has logged."""
        return self._ask("SELECT name FROM name ORDER BY name")

    def selectors(self, incomplete: str) -> list[str]:
        """Words that name a run, of the kind that is being typed."""
        if incomplete.startswith("@"):
            count = len(self._ask("SELECT 1 FROM runs WHERE project = ? LIMIT 10", self._project))
            return [f"@~{n}" if n else "@" for n in range(count)]
        if incomplete[:1].isdigit():
            return self._ask("SELECT run FROM runs ORDER BY started DESC LIMIT ?", NEWEST)
        name, at, _ = incomplete.partition("@")
        if at:
            sql = f"SELECT name || '@' || ordinal FROM runs WHERE name = ? {_NEWEST_FIRST}"  # noqa: S608
            return self._ask(sql, name, NEWEST)
        names = self.run_names()
        return [*names, "@"] if names else []

    def names_of(self, selectors: list[str]) -> list[str]:
        """What the runs have logged that these words name, as far as they are no git revisions."""
        sql = (
            "SELECT DISTINCT name.name FROM run JOIN process ON process.run = run.key"
            " JOIN block ON block.process = process.key JOIN name ON name.key = block.name"
            " WHERE run.id = ?"
        )
        runs = [run for selector in selectors for run in self._run(selector)]
        return sorted({name for run in runs for name in self._ask(sql, run)})

    def _run(self, selector: str) -> list[str]:
        """The id of the run that a word names, if it names one."""
        if selector.startswith("@"):
            back = selector[2:] if selector.startswith("@~") else "0"
            sql = f"SELECT run FROM runs WHERE project = ? {_NEWEST_FIRST} OFFSET ?"  # noqa: S608
            return self._ask(sql, self._project, 1, int(back)) if back.isdecimal() else []
        name, at, ordinal = selector.rpartition("@")
        if at and ordinal.isdecimal():
            return self._ask(
                "SELECT run FROM runs WHERE name = ? AND ordinal = ?", name, int(ordinal)
            )
        sql = f"SELECT run FROM runs WHERE name = ? OR substr(run, 1, ?) = ? {_NEWEST_FIRST}"  # noqa: S608
        return self._ask(sql, selector, len(selector), selector, 1)

    def _ask(self, sql: str, *parameters: str | int) -> list[str]:
        """The first column of an answer."""
        uri = (
            f"file:{self._path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
        )
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=0.1)) as connection:
                return [row[0] for row in connection.execute(sql, parameters)]
        except sqlite3.Error:
            return []
