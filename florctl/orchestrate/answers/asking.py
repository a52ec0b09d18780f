"""SQL, put to the catalog."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from florlib.ground.errors import UsageError
from florlib.ground.layout import HomeLayout
from florlib.stores.catalog.connection import open_readonly
from florlib.stores.catalog.schema import VIEWS

_EXAMPLE = """flor query "SELECT name, sql FROM sqlite_master WHERE type = 'view'\""""


@dataclass(frozen=True, slots=True)
class Answer:
    """What SQL came to: the columns' names, and the rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def objects(self) -> list[dict[str, Any]]:
        """The rows by name; of columns that share a name, the last."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(sql: str, home: Path) -> Answer:
    """Put SQL to the catalog, which it cannot change.

    Raises:
        UsageError: SQLite does not take it.
    """
    with closing(open_readonly(HomeLayout(home).catalog)) as connection:
        try:
            cursor = connection.execute(sql)
            columns = tuple(column[0] for column in cursor.description or ())
            return Answer(columns, cursor.fetchall())
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise UsageError(f"SQL: {error} (views: {', '.join(VIEWS)})", hint=_EXAMPLE) from error
