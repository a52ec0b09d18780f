"""Names, sites and places, each of which the catalog holds once."""

from __future__ import annotations

import json
import sqlite3

from florlib.stores.catalog.places import Place

MOST_PLACES = 100_000
"""That are remembered; a training has a handful, one of loops within loops within loops many."""


class Interned:
    """Keys of interned names, sites and places, each asked for once a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection.execute
        self._names: dict[str, int] = {}
        self._sites: dict[tuple[str, int], int] = {}
        self._places: dict[Place, int] = {}

    def name(self, name: str) -> int:
        """The key of a name, which is interned where it is new."""
        key = self._names.get(name)
        if key is None:
            text = storable(name)
            self._sql("INSERT OR IGNORE INTO name (name) VALUES (?)", (text,))
            (key,) = self._sql("SELECT key FROM name WHERE name = ?", (text,)).fetchone()
            self._names[name] = key
        return key

    def site(self, path: str | None, line: int) -> int | None:
        """The key of a line of a file; None where it belongs to no project."""
        if path is None:  # a line of an installed package or of no file
            return None
        key = self._sites.get((path, line))
        if key is None:
            row = (storable(path), line)
            self._sql("INSERT OR IGNORE INTO site (path, line) VALUES (?, ?)", row)
            (key,) = self._sql("SELECT key FROM site WHERE path = ? AND line = ?", row).fetchone()
            self._sites[path, line] = key
        return key

    def place(self, place: Place) -> int:
        """The key of a place."""
        key = self._places.get(place)
        if key is None:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            row = (place.path, json.dumps(place.slots))
            self._sql("INSERT OR IGNORE INTO place (path, slots) VALUES (?, ?)", row)
            (key,) = self._sql("SELECT key FROM place WHERE path = ? AND slots = ?", row).fetchone()
            self._places[place] = key
        return key


def storable(text: str | None) -> str | None:
    """A text as SQLite can hold it: bytes of file names that are no UTF-8 become escapes.

    >>> storable("x\\udce9.txt")
    'x\\\\udce9.txt'
    """
    return None if text is None else str(text).encode("utf-8", "backslashreplace").decode()
